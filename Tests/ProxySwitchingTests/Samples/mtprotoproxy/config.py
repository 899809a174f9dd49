PORT = 443

# name -> secret (32 hex chars)
USERS = {
    "tg":  "000102030405060708090a0b0c0d0e0f",
    # "tg2": "0123456789abcdef0123456789abcdef",
}

MODES = {
    # Classic mode, easy to detect
    "classic": False,

    # Makes the proxy harder to detect
    "secure": False,

    "tls": True
}

# The domain for TLS mode, bad clients are proxied there
TLS_DOMAIN = "www.example.com"

# Tag for advertising, obtainable from @MTProxybot
AD_TAG = "3c09c680b76ee91a4c25ad51f742267d"
