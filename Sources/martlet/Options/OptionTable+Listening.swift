import ProxyPolicy

/// Where clients connect, with which secrets, and what their link says.
enum ListeningOptions: OptionSection {
    static let title = "Listening, secrets and links"

    static let options: [OptionDefinition] = [
        .value(
            "listen.host", flag: "host", \.configuration.listen.host, .listenAddress,
            "Address to listen on; 0.0.0.0 or :: serves other devices as well.", example: "0.0.0.0"
        ),
        .value(
            "listen.port", flag: "port", \.configuration.listen.port, .integer(0...65_535, placeholder: "PORT"),
            "Port to listen on; 0 lets the system choose.", example: "443"
        ),
        .toggle(
            "listen.proxy_protocol", flag: "proxy-protocol", \.configuration.listen.proxyProtocol,
            "Expect a PROXY protocol header, version 1 or 2, at the start of every connection."
        ),
        .list(
            "listen.proxy_protocol_from", flag: "proxy-protocol-from", .network,
            "Networks that may send the PROXY protocol header; from elsewhere a connection is a stranger's.",
            example: ["10.0.0.0/8"],
            load: { $0.configuration.listen.trustedSources },
            store: { $1.configuration.listen.trustedSources = $0 ?? [] }
        ),
        .value(
            "listen.threads", flag: "threads", \.configuration.listen.threads,
            .integer(0...256, placeholder: "COUNT"),
            "Event loops; 0 means one on a loopback address and one per core elsewhere.", example: "2"
        ),
        OptionDefinition(flag: "accept", .transports("listen.accept", \.configuration.listen.transports)),
        OptionDefinition(
            flag: "window-clamp", .windowClamp("listen.window_clamp", \.configuration.listen.socket.windowClampBytes)
        ),
        OptionDefinition(
            flag: "keepalive", .keepAlive("listen.keepalive", \.configuration.listen.socket.keepAliveSeconds)
        ),
        OptionDefinition(
            flag: "user-timeout",
            .userTimeout("listen.user_timeout", \.configuration.listen.socket.userTimeoutMilliseconds)
        ),
        secrets,
        .value(
            "link.server", flag: "link-server", \.configuration.link.server,
            .linkServer, absence: nil,
            "Host name or address that links name; without it the listening address, or for 0.0.0.0 and :: the"
                + " first address of this machine.",
            example: "proxy.example.com"
        ),
        .value(
            "link.port", flag: "link-port", \.configuration.link.port,
            .integer(1...65_535, placeholder: "PORT"), absence: nil,
            "Port that links name; without it the listening port.", example: "443"
        ),
    ]

    /// Blanks do not separate secrets: one that fell into a secret is a mistake to be told.
    private static let secrets = OptionDefinition.list(
        "secrets", flag: "secret", .secret,
        "Secret that clients use, optionally with a name: 32 hex digits, dd…, ee…, or the same in base64. Without"
            + " any secret or user, one is made on the first start and kept in the state directory.",
        example: ["family=dd000102030405060708090a0b0c0d0e0f"],
        separators: ",;",
        load: { $0.secrets },
        store: { $1.secrets = $0 ?? [] }
    )
}
