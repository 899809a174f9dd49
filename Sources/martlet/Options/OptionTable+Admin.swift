import MTProtoWire
import ProxyPolicy

/// What operators' programs ask over HTTP.
enum AdminOptions: OptionSection {
    static let title = "Metrics and health over HTTP"

    static let options: [OptionDefinition] = [
        .value(
            "admin.listen", flag: "admin", \.configuration.admin.place, .listenPlace, absence: "off",
            "Address and port, or unix: and a path, for /stats, /metrics, /healthz and /readyz. Other addresses than"
                + " loopback ones need a token.",
            example: "127.0.0.1:8888"
        ),
        .value(
            "admin.token_file", flag: "admin-token-file", \.configuration.admin.tokenFile, .path, absence: nil,
            "File with a token of 16 characters or more that every request has to bring: Authorization: Bearer TOKEN.",
            example: "/etc/martlet/admin-token"
        ),
        .toggle(
            "admin.user_metrics", flag: "admin-user-metrics", \.configuration.admin.userMetrics,
            "Show connections, bytes and quota of each user in /metrics: names are visible to whoever may ask."
        ),
    ]
}
