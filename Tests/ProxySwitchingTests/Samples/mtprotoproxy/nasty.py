#!/usr/bin/env python3
"""A configuration with code in it.
PORT = 1
"""
import os
import time

PORT = 3256  # overwritten below
USERS = {'tg': '000102030405060708090a0b0c0d0e0f', u"two words": "101112131415161718191a1b1c1d1e1f"}

def helper(x):
    """PORT = 2"""
    text = f"""
PORT = {x}
USERS = {}
"""
    return text

USERS = {'tg': '000102030405060708090a0b0c0d0e0f',
         'two words': ('101112131415161718191a1b1c1d1e1f'), }
USERS["late"] = "303132333435363738393a3b3c3d3e3f"
PORT = 2443; SECURE_ONLY = True
TLS_ONLY = False
SECURE_ONLY = True
STATS_PRINT_PERIOD = 60 * 10
USER_MAX_TCP_CONNS = {"tg": 50, "two words": 0}
USER_EXPIRATIONS = {"tg": "31/12/2030"}
USER_DATA_QUOTA = {"tg": 100 * 1024**3}
MY_DOMAIN = 'proxy.example.com'
PROXY_PROTOCOL = True
METRICS_PORT = None
SOCKS5_PASS = "hidden-password"
LISTEN_ADDR_IPV6 = None
if os.environ.get("X"):
    PORT = 1
