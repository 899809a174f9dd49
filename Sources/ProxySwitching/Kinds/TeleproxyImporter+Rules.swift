import MTProtoWire

/// teleproxy's settings, by their names in its TOML file, and what depends on several of them.
extension TeleproxyImporter {
    static let rules: [String: Rule<Self>] = clientRules.merging(serverRules) { first, _ in first }

    private static let clientRules: [String: Rule<Self>] = [
        "port": .take { importer, entry in
            importer.ports = try entry.scalar().split(separator: ",").map { part in
                Int(try ForeignEntry(entry.name, String(part), line: entry.node.line).integer(0...65_535))
            }
            importer.ports.removeAll { $0 == 0 }
            importer.draft.markTranslated(entry.name)
        },
        "external_port": .take { importer, entry in
            let port = try entry.integer(0...65_535)
            if port > 0 { importer.draft.set("link.port", .number(Int(port)), from: entry.name) }
        },
        "external_ip": .take { importer, entry in
            importer.draft.set("link.server", .text(try entry.scalar()), from: entry.name)
            guard let address = IPAddress(try entry.scalar()) else { return }
            let key = address.isIPv4 ? "middle_proxy.public_address" : "middle_proxy.public_address_v6"
            importer.draft.set(key, .text("\(address)"), from: entry.name)
        },
        "secret": .take { importer, entry in
            guard case .list(let nodes) = entry.node.value else { return try importer.takeSecret(entry) }
            for node in nodes {
                let fields = try ForeignEntry(entry.name, node).entries()
                let names = Dictionary(fields.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
                try importer.takeSecret(fields: fields, names: names)
            }
        },
        "domain": .take { importer, entry in
            guard case .list(let nodes) = entry.node.value else { return try importer.takeDomain(entry, nil) }
            for node in nodes {
                guard case .table = node.value else {
                    try importer.takeDomain(ForeignEntry(entry.name, node), nil)
                    continue
                }
                let fields = try ForeignEntry(entry.name, node).entries()
                guard let name = fields.first(where: { $0.key == "name" }) else {
                    throw entry.wrong("a name in every [[domain]]")
                }
                try importer.takeDomain(name, fields.first { $0.key == "backend" })
            }
        },
        "backend": .take { importer, entry in try importer.takeBackend(entry) },
        "random_padding_only": .take { importer, entry in importer.isPaddedOnly = try entry.truth() },
        "proxy_tag": adTag("middle_proxy.ad_tag"),
        "proxy_protocol": .take { importer, entry in
            if try entry.truth() { importer.draft.setProxyProtocol(from: entry.name) }
        },
        "ip_blocklist": files("limits.block"), "ip_allowlist": files("limits.allow"),
    ]

    private static let serverRules: [String: Rule<Self>] = [
        "stats_port": .take { importer, entry in
            let port = try entry.integer(0...65_535)
            importer.statisticsPort = port == 0 ? nil : Int(port)
        },
        "http_stats": .take { importer, entry in importer.servesStatistics = try entry.truth() },
        "stats_allow_net": .take { importer, entry in
            let networks = try entry.texts()
            guard !networks.isEmpty else { return }
            importer.draft.leave(
                entry.name, networks.joined(separator: ", "),
                because: "whoever reaches admin.listen may read it: keep that place to yourself")
        },
        "workers": .take { importer, entry in importer.workers = try entry.integer(-1...256) },
        "max_connections": .take { importer, entry in importer.takeBound(try entry.integer(0...10_000_000), entry) },
        "maxconn": .take { importer, entry in importer.takeBound(try entry.integer(0...10_000_000), entry) },
        "bind": .take { importer, entry in
            let text = try entry.scalar()
            if !text.isEmpty { importer.address = try importer.draft.listenHost(text, entry) }
        },
        "ipv6": .take { importer, entry in
            importer.usesIPv6 = try entry.scalar() != "-1" && entry.truth()
            importer.draft.markTranslated(entry.name)
        },
        "user": .take { importer, entry in
            let name = try entry.scalar()
            if !name.isEmpty, name != "root" { importer.draft.set("user", .text(name), from: entry.name) }
        },
        "direct": .take { importer, entry in
            importer.isDirect = try entry.truth()
            importer.draft.markTranslated(entry.name)
        },
        "dc_override": .take { importer, entry in try importer.takeOverrides(entry) },
        "aes-pwd": path("middle_proxy.secret_file"),
        "nat-info": .take { importer, entry in
            importer.draft.set("middle_proxy.nat", .list([try entry.scalar()]), from: entry.name)
        },
        "window-clamp": .take { importer, entry in
            let bytes = importer.draft.bounded(try entry.integer(0...Int64(Int32.max)), 1_024...1 << 30, entry.name)
            importer.draft.set("listen.window_clamp", .text(String(bytes)), from: entry.name)
        },
        "max-accept-rate": number("limits.accepts_per_second", Meaning.connections),
        "msg-buffers-size": .take { importer, entry in
            importer.draft.set(
                "limits.memory",
                .text(String(importer.draft.bounded(try entry.bytes(), 16 << 20...1 << 50, entry.name))),
                from: entry.name)
        },
        "log": path("log.file"),
        "v": .take { importer, entry in importer.draft.set("log.level", .text("debug"), from: entry.name) },
        "verbosity": .take { importer, entry in importer.draft.set("log.level", .text("debug"), from: entry.name) },
        "daemonize": .leave("a service manager keeps martlet in the background"),
        "help": .leave("it is no setting"),
        "top_ips_per_secret": .leave("`martlet users` counts the addresses of every user"),
        "ja4_log": .leave("martlet keeps no fingerprints of clients"),
        "mss_clamp": .leave("packets keep their size: small ones make a server slow and conspicuous"),
        "dc_probe_interval": .leave("routes that rest are probed by martlet's own rules"),
        "drain_timeout_secs": .leave("`martlet users remove` and `disable` end sessions at once or let them be"),
        "socks5": .leave(Meaning.outboundProxy),
        "config_download_proxy": .leave(Meaning.outboundProxy),
    ]

    private mutating func takeBound(_ number: Int64, _ entry: ForeignEntry) {
        guard number > 0 else { return }
        clients = min(clients ?? number, number)
        draft.markTranslated(entry.name)
    }

    private mutating func takeDomain(_ name: ForeignEntry, _ site: ForeignEntry?) throws {
        let text = try name.scalar()
        if text.isEmpty { return }
        guard ProxySecret.isValidDomain(text) else {
            draft.leave(name.name, text, because: "a link names one host, without a pattern or a port")
            draft.note("\(name.name): \(TOMLLiteral.quoted(Draft.shown(text))) was left out, as it is no host name")
            return
        }
        domains.append(text)
        draft.markTranslated(name.name)
        if let site, domains.count == 1 {
            try takeBackend(site)
        } else if let site, try !site.scalar().isEmpty {
            draft.leave(site.name, site.node.text, because: "one site is shown to strangers: that of the first domain")
        }
    }

    private mutating func takeBackend(_ entry: ForeignEntry) throws {
        let text = try entry.scalar()
        if text.isEmpty { return }
        guard !text.hasPrefix("unix:") else {
            draft.leave(entry.name, text, because: "the site behind is reached by TCP: give it in mask.address")
            return
        }
        _ = try draft.hostAndPort(text, entry)
        backend = text
        draft.markTranslated(entry.name)
    }

    private mutating func takeOverrides(_ entry: ForeignEntry) throws {
        var addresses: [String] = []
        if case .list(let nodes) = entry.node.value {
            for node in nodes {
                let fields = try ForeignEntry(entry.name, node).entries()
                let texts = try Dictionary(
                    fields.map { ($0.key, try $0.scalar()) }, uniquingKeysWith: { first, _ in first })
                guard let center = texts["dc"], let host = texts["host"], let port = texts["port"] else {
                    throw entry.wrong("dc, host and port")
                }
                addresses.append("\(center):\(host.contains(":") ? "[\(host)]" : host):\(port)")
            }
        } else {
            addresses = try entry.scalar().split(separator: ",").map(String.init)
        }
        for address in addresses {
            let parts = address.split(separator: ":", maxSplits: 1).map(String.init)
            guard parts.count == 2, let center = Int(parts[0]), (1...9_999).contains(center) else {
                throw entry.wrong("DC:ADDRESS:PORT")
            }
            _ = try draft.listenHost(try draft.hostAndPort(parts[1], entry).host, entry)
        }
        if !addresses.isEmpty { draft.set("routes.tcp", .list(addresses), from: entry.name) }
    }

    // MARK: All together

    func kind(_ key: ProxySecret) -> ProxySecret {
        if let domain = domains.first { return ProxySecret(key: key.key, kind: .fakeTLS(domain: domain)) }
        return isPaddedOnly ? ProxySecret(key: key.key, kind: .padded) : key
    }

    mutating func finish() throws {
        guard let first = ports.first else {
            throw SwitchingError("no port for clients is given", expected: "port, or -H")
        }
        let accepts =
            !domains.isEmpty
            ? ["faketls"] : secrets.isEmpty ? ["open"] : isPaddedOnly ? ["padded"] : ["padded", "obfuscated2"]
        let host = usesIPv6 ? "::" : address ?? "0.0.0.0"
        draft.set("listen.host", .text(host), from: address == nil ? "" : "bind")
        draft.set("listen.port", .number(first), from: "port")
        draft.set("listen.accept", .list(accepts), from: "")
        for port in ports.dropFirst() {
            let place = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
            draft.addListener([
                Draft.Line(key: "address", value: .text(place), origin: "port"),
                Draft.Line(key: "accept", value: .list(accepts), origin: ""),
            ])
        }
        if workers > 0 { draft.set("listen.threads", .number(Int(workers)), from: "workers") }
        if let clients {
            draft.set(
                "limits.connections", .number(Int(min(clients * max(workers, 1), 10_000_000))), from: "max_connections")
        }
        // Labels are counted from 0 there.
        for (index, secret) in secrets.enumerated() {
            draft.addUser(
                secret.label.isEmpty ? "secret_\(index)" : secret.label, [kind(secret.key)], fields: secret.fields,
                from: "secret")
        }
        if let site = domains.first {
            draft.set("mask.host", .text(site), from: "domain")
            if let backend { draft.set("mask.address", .text(backend), from: "backend") }
            if domains.count > 1 {
                draft.leave(
                    "domain", domains.dropFirst().joined(separator: ", "),
                    because: "one site is shown to strangers; links that name another domain go on working")
            }
        }
        finishRoutes()
    }

    private mutating func finishRoutes() {
        draft.set("cloudflare.enabled", .truth(false), from: "")
        draft.set("middle_proxy.use", .text(isDirect ? "never" : "always"), from: "direct")
        if !isDirect {
            draft.set("routes.websocket", .truth(false), from: "")
            draft.set("routes.direct_tcp", .truth(false), from: "")
            draft.set("pool.size", .number(0), from: "")
        }
        switch (statisticsPort, servesStatistics) {
        case (let port?, true): draft.set("admin.listen", .text("127.0.0.1:\(port)"), from: "stats_port")
        case (let port?, false):
            draft.leave("stats_port", String(port), because: "without http_stats nothing is served there")
        default: break
        }
    }
}

/// Moments for a configuration file.
enum UnixTime {
    /// Seconds since 1970 as RFC 3339 writes them.
    static func text(_ seconds: Int64) -> String {
        // The calendar counts its years from March, so that the leap day is the last; 719,468 days lie before 1970.
        let moment = max(0, min(seconds, 253_402_300_799))
        let days = moment / 86_400 + 719_468
        let era = days / 146_097
        let day = days % 146_097
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365
        let rest = day - (365 * year + year / 4 - year / 100)
        let month = (5 * rest + 2) / 153
        let civil = (
            year: year + era * 400 + (month >= 10 ? 1 : 0), month: month < 10 ? month + 3 : month - 9,
            day: rest - (153 * month + 2) / 5 + 1
        )
        let clock = moment % 86_400
        func padded(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return
            "\(civil.year)-\(padded(civil.month))-\(padded(civil.day))T\(padded(clock / 3_600)):\(padded(clock / 60 % 60)):\(padded(clock % 60))Z"
    }
}
