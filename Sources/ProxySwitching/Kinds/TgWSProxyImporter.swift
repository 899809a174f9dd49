import MTProtoWire

/// tg-ws-proxy and its port in Rust: the tray's JSON, flags, and containers' variables. All say the same things under
/// almost the same names, so all are taken as flags.
struct TgWSProxyImporter: Importer {
    var draft: Draft
    var secrets: [ProxySecret] = []
    var addresses: [String]?
    var domains: [String] = []
    var usesOwnDomains: Bool?
    var workers: [String] = []
    var usesWorkers: Bool?

    init(draft: Draft) {
        self.draft = draft
    }

    static func read(_ text: String, _ draft: Draft) throws -> Draft {
        var importer = TgWSProxyImporter(draft: draft)
        let start = text.first { !$0.isWhitespace }
        if start == "{" {
            var reader = LiteralReader(text)
            try importer.takeAll(reader.readDocument())
        } else if let variables = try EnvironmentText(text) {
            try importer.takeVariables(variables)
        } else if let command = try FoundCommand.find(in: text, programs: ForeignKind.tgWSProxy.programs) {
            try importer.takeCommand(command)
            importer.draft.leaveService(command)
        } else {
            throw SwitchingError(
                "there is no configuration of tg-ws-proxy here",
                expected: "config.json, a command line, a systemd unit, or variables that begin with TG_")
        }
        importer.finish()
        return importer.draft
    }

    // MARK: Sources

    private static let flags: [CommandOption] =
        [
            flag("port"), flag("host"), flag("secret"), flag("dc-ip"), flag("log-file"), flag("log-max-mb"),
            flag("log-backups"), flag("buf-kb"), flag("pool-size"), flag("cfproxy-domain"),
            flag("cfproxy-worker-domain"),
            flag("fake-tls-domain"), flag("link-ip"), flag("max-connections"), flag("mtproto-proxy"),
            flag("fronting-domain"),
            CommandOption(long: "verbose", short: "v", argument: .none),
            CommandOption(long: "quiet", short: "q", argument: .none),
        ]
        + ["no-cfproxy", "force-test-dc", "proxy-protocol", "cf-priority", "cf-balance", "default-domains", "check"].map
    {
        CommandOption(long: $0, short: nil, argument: .none)
    }

    private static func flag(_ name: String) -> CommandOption {
        CommandOption(long: name, short: nil, argument: .required)
    }

    private mutating func takeCommand(_ command: FoundCommand) throws {
        var reader = CommandLineReader(Self.flags, takesUnknown: true)
        do {
            try reader.read(command.arguments)
        } catch {
            throw SwitchingError(error.description, line: command.line)
        }
        for given in reader.given {
            let name = given.option.replacing("-", with: "_")
            try take(name, as: given.spelling, given.value ?? "true", command.line)
        }
        for given in reader.unknown {
            draft.leave(given.option, given.value, because: "martlet does not know it")
            draft.note("\(given.option) is not known and was left out")
        }
        for word in reader.positional { draft.leave(word, nil, because: "it is no flag") }
    }

    private mutating func takeVariables(_ text: EnvironmentText) throws {
        let isDocker = text.variables.contains { $0.name.hasPrefix("TG_WS_PROXY_") } || text.command != nil
        // The image listens for everybody unless it is told otherwise.
        if isDocker { draft.set("listen.host", .text("0.0.0.0"), from: "") }
        for variable in text.variables {
            guard variable.name.hasPrefix("TG_") else {
                draft.leave(variable.name, variable.value, because: "martlet does not know it")
                continue
            }
            // `TG_WS_PROXY_DC_IPS` is the container's, `TG_DC_IP` the program's own.
            var name = variable.name.lowercased()
            name = String(name.dropFirst(name.hasPrefix("tg_ws_proxy_") ? 12 : 3))
            name = ["dc_ips": "dc_ip", "cf_worker": "cfproxy_worker_domain"][name] ?? name
            if variable.value.isEmpty { continue }
            try take(name, as: variable.name, variable.value, variable.line)
        }
        if let command = text.command,
            let found = try FoundCommand.find(in: command.text, programs: ForeignKind.tgWSProxy.programs)
        {
            try takeCommand(found)
        }
        for other in text.others {
            draft.leave("line \(other.line)", other.text, because: "it belongs to the container")
        }
        if text.others.contains(where: { $0.text.hasPrefix("env_file") }) {
            draft.note("the compose file names a file of variables: import that file as well")
        }
    }

    private mutating func take(_ name: String, as spelling: String, _ value: String, _ line: Int) throws {
        let node = ForeignNode(value: .scalar(value), line: line)
        guard let rule = Self.rules[name] else {
            draft.leave(spelling, value, because: "martlet does not know it")
            draft.note("\(spelling) is not known and was left out")
            return
        }
        switch rule {
        case .leave(let reason): draft.leave(spelling, value, because: reason)
        case .take(let body): try body(&self, ForeignEntry(spelling, key: name, node))
        }
    }

    // MARK: Rules

    static let rules: [String: Rule<Self>] = listening.merging(routes) { first, _ in first }
        .merging(running) { first, _ in first }

    private static let listening: [String: Rule<Self>] = [
        "host": .take { importer, entry in
            importer.draft.set(
                "listen.host", .text(try importer.draft.listenHost(try entry.scalar(), entry)), from: entry.name)
        },
        "port": .take { importer, entry in
            importer.draft.set("listen.port", .number(try entry.port()), from: entry.name)
        },
        "secret": .take { importer, entry in
            for text in try entry.scalar().split(separator: ",") {
                let secret = try importer.draft.secret(String(text), entry)
                if !importer.secrets.contains(secret) { importer.secrets.append(secret) }
            }
            importer.draft.markTranslated(entry.name)
        },
        "fake_tls_domain": .take { importer, entry in
            let domain = try entry.scalar()
            guard !domain.isEmpty else { return }
            importer.draft.set(
                "mask.fake_tls_domain", .text(try importer.draft.domain(domain, entry)), from: entry.name)
            importer.draft.set("listen.accept", .list(["faketls"]), from: "")
            importer.draft.set("mask.http", .text("redirect"), from: "")
        },
        "proxy_protocol": .take { importer, entry in
            if try entry.truth() { importer.draft.setProxyProtocol(from: entry.name) }
        },
        "link_ip": .take { importer, entry in
            importer.draft.set("link.server", .text(try entry.scalar()), from: entry.name)
        },
        "max_connections": number("limits.connections", Meaning.connections),
    ]

    private static let routes: [String: Rule<Self>] = [
        "dc_ip": .take { importer, entry in try importer.takeAddresses(entry) },
        "force_test_dc": truth("routes.force_test_dc"),
        "cfproxy": truth("cloudflare.enabled"),
        "no_cfproxy": truth("cloudflare.enabled", inverted: true),
        "cfproxy_domain": .take { importer, entry in importer.domains += try Self.names(entry) },
        "cfproxy_user_domain": .take { importer, entry in importer.domains += try Self.names(entry) },
        "cfproxy_user_domain_enabled": .take { importer, entry in importer.usesOwnDomains = try entry.truth() },
        "cfproxy_worker_domain": .take { importer, entry in importer.workers += try Self.names(entry) },
        "cfproxy_worker_enabled": .take { importer, entry in importer.usesWorkers = try entry.truth() },
        "pool_size": number("pool.size", 0...64),
        "buf_kb": number("relay.buffer_kb", 0...1_048_576),
        "default_domains": truth("cloudflare.community"),
        "cf_priority": .leave("routes are tried with head starts, and the ones that work go first"),
        "cf_balance": .leave("the domain that worked last goes first"),
        "mtproto_proxy": .leave("martlet does not go on to another proxy"),
        "fronting_domain": .leave("a server name is never sent that is not the server's"),
        "cfproxy_priority": .leave("tg-ws-proxy has it no longer either"),
        "ws_keepalive_interval": .leave("tg-ws-proxy has it no longer either: Telegram ends sessions that send pings"),
    ]

    private static let running: [String: Rule<Self>] = [
        "verbose": .take { importer, entry in
            if try entry.truth() { importer.draft.set("log.level", .text("debug"), from: entry.name) }
        },
        "quiet": .take { importer, entry in
            if try entry.truth() { importer.draft.set("log.level", .text("warning"), from: entry.name) }
        },
        "log_file": path("log.file"),
        "log_max_mb": .take { importer, entry in
            guard let size = Double(try entry.scalar()), size >= 0, size <= 1_048_576 else {
                throw entry.wrong("a number of MiB")
            }
            importer.draft.set("log.max_mb", .text(String(size)), from: entry.name)
        },
        "log_backups": number("log.backups", 1...1_000),
        "check": .leave("it is a command, not a setting"),
        "check_updates": .leave("martlet asks nobody for updates"),
        "language": .leave("there is no window"), "appearance": .leave("there is no window"),
        "autostart": .leave("the service manager starts martlet"),
    ]

    /// Names between commas, semicolons and blanks, or a list of them; schemes and paths are taken off.
    private static func names(_ entry: ForeignEntry) throws -> [String] {
        try entry.texts().flatMap { $0.split { ",; \t\n".contains($0) } }.map { text in
            var name = text
            if let scheme = name.firstRange(of: "://") { name = name[scheme.upperBound...] }
            if let slash = name.firstIndex(of: "/") { name = name[..<slash] }
            guard ProxySecret.isValidDomain(String(name)) else { throw entry.wrong("host names") }
            return name.lowercased()
        }
    }

    private mutating func takeAddresses(_ entry: ForeignEntry) throws {
        var result = addresses ?? []
        for item in try entry.texts().flatMap({ $0.split { ",; ".contains($0) } }) {
            let parts = item.split(separator: ":", maxSplits: 1).map(String.init)
            guard parts.count == 2, let center = Int(parts[0]) else { throw entry.wrong("DC:ADDRESS") }
            // `0:0` is how people say "none".
            if center == 0 { continue }
            guard let address = IPAddress(parts[1]) else {
                throw entry.wrong("DC:ADDRESS, with all four parts of the address")
            }
            guard (1...9_999).contains(center) else {
                draft.leave(entry.name, String(item), because: "no data center has that number")
                continue
            }
            // The last one for a data center counts.
            result.removeAll { $0.hasPrefix("\(center):") }
            result.append("\(center):\(address)")
        }
        addresses = result
        draft.set("routes.dc_ip", .list(result), from: entry.name)
    }

    private mutating func finish() {
        for (index, secret) in secrets.enumerated() {
            draft.addUser(secrets.count == 1 ? "default" : "secret\(index + 1)", [secret], from: "secret")
        }
        if secrets.isEmpty { draft.note("there is no secret: martlet makes one on its first start, and keeps it") }
        if let domain = secrets.compactMap(\.domain).first, !draft.has("mask.fake_tls_domain") {
            draft.set("mask.host", .text(domain), from: "")
        }
        setNames("cloudflare.domains", domains, isUsed: usesOwnDomains ?? !domains.isEmpty, "cfproxy_user_domain")
        setNames("cloudflare.workers", workers, isUsed: usesWorkers ?? !workers.isEmpty, "cfproxy_worker_domain")
    }

    private mutating func setNames(_ key: String, _ names: [String], isUsed: Bool, _ origin: String) {
        guard !names.isEmpty else { return }
        if isUsed {
            draft.set(key, .list(names), from: origin)
        } else {
            draft.leave(origin, names.joined(separator: ", "), because: "it is switched off there")
        }
    }
}
