import MTProtoWire

/// mtprotoproxy's `config.py`: its assignments are read, and nothing is run.
struct MTProtoProxyImporter: KeyedUsersImporter {
    var draft: Draft
    var users: [(name: String, key: ProxySecret)] = []
    var properties: [(entry: ForeignEntry, line: Draft.Line)] = []
    var modes = Modes(classic: true, secure: true, tls: true)
    var domain = "www.google.com"
    var mask = MaskSite()
    var port = 3_256
    var hosts: [String: String] = ["LISTEN_ADDR_IPV4": "0.0.0.0", "LISTEN_ADDR_IPV6": "::"]
    var metricsPort: Int?
    var metricsHost = "0.0.0.0"

    init(draft: Draft) {
        self.draft = draft
    }

    static func read(_ text: String, _ draft: Draft) throws -> Draft {
        var importer = MTProtoProxyImporter(draft: draft)
        var reader = LiteralReader(text)
        let (assignments, skipped) = try reader.readAssignments()
        guard !assignments.isEmpty else {
            throw SwitchingError("there are no assignments here", expected: "lines such as PORT = 443")
        }
        // The last assignment to a name counts.
        for (index, entry) in assignments.enumerated() {
            if assignments[(index + 1)...].contains(where: { $0.name == entry.name }) { continue }
            try importer.take(entry)
        }
        for statement in skipped {
            importer.draft.leave(
                "line \(statement.line)", statement.text, because: "it is code, and nothing is run here")
        }
        if !skipped.isEmpty { importer.draft.note("config.py has code in it: look at what it sets") }
        try importer.finish()
        return importer.draft
    }

    static let rules: [String: Rule<Self>] = clientRules.merging(serverRules) { first, _ in first }

    private static let clientRules: [String: Rule<Self>] = [
        "PORT": keep { $0.port = try $1.port() },
        "USERS": keys,
        "MODES": .take { importer, entry in
            for mode in try entry.entries() {
                switch mode.key {
                case "classic": importer.modes.classic = try mode.truth()
                case "secure": importer.modes.secure = try mode.truth()
                case "tls": importer.modes.tls = try mode.truth()
                default: importer.draft.leave(mode.name, mode.node.text, because: "martlet does not know it")
                }
            }
            importer.draft.markTranslated(entry.name)
        },
        // Older files say it this way.
        "SECURE_ONLY": keep { if try $1.truth() { $0.modes.classic = false } },
        "TLS_ONLY": keep { if try $1.truth() { $0.modes = Modes(classic: false, secure: false, tls: true) } },
        "TLS_DOMAIN": keep { $0.domain = try $0.draft.domain(try $1.scalar(), $1) },
        "AD_TAG": adTag("middle_proxy.ad_tag"),
        "MASK": maskIsShown, "MASK_HOST": maskHost, "MASK_PORT": maskPort,
        "USER_MAX_TCP_CONNS": property("max_connections") { entry in
            let number = try entry.integer(0...Int64.max)
            return number == 0 ? nil : .number(Int(min(number, 10_000_000)))
        },
        "USER_DATA_QUOTA": property("quota") { entry in
            guard let number = Double(try entry.scalar()), number >= 0, number < 1e18 else {
                throw entry.wrong("a number of bytes")
            }
            return number < 1 ? nil : .text(String(Int64(number)))
        },
        "USER_EXPIRATIONS": property("expires") { try day($0) },
    ]

    private static let serverRules: [String: Rule<Self>] = [
        "LISTEN_ADDR_IPV4": .take { importer, entry in try importer.takeHost(entry) },
        "LISTEN_ADDR_IPV6": .take { importer, entry in try importer.takeHost(entry) },
        "LISTEN_UNIX_SOCK": .take { importer, entry in
            let path = try entry.scalar()
            if path.isEmpty { return }
            importer.draft.addListener([
                Draft.Line(key: "address", value: .text("unix:\(importer.draft.path(path))"), origin: entry.name)
            ])
        },
        "PROXY_PROTOCOL": .take { importer, entry in
            if try entry.truth() { importer.draft.setProxyProtocol(from: entry.name) }
        },
        "MY_DOMAIN": .take { importer, entry in
            let host = try entry.scalar()
            if !host.isEmpty { importer.draft.set("link.server", .text(host), from: entry.name) }
        },
        "METRICS_PORT": .take { importer, entry in
            if case .nothing = entry.node.value { return }
            importer.metricsPort = try entry.port()
        },
        "METRICS_LISTEN_ADDR_IPV4": .take { importer, entry in
            importer.metricsHost = try importer.draft.listenHost(try entry.scalar(), entry)
        },
        "METRICS_LISTEN_ADDR_IPV6": .leave("admin.listen is one place"),
        "METRICS_WHITELIST": .leave("whoever reaches admin.listen may read it: keep that place to yourself"),
        "METRICS_PREFIX": .leave("counters are named by martlet"),
        "METRICS_EXPORT_LINKS": .leave("a counter must not carry a secret"),
        "REPLAY_CHECK_LEN": .leave("the memory is as large as handshake.replay_life needs"),
        "IGNORE_TIME_SKEW": .leave("a hello without its time could be played back; see handshake.time_window"),
        "CLIENT_KEEPALIVE": time("listen.keepalive", Meaning.keepAlive) { try $0.seconds() },
        "CLIENT_HANDSHAKE_TIMEOUT": time("handshake.timeout", Meaning.handshakeTime) { try $0.seconds() },
        "CLIENT_ACK_TIMEOUT": time("listen.user_timeout", Meaning.userTimeout) { try $0.seconds() },
        "TG_CONNECT_TIMEOUT": .leave("routes.budget is the time for all routes together"),
        "TG_READ_TIMEOUT": .leave("links to middle proxies are watched by martlet's own rules"),
        "PROXY_INFO_UPDATE_PERIOD": time("middle_proxy.refresh", 60_000...604_800_000) { try $0.seconds() },
        "SOCKS5_HOST": .leave(Meaning.outboundProxy), "SOCKS5_PORT": .leave(Meaning.outboundProxy),
        "SOCKS5_USER": .leave(Meaning.outboundProxy), "SOCKS5_PASS": .leave(Meaning.outboundProxy),
        "USE_MIDDLE_PROXY": .take { importer, entry in
            importer.draft.set("middle_proxy.use", .text(try entry.truth() ? "always" : "never"), from: entry.name)
        },
        "PREFER_IPV6": .leave("both families are tried, and the one that works is remembered"),
        "FAST_MODE": .leave("bytes are always passed on the fast way"),
        "STATS_PRINT_PERIOD": .leave("counters are at /stats and /metrics of admin.listen"),
        "GET_TIME_PERIOD": .leave("the system keeps the time"),
        "GET_CERT_LEN_PERIOD": .leave("martlet has its own shape of a handshake"),
        "TO_CLT_BUFSIZE": .leave("buffers grow as they are needed, below limits.memory"),
        "TO_TG_BUFSIZE": .leave("buffers grow as they are needed, below limits.memory"),
    ]

    /// `31/12/2026` is over when that day begins.
    private static func day(_ entry: ForeignEntry) throws -> TOMLLiteral {
        let parts = try entry.scalar().split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 3, let day = parts[0], let month = parts[1], let year = parts[2], (1...31).contains(day),
            (1...12).contains(month), (1_970...9_999).contains(year)
        else { throw entry.wrong("day/month/year, such as 31/12/2026") }
        func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return .text("\(year)-\(padded(month))-\(padded(day))T00:00:00Z")
    }

    private mutating func takeHost(_ entry: ForeignEntry) throws {
        if case .nothing = entry.node.value {
            hosts[entry.name] = nil
            return
        }
        let text = try entry.scalar()
        hosts[entry.name] = text.isEmpty ? nil : try draft.listenHost(text, entry)
        draft.markTranslated(entry.name)
    }

    // MARK: All together

    private mutating func finish() throws {
        guard !users.isEmpty else {
            throw SwitchingError("there are no users", expected: "USERS = {\"name\": \"32 hexadecimal digits\"}")
        }
        guard !modes.isNone else {
            throw SwitchingError("no mode is on", expected: "one of MODES")
        }
        // There both families have a socket; here the one on :: serves both, where a machine has IPv6.
        let host = hosts["LISTEN_ADDR_IPV4"] ?? hosts["LISTEN_ADDR_IPV6"] ?? "0.0.0.0"
        draft.set("listen.host", .text(host), from: "LISTEN_ADDR_IPV4")
        draft.set("listen.port", .number(port), from: "PORT")
        draft.set("listen.accept", .list(modes.accepts), from: "MODES")
        if hosts.count == 2 {
            draft.note("for clients that come over IPv6 set listen.host to \"::\", which serves both families")
        }
        addUsers(domain, from: "USERS")
        if modes.tls, mask.isShown {
            draft.set("mask.host", .text(domain), from: "TLS_DOMAIN")
            if let address = mask.address(domain) { draft.set("mask.address", .text(address), from: "MASK_HOST") }
        }
        draft.set("cloudflare.enabled", .truth(false), from: "")
        if let metricsPort { draft.setAdmin(metricsHost, metricsPort, from: "METRICS_PORT") }
    }
}
