import MTProtoWire

/// teleproxy: its TOML file, its command line (MTProxy's with more options), and its containers' variables. All are
/// taken under the names of the TOML file.
struct TeleproxyImporter: Importer {
    /// One `[[secret]]`.
    struct Secret {
        var key: ProxySecret
        var label = ""
        var fields: [Draft.Line] = []
    }

    var draft: Draft
    var secrets: [Secret] = []
    /// Numbered variables of one secret, by its number.
    var numbered: [Int: [String: ForeignEntry]] = [:]
    var ports: [Int] = []
    var domains: [String] = []
    var backend: String?
    var statisticsPort: Int?
    var servesStatistics = false
    var workers: Int64 = 1
    var clients: Int64?
    var usesIPv6 = false
    var address: String?
    var isDirect = false
    var isPaddedOnly = false

    init(draft: Draft) {
        self.draft = draft
    }

    static func read(_ text: String, _ draft: Draft) throws -> Draft {
        var importer = TeleproxyImporter(draft: draft)
        if let settings = try? ForeignNode.toml(text) {
            try importer.takeAll(settings)
        } else if let command = try FoundCommand.find(in: text, programs: ForeignKind.teleproxy.programs) {
            try importer.takeCommand(command)
            importer.draft.leaveService(command)
        } else if let variables = try EnvironmentText(text) {
            try importer.takeVariables(variables)
        } else {
            // The error says where the text stops being TOML.
            try importer.takeAll(.toml(text))
        }
        try importer.finish()
        return importer.draft
    }

    // MARK: The command line

    /// Options of its own, beside MTProxy's.
    private static let ownFlags: [CommandOption] =
        ["direct", "proxy-protocol", "no-mss-clamp"].map {
            CommandOption(long: $0, short: nil, argument: .none)
        }
        + ["ip-blocklist", "ip-allowlist", "stats-allow-net", "socks5", "dc-probe-interval", "dc-override", "config"]
        .map {
            CommandOption(long: $0, short: nil, argument: .required)
        }

    private static let names = [
        "http-ports": "port", "port": "stats_port", "slaves": "workers", "max-special-connections": "max_connections",
        "connections": "maxconn", "address": "bind", "mtproto-secret": "secret", "proxy-tag": "proxy_tag",
        "http-stats": "http_stats", "random-padding-only": "random_padding_only", "ip-blocklist": "ip_blocklist",
        "ip-allowlist": "ip_allowlist", "stats-allow-net": "stats_allow_net", "proxy-protocol": "proxy_protocol",
        "no-mss-clamp": "mss_clamp", "dc-probe-interval": "dc_probe_interval", "dc-override": "dc_override",
    ]

    private mutating func takeCommand(_ command: FoundCommand) throws {
        if let directory = command.workingDirectory { draft.directory = draft.path(directory) }
        var reader = CommandLineReader(MTProxyOptions.all + Self.ownFlags, takesUnknown: true)
        do {
            try reader.read(command.arguments)
        } catch {
            throw SwitchingError(error.description, line: command.line)
        }
        for given in reader.given + reader.unknown {
            if given.option == "config" {
                throw SwitchingError(
                    "the settings are in another file", expected: "that file: \(Draft.shown(given.value ?? ""))",
                    line: command.line)
            }
            let name = Self.names[given.option] ?? given.option
            let entry = ForeignEntry(
                given.spelling, key: name, ForeignNode(value: .scalar(given.value ?? "true"), line: command.line))
            if let reason = MTProxyOptions.idle[given.option] {
                draft.leave(given.spelling, given.value, because: reason)
            } else {
                try take(entry, as: name)
            }
        }
        if let file = reader.positional.first, !isDirect {
            draft.set("middle_proxy.config_file", .text(draft.path(file)), from: "the configuration file")
        }
    }

    // MARK: Variables

    private static let variableNames = [
        "PORT": "port", "EXTERNAL_PORT": "external_port", "STATS_PORT": "stats_port", "WORKERS": "workers",
        "PROXY_TAG": "proxy_tag", "DIRECT_MODE": "direct", "RANDOM_PADDING": "random_padding_only",
        "EXTERNAL_IP": "external_ip", "EE_DOMAIN": "domain", "EE_BACKEND": "backend", "IP_BLOCKLIST": "ip_blocklist",
        "IP_ALLOWLIST": "ip_allowlist", "STATS_ALLOW_NET": "stats_allow_net", "SOCKS5_PROXY": "socks5",
        "CONFIG_DOWNLOAD_PROXY": "config_download_proxy", "PROXY_PROTOCOL": "proxy_protocol",
        "DC_OVERRIDE": "dc_override", "MAX_CONNECTIONS": "maxconn", "DC_PROBE_INTERVAL": "dc_probe_interval",
    ]

    private mutating func takeVariables(_ text: EnvironmentText) throws {
        // The image listens on 443 and has its statistics on unless it is told otherwise.
        ports = [443]
        servesStatistics = true
        for variable in text.variables where !variable.value.isEmpty {
            let entry = ForeignEntry(variable.name, variable.value, line: variable.line)
            let parts = variable.name.split(separator: "_")
            if variable.name == "SECRET" {
                for secret in variable.value.split(separator: ",") {
                    try takeSecret(ForeignEntry(variable.name, String(secret), line: variable.line))
                }
            } else if parts.first == "SECRET", let number = parts.last.flatMap({ Int($0) }) {
                numbered[number, default: [:]][
                    parts.count == 2 ? "key" : parts[1..<(parts.count - 1)].joined(separator: "_").lowercased()] = entry
            } else {
                try take(entry, as: Self.variableNames[variable.name] ?? variable.name)
            }
        }
        for (_, fields) in numbered.sorted(by: { $0.key < $1.key }) {
            guard let key = fields["key"] else { continue }
            try takeSecret(fields: [key] + fields.filter { $0.key != "key" }.values, names: fields)
        }
        for other in text.others {
            draft.leave("line \(other.line)", other.text, because: "it belongs to the container")
        }
    }

    private mutating func take(_ entry: ForeignEntry, as name: String) throws {
        switch Self.rules[name] {
        case .take(let body): try body(&self, entry)
        case .leave(let reason): draft.leave(entry.name, entry.node.text, because: reason)
        case nil:
            draft.leave(entry.name, entry.node.text, because: "martlet does not know it")
            draft.note("\(entry.name) is not known and was left out")
        }
    }

    // MARK: Secrets

    /// `HEX[:LABEL[:LIMIT]]` of the command line.
    mutating func takeSecret(_ entry: ForeignEntry) throws {
        let parts = try entry.scalar().split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        var secret = Secret(key: try key(parts.first ?? "", entry))
        if parts.count > 1 { secret.label = parts[1] }
        if parts.count > 2 {
            let limit = ForeignEntry("\(entry.name) limit", parts[2], line: entry.node.line)
            secret.fields += try Self.field("limit", limit).map { [$0] } ?? []
        }
        secrets.append(secret)
        draft.markTranslated(entry.name)
    }

    /// One table, or the variables of one number.
    mutating func takeSecret(fields: [ForeignEntry], names: [String: ForeignEntry]) throws {
        guard let text = names["key"] else {
            throw SwitchingError(
                "a secret has no key", expected: "key = \"32 hexadecimal digits\"", line: fields.first?.node.line)
        }
        var secret = Secret(key: try key(try text.scalar(), text))
        for (name, entry) in names.sorted(by: { $0.key < $1.key }) where name != "key" {
            switch name {
            case "label": secret.label = try entry.scalar()
            case "rate_limit":
                if try entry.bytes() > 0 {
                    draft.leave(
                        entry.name, entry.node.text,
                        because: "speed is limited for a user (rate_up, rate_down), not for an address")
                }
            case "limit", "quota", "max_ips", "expires":
                if let line = try Self.field(name, entry) { secret.fields.append(line) }
            default: draft.leave(entry.name, entry.node.text, because: "martlet does not know it")
            }
        }
        secrets.append(secret)
        draft.markTranslated(text.name)
    }

    /// Nil for 0, which is no limit.
    private static func field(_ name: String, _ entry: ForeignEntry) throws -> Draft.Line? {
        let text = try entry.scalar()
        if text == "0" || text.isEmpty { return nil }
        func line(_ key: String, _ value: TOMLLiteral) -> Draft.Line {
            Draft.Line(key: key, value: value, origin: entry.name)
        }
        switch name {
        case "limit": return line("max_connections", .number(Int(try entry.integer(1...10_000_000))))
        case "max_ips": return line("max_addresses", .number(Int(try entry.integer(1...1_000_000))))
        case "quota": return line("quota", .text(String(try entry.bytes())))
        default:
            // A number is Unix time.
            return line("expires", .text(Int64(text).map { UnixTime.text($0) } ?? text))
        }
    }

    private func key(_ text: String, _ entry: ForeignEntry) throws -> ProxySecret {
        guard text.isHexadecimalKey else {
            throw SwitchingError(
                "\(entry.name): the secret is not accepted", expected: "32 hexadecimal digits", line: entry.node.line)
        }
        return try draft.secret(text, entry)
    }
}
