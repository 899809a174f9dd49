import ProxyPolicy

/// The ways to Telegram.
enum RouteOptions: OptionSection {
    static let title = "Routes to Telegram"

    private static let connectTime: ClosedRange<Int64> = 50...120_000

    static let options: [OptionDefinition] = addresses + behaviour + cloudflare + pool

    private static let addresses: [OptionDefinition] = [
        table(
            "routes.dc_ip", flag: "dc-ip", \.webSocketAddresses,
            "Address of Telegram's WebSocket endpoint for a data center; given at all, it replaces the whole list."
                + " `none` empties it.",
            example: ["2:149.154.167.220", "4:149.154.167.220"], keepsOthers: false
        ),
        table(
            "routes.test_dc_ip", flag: "test-dc-ip", \.testWebSocketAddresses,
            "The same for Telegram's test environment.", example: ["2:149.154.167.220"], keepsOthers: false
        ),
        table(
            "routes.tcp", flag: "tcp-address", \.tcpAddresses,
            "Address of a data center for plain TCP; replaces the built-in ones of that data center. `none` empties"
                + " the list.",
            example: ["2:149.154.167.51", "2:2001:67c:4e8:f002::a"], keepsOthers: true
        ),
        table(
            "routes.test_tcp", flag: "test-tcp-address", \.testTCPAddresses,
            "The same for Telegram's test environment.", example: ["2:149.154.167.40"], keepsOthers: true
        ),
    ]

    private static let behaviour: [OptionDefinition] = [
        .toggle(
            "routes.force_test_dc", flag: "force-test-dc", \.configuration.routes.forceTest,
            "Treat every client as one of Telegram's test environment."
        ),
        .value(
            "routes.default_dc", flag: "default-dc", \.configuration.routes.defaultDataCenter,
            .integer(1...9_999, placeholder: "DC"),
            "Data center for clients that name an unknown one.", example: "4"
        ),
        .toggle(
            "routes.websocket", flag: "websocket", \.configuration.routes.usesWebSocket,
            "Try Telegram's own WebSocket endpoint."
        ),
        .toggle(
            "routes.direct_tcp", flag: "direct-tcp", \.configuration.routes.usesTCP,
            "Try plain TCP to the data centers."
        ),
        .value(
            "routes.ca_file", flag: "ca-file", \.configuration.connect.caFile, .path, absence: nil,
            "Certificates (PEM) to trust instead of the system's.", example: "/etc/ssl/certs/ca-certificates.crt"
        ),
        .value(
            "routes.head_start", flag: "head-start", \.configuration.connect.headStartMilliseconds,
            .duration(connectTime), "How long a route is tried alone before the next one starts beside it.",
            example: "500ms"
        ),
        .value(
            "routes.budget", flag: "connect-budget", \.configuration.connect.budgetMilliseconds,
            .duration(connectTime), "Time for all routes together before the client is let go.", example: "10s"
        ),
        .value(
            "routes.first_byte_timeout", flag: "first-byte-timeout",
            \.configuration.connect.firstByteTimeoutMilliseconds, .duration(connectTime),
            "How long a connected route may stay silent before that is held against it.", example: "3s"
        ),
    ]

    private static let cloudflare: [OptionDefinition] = [
        .toggle(
            "cloudflare.enabled", flag: "cfproxy", \.configuration.routes.usesCloudflareDomains,
            "Try Cloudflare domains, your own and the community's; Workers do not depend on it."
        ),
        domains(
            "cloudflare.domains", flag: "cfproxy-domain", \.ownDomains,
            "Your own domain on Cloudflare with records kws1, kws2, …; replaces the community's list.",
            example: ["example.com"]
        ),
        domains(
            "cloudflare.workers", flag: "cfproxy-worker-domain", \.workers,
            "Host name of your Cloudflare Worker.", example: ["relay.example.workers.dev"]
        ),
        .toggle(
            "cloudflare.community", flag: "cf-community", \.configuration.routes.communityEnabled,
            "Ask other people's Cloudflare domains when every route of yours and Telegram's has failed."
        ),
        .value(
            "cloudflare.list_url", flag: "cf-list-url", \.configuration.routes.listURL, .url(or: "off"), absence: "off",
            "Where the community's list is fetched hourly; `off` keeps to the built-in one.", example: "off"
        ),
        .list(
            "cloudflare.dial", flag: "cf-dial", .dialOverride,
            "Address to dial for a Cloudflare domain or Worker instead of looking up its name.",
            example: ["example.com=203.0.113.5:443"],
            load: { settings in
                settings.configuration.routes.dialOverrides.sorted { $0.key < $1.key }
                    .map { DialOverride(name: $0.key, target: $0.value) }
            },
            store: { elements, settings in
                settings.configuration.routes.dialOverrides = Dictionary(
                    (elements ?? []).map { ($0.name, $0.target) }, uniquingKeysWith: { _, last in last }
                )
            }
        ),
    ]

    private static let pool: [OptionDefinition] = [
        .value(
            "pool.size", flag: "pool-size", \.configuration.pool.size, .raised(to: 0...64, placeholder: "COUNT"),
            "Connections kept ready per data center, once for media and once for the rest; 0 keeps none.",
            example: "4"
        ),
        .value(
            "pool.max_age", flag: "pool-max-age", \.configuration.pool.maximumAgeMilliseconds,
            .duration(1_000...3_600_000), "Age at which a ready connection is thrown away.", example: "2m"
        ),
    ]

    /// A list of addresses per data center.
    private static func table(
        _ key: String,
        flag: String,
        _ path: any WritableKeyPath<RouteConfiguration, [Int: [SocketTarget]]> & Sendable,
        _ summary: String,
        example: [String],
        keepsOthers: Bool
    ) -> OptionDefinition {
        .list(
            key, flag: flag, .dataCenterAddress, summary, example: example, emptyWord: "none",
            load: { settings in
                settings.configuration.routes[keyPath: path].sorted { $0.key < $1.key }
                    .flatMap { entry in entry.value.map { DataCenterAddress(dataCenter: entry.key, target: $0) } }
            },
            store: { elements, settings in
                let given = Dictionary(grouping: elements ?? [], by: \.dataCenter).mapValues { $0.map(\.target) }
                if keepsOthers, elements != nil {
                    settings.configuration.routes[keyPath: path].merge(given) { _, new in new }
                } else {
                    settings.configuration.routes[keyPath: path] = given
                }
            }
        )
    }

    /// A list of host names without repetition.
    private static func domains(
        _ key: String,
        flag: String,
        _ path: any WritableKeyPath<RouteConfiguration, [String]> & Sendable,
        _ summary: String,
        example: [String]
    ) -> OptionDefinition {
        .list(
            key, flag: flag, .domain, summary, example: example,
            load: { $0.configuration.routes[keyPath: path] },
            store: { elements, settings in
                var seen: Set<String> = []
                settings.configuration.routes[keyPath: path] = (elements ?? []).filter { seen.insert($0).inserted }
            }
        )
    }
}
