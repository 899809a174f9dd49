import MTProtoWire

/// mtg 2: its TOML file, `mtg simple-run`, and the table of secrets that forks for several users have.
struct MtgImporter: Importer {
    var draft: Draft
    var secrets: [(name: String, secret: ProxySecret)] = []
    var maskHost: String?
    var maskPort: Int?
    var publicAddresses: [String] = []
    var prometheus: (isOn: Bool, place: String?) = (false, nil)
    var lists: [String: (isOn: Bool, places: [String])] = [:]

    init(draft: Draft) {
        self.draft = draft
    }

    static func read(_ text: String, _ draft: Draft) throws -> Draft {
        var importer = MtgImporter(draft: draft)
        switch try ForeignNode.tomlOrCommand(text, ForeignKind.mtg.programs) {
        case .toml(let settings): try importer.takeAll(settings)
        case .command(let command):
            try importer.takeCommand(command)
            importer.draft.leaveService(command)
        }
        try importer.finish()
        return importer.draft
    }

    // MARK: The command line

    private static let flags: [CommandOption] = [
        CommandOption(long: "debug", short: "d", argument: .none),
        CommandOption(long: "concurrency", short: "c", argument: .required),
        CommandOption(long: "prefer-ip", short: "i", argument: .required),
        CommandOption(long: "domain-fronting-port", short: "p", argument: .required),
        CommandOption(long: "domain-fronting-ip", short: nil, argument: .required),
        CommandOption(long: "doh-ip", short: "n", argument: .required),
        CommandOption(long: "timeout", short: "t", argument: .required),
        CommandOption(long: "antireplay-cache-size", short: "a", argument: .required),
        CommandOption(long: "tcp-buffer", short: "b", argument: .required),
        CommandOption(long: "proxies", short: "s", argument: .required),
    ]

    private mutating func takeCommand(_ command: FoundCommand) throws {
        var reader = CommandLineReader(Self.flags, takesUnknown: true)
        do {
            try reader.read(command.arguments)
        } catch {
            throw SwitchingError(error.description, line: command.line)
        }
        let words = reader.positional
        guard words.first == "simple-run" else {
            let file = words.count > 1 ? " \(words[1])" : ""
            throw SwitchingError(
                "the settings are in another file", expected: "that file:\(Draft.shown(file))", line: command.line)
        }
        guard words.count == 3 else {
            throw SwitchingError(
                "simple-run is not complete", expected: "mtg simple-run BIND SECRET", line: command.line)
        }
        let line = command.line
        try take(ForeignEntry("bind-to", words[1], line: line))
        try take(ForeignEntry("secret", words[2], line: line))
        for given in reader.given + reader.unknown {
            let name =
                [
                    "timeout": "network.timeout.tcp", "antireplay-cache-size": "defense.anti-replay.max-size",
                    "proxies": "network.proxies", "doh-ip": "network.doh-ip",
                ][given.option] ?? given.option
            try take(ForeignEntry(name, given.value ?? "true", line: line))
        }
    }

    // MARK: Rules

    static let rules: [String: Rule<Self>] = listening.merging(network) { first, _ in first }
        .merging(defense) { first, _ in first }

    static let prefixes: [(prefix: String, reason: String)] = [
        ("defense.doppelganger", "records leave as they come: a delay would slow every download"),
        ("stats.statsd", "martlet's counters are fetched from [admin], not sent"),
        ("stats.prometheus.", "counters are named by martlet, at /metrics"),
        ("throttle", "users have limits of their own in [[users]]"),
        ("dc-pool", "pool.size keeps connections ready, with a number of its own"),
        ("web", "martlet has no such carrier"),
    ]

    private static let listening: [String: Rule<Self>] = [
        "debug": .take { importer, entry in
            if try entry.truth() { importer.draft.set("log.level", .text("debug"), from: entry.name) }
        },
        "secret": .take { importer, entry in try importer.takeSecret("default", entry) },
        "secrets": .take { importer, entry in
            for user in try entry.entries() { try importer.takeSecret(user.key, user) }
        },
        "bind-to": .take { importer, entry in
            let (host, port) = try importer.draft.hostAndPort(try entry.scalar(), entry)
            importer.draft.set("listen.host", .text(try importer.draft.listenHost(host, entry)), from: entry.name)
            importer.draft.set("listen.port", .number(port), from: entry.name)
        },
        "concurrency": number("limits.connections", Meaning.connections),
        "proxy-protocol-listener": .take { importer, entry in
            if try entry.truth() { importer.draft.setProxyProtocol(from: entry.name) }
        },
        "tcp-buffer": .leave("mtg has no use for it any more either; see relay.buffer_kb"),
        "prefer-ip": .leave("both families are tried, and the one that works is remembered"),
        "cloak-port": .take { importer, entry in try importer.takeMaskPort(entry) },
        "domain-fronting-port": .take { importer, entry in try importer.takeMaskPort(entry) },
        "domain-fronting.port": .take { importer, entry in try importer.takeMaskPort(entry) },
        "domain-fronting-ip": .take { importer, entry in try importer.takeMaskHost(entry) },
        "domain-fronting.ip": .take { importer, entry in try importer.takeMaskHost(entry) },
        "domain-fronting.host": .take { importer, entry in try importer.takeMaskHost(entry) },
        "domain-fronting.proxy-protocol": .leave("the site behind sees martlet's own address"),
        "public-ipv4": .take { importer, entry in try importer.takePublicAddress(entry) },
        "public-ipv6": .take { importer, entry in try importer.takePublicAddress(entry) },
        "network.public-ip.ipv4": .take { importer, entry in try importer.takePublicAddress(entry) },
        "network.public-ip.ipv6": .take { importer, entry in try importer.takePublicAddress(entry) },
        "api-bind-to": .leave("`martlet users` and the control socket are for that"),
    ]

    private static let network: [String: Rule<Self>] = [
        "allow-fallback-on-unknown-dc": .leave("clients of an unknown data center always get routes.default_dc"),
        "auto-update": .leave("data centers' addresses are built in; lists of middle proxies are refreshed"),
        "network.doh-ip": .leave("names are looked up as the system says"),
        "network.dns": .leave("names are looked up as the system says"),
        "network.proxies": .leave(Meaning.outboundProxy),
        "network.timeout.tcp": .leave("routes.budget is the time for all routes together"),
        "network.timeout.http": .leave("fetching has a limit of its own"),
        "network.timeout.idle": time("relay.idle_timeout", Meaning.idleTime) { try $0.goDuration() },
        "network.timeout.handshake": time("handshake.timeout", Meaning.handshakeTime) { try $0.goDuration() },
        "network.keep-alive.idle": time("listen.keepalive", Meaning.keepAlive) { try $0.goDuration() },
        "network.keep-alive.interval": .leave("three probes ten seconds apart follow the silence"),
        "network.keep-alive.count": .leave("three probes ten seconds apart follow the silence"),
        "network.keep-alive.disabled": .leave("clients that vanish have to be noticed"),
    ]

    private static let defense: [String: Rule<Self>] = [
        "tolerate-time-skewness": skew, "defense.time.allow-skewness": skew,
        "defense.time.enabled": .leave("a hello without its time could be played back"),
        "defense.anti-replay.enabled": .leave("it is always on"),
        "defense.anti-replay.max-size": .leave("it is exact, and as large as handshake.replay_life needs"),
        "defense.anti-replay.error-rate": .leave("it is exact: no client is taken for a replay"),
        "defense.blocklist.enabled": .take { importer, entry in
            importer.lists["block", default: (false, [])].isOn = try entry.truth()
        },
        "defense.blocklist.urls": .take { importer, entry in
            importer.lists["block", default: (false, [])].places = try entry.texts()
        },
        "defense.blocklist.update-each": time("limits.list_refresh", 60_000...604_800_000) { try $0.goDuration() },
        "defense.blocklist.download-concurrency": .leave("lists are fetched one after the other"),
        "defense.allowlist.enabled": .take { importer, entry in
            importer.lists["allow", default: (false, [])].isOn = try entry.truth()
        },
        "defense.allowlist.urls": .take { importer, entry in
            importer.lists["allow", default: (false, [])].places = try entry.texts()
        },
        "defense.allowlist.update-each": .leave("both lists are fetched again every limits.list_refresh"),
        "defense.allowlist.download-concurrency": .leave("lists are fetched one after the other"),
        "stats.prometheus.enabled": .take { importer, entry in importer.prometheus.isOn = try entry.truth() },
        "stats.prometheus.bind-to": .take { importer, entry in importer.prometheus.place = try entry.scalar() },
    ]

    private static let skew: Rule<Self> = .take { importer, entry in
        let time = importer.draft.bounded(try entry.goDuration(), 1_000...86_400_000, entry.name)
        importer.draft.set("handshake.time_window", .time(milliseconds: time), from: entry.name)
        if time < 30_000 {
            importer.draft.note("\(entry.name) keeps phones with a wrong clock out; martlet's own value is 2m")
        }
    }

    // MARK: Parts

    private mutating func takeSecret(_ name: String, _ entry: ForeignEntry) throws {
        let secret = try draft.secret(try entry.scalar(), entry)
        guard secret.isFakeTLS else {
            throw SwitchingError(
                "\(entry.name): the secret is not for FakeTLS", expected: "ee… or its base64", line: entry.node.line)
        }
        secrets.append((name, secret))
        draft.markTranslated(entry.name)
    }

    private mutating func takeMaskPort(_ entry: ForeignEntry) throws {
        maskPort = try entry.port()
        draft.markTranslated(entry.name)
    }

    private mutating func takeMaskHost(_ entry: ForeignEntry) throws {
        let host = try entry.scalar()
        if !host.isEmpty { maskHost = host }
        draft.markTranslated(entry.name)
    }

    private mutating func takePublicAddress(_ entry: ForeignEntry) throws {
        let text = try entry.scalar()
        if text.isEmpty { return }
        guard IPAddress(text) != nil else { throw entry.wrong("an IP address") }
        publicAddresses.append(text)
        draft.markTranslated(entry.name)
    }

    private mutating func finish() throws {
        guard !secrets.isEmpty else { throw SwitchingError("there is no secret", expected: "secret = \"ee…\"") }
        guard draft.has("listen.port") else {
            throw SwitchingError("there is no bind-to", expected: "bind-to = \"0.0.0.0:3128\"")
        }
        for (name, secret) in secrets { draft.addUser(name, [secret], from: "secret") }
        draft.set("listen.accept", .list(["faketls"]), from: "")
        if let domain = secrets.first?.secret.domain {
            draft.set("mask.host", .text(domain), from: "secret")
            if maskHost != nil || (maskPort ?? 443) != 443 {
                let host = maskHost ?? domain
                let place = host.contains(":") ? "[\(host)]" : host
                draft.set("mask.address", .text("\(place):\(maskPort ?? 443)"), from: "domain-fronting")
            }
        }
        if let address = publicAddresses.first(where: { !$0.contains(":") }) ?? publicAddresses.first {
            draft.set("link.server", .text(address), from: "public-ip")
        }
        for (key, list) in lists.sorted(by: { $0.key < $1.key }) where !list.places.isEmpty {
            let origin = "defense.\(key)list.urls"
            if list.isOn {
                let places = list.places.map { $0.contains("://") ? $0 : draft.path($0) }
                draft.set("limits.\(key)", .list(places), from: origin)
            } else {
                draft.leave(origin, list.places.joined(separator: ", "), because: "it is switched off there")
            }
        }
        draft.set("cloudflare.enabled", .truth(false), from: "")
        draft.set("middle_proxy.use", .text("never"), from: "")
        guard let place = prometheus.place else { return }
        if prometheus.isOn {
            let entry = ForeignEntry("stats.prometheus.bind-to", place, line: nil)
            let (host, port) = try draft.hostAndPort(place, entry)
            draft.setAdmin(try draft.listenHost(host, entry), port, from: entry.name)
        } else {
            draft.leave("stats.prometheus.bind-to", place, because: "it is switched off there")
        }
    }
}
