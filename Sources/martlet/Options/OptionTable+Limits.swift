import ProxyPolicy

/// How many connections there may be, what they may cost, and from where they may come.
enum LimitOptions: OptionSection {
    static let title = "Limits"

    static let options: [OptionDefinition] = connections + halfOpen + rates + lists

    private static let connections: [OptionDefinition] = [
        bound(
            "limits.connections", flag: "max-connections", \.configuration.limits.connections,
            "Clients at once; 0 computes it from the limit on open files.", example: "10000"
        ),
        bound(
            "limits.per_address", flag: "max-per-address", \.configuration.limits.perAddress,
            "Clients at once from one address (IPv6: one /64); 0 sets no bound.", example: "200"
        ),
        bound(
            "limits.per_subnet", flag: "max-per-subnet", \.configuration.limits.perSubnet,
            "Clients at once from one IPv4 /24 or IPv6 /48; 0 sets no bound.", example: "2000"
        ),
        bound(
            "limits.masked", flag: "max-masked", \.configuration.limits.masked,
            "Strangers at once who are shown the mask host's site; 0 makes it a quarter of limits.connections.",
            example: "500"
        ),
        .value(
            "limits.memory", flag: "max-memory", \.configuration.limits.memoryBytes, .byteCount(16 << 20...1 << 50),
            absence: "auto",
            "What all sessions may take together; above it those that cost most are let go. `auto` is half of this"
                + " machine's memory.",
            example: "2 GiB"
        ),
    ]

    private static let halfOpen: [OptionDefinition] = [
        .value(
            "limits.half_open", flag: "max-half-open", \.configuration.limits.halfOpen,
            .integer(1...1_000_000, placeholder: "COUNT"),
            "Connections at once that have not proven themselves yet.", example: "1024"
        ),
        .value(
            "limits.half_open_per_address", flag: "max-half-open-per-address",
            \.configuration.limits.halfOpenPerAddress, .integer(1...1_000_000, placeholder: "COUNT"),
            "The same from one address (IPv6: one /64).", example: "16"
        ),
        .value(
            "limits.half_open_per_subnet", flag: "max-half-open-per-subnet",
            \.configuration.limits.halfOpenPerSubnet, .integer(1...1_000_000, placeholder: "COUNT"),
            "The same from one IPv4 /24 or IPv6 /48.", example: "128"
        ),
    ]

    private static let rates: [OptionDefinition] = [
        bound(
            "limits.accepts_per_second", flag: "max-accept-rate", \.configuration.limits.acceptsPerSecond,
            "Connections taken per second; above it newcomers wait. 0 sets no bound.", example: "2000"
        ),
        bound(
            "limits.handshakes_per_second_per_subnet", flag: "max-handshake-rate-per-subnet",
            \.configuration.limits.handshakesPerSecondPerSubnet,
            "Handshakes begun per second from one IPv4 /24 or IPv6 /48; 0 sets no bound.", example: "50"
        ),
    ]

    private static let lists: [OptionDefinition] = [
        networks(
            "limits.block", flag: "block-list", \.blockLists,
            "File or page with networks, one per line, whose connections are treated as strangers'.",
            example: ["/etc/martlet/block.txt", "https://example.com/block.txt"]
        ),
        networks(
            "limits.allow", flag: "allow-list", \.allowLists,
            "The same for the only networks where clients come from.", example: ["/etc/martlet/allow.txt"]
        ),
        .value(
            "limits.list_refresh", flag: "list-refresh", \.configuration.limits.listRefreshSeconds,
            .seconds(60...604_800), "How often these files are read and these pages fetched again.", example: "15m"
        ),
    ]

    /// A number for which 0 means that there is none.
    private static func bound(
        _ key: String,
        flag: String,
        _ path: any WritableKeyPath<Settings, Int?> & Sendable,
        _ summary: String,
        example: String
    ) -> OptionDefinition {
        .value(
            key, flag: flag, path,
            ValueForm<Int>.integer(0...10_000_000, placeholder: "COUNT")
                .converted({ $0 == 0 ? nil : $0 }, back: { $0 ?? 0 }),
            summary, example: example
        )
    }

    private static func networks(
        _ key: String,
        flag: String,
        _ path: any WritableKeyPath<ProxyConfiguration.Limits, [String]> & Sendable,
        _ summary: String,
        example: [String]
    ) -> OptionDefinition {
        // Blanks do not separate: a path may have some.
        .list(
            key, flag: flag, .fileOrURL, summary, example: example, separators: ",;\n",
            load: { $0.configuration.limits[keyPath: path] },
            store: { $1.configuration.limits[keyPath: path] = $0 ?? [] }
        )
    }
}
