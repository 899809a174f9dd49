import MTProtoWire

/// MTProxy's command line, from wherever it stands.
struct MTProxyImporter: Importer {
    var draft: Draft
    var surroundings = MTProxyCommand.Surroundings(directory: "/")
    var ports: [Int] = []
    var secrets: [ProxySecret] = []
    var domains: [String] = []
    var workers: Int64 = 0
    var clients: Int64?
    var files: Int64?
    var verbosity = 0
    var statisticsPort: Int?
    var servesStatistics = false
    var usesIPv6 = false
    var address: String?
    var window: Int64?
    var natRules: [String] = []
    var isPaddedOnly = false
    var secretFile: String?
    var user: String?
    var logFile: String?
    var daemonizes = false
    /// It becomes a file rather than a running proxy.
    var isImport = false

    init(draft: Draft) {
        self.draft = draft
    }

    static func read(_ text: String, _ draft: Draft) throws -> Draft {
        guard let found = try FoundCommand.find(in: text, programs: ForeignKind.mtproxy.programs) else {
            throw SwitchingError(
                "there is no command of mtproto-proxy here", expected: "a command line, a script or a systemd unit")
        }
        var importer = MTProxyImporter(draft: draft)
        importer.isImport = true
        if let directory = found.workingDirectory { importer.draft.directory = importer.draft.path(directory) }
        importer.surroundings.directory = importer.draft.directory
        var reader = CommandLineReader(MTProxyOptions.all, takesUnknown: true)
        do {
            try reader.read(found.arguments)
        } catch {
            throw SwitchingError(error.description, line: found.line)
        }
        try importer.takeAll(reader, line: found.line)
        try importer.finish()
        importer.draft.leaveService(found)
        return importer.draft
    }

    mutating func takeAll(_ reader: CommandLineReader, line: Int?) throws {
        for given in reader.given {
            let entry = ForeignEntry(
                given.spelling, key: given.option, ForeignNode(value: .scalar(given.value ?? ""), line: line))
            if let reason = MTProxyOptions.idle[given.option] {
                draft.leave(given.spelling, given.value, because: reason)
            } else {
                guard case .take(let body)? = Self.rules[given.option] else { continue }
                try body(&self, entry)
            }
        }
        for given in reader.unknown {
            draft.leave(given.option, given.value, because: "martlet does not know it")
            draft.note("\(given.option) is not known and was left out")
        }
        guard let file = reader.positional.first else {
            throw SwitchingError("the configuration file (proxy-multi.conf) is missing", line: line)
        }
        draft.set("middle_proxy.config_file", .text(draft.path(file)), from: "the configuration file")
        for extra in reader.positional.dropFirst() {
            draft.leave(extra, nil, because: "MTProxy takes one configuration file")
        }
    }

    static let rules: [String: Rule<Self>] = clientRules.merging(serverRules) { first, _ in first }

    private static let clientRules: [String: Rule<Self>] = [
        "http-ports": .take { importer, entry in
            for part in try entry.scalar().split(separator: ",", omittingEmptySubsequences: false) {
                guard let digit = part.first, ("1"..."9").contains(digit), let port = Int(part), port <= 65_535 else {
                    throw entry.wrong("ports from 1 to 65535, separated by commas")
                }
                importer.ports.append(port)
            }
            guard importer.ports.count <= 128 else { throw entry.wrong("at most 128 ports") }
        },
        "mtproto-secret": .take { importer, entry in try importer.takeSecret(entry) },
        "proxy-tag": .take { importer, entry in
            guard case .take(let body) = Self.adTag("middle_proxy.ad_tag") else { return }
            guard try !entry.scalar().isEmpty else { throw entry.wrong("32 hexadecimal digits") }
            try body(&importer, entry)
        },
        "domain": .take { importer, entry in
            let domain = try importer.draft.domain(try entry.scalar(), entry)
            if !importer.domains.contains(domain) { importer.domains.append(domain) }
            importer.draft.markTranslated(entry.name)
        },
        "random-padding-only": .take { importer, entry in
            importer.isPaddedOnly = true
            importer.draft.markTranslated(entry.name)
        },
        "max-special-connections": .take { importer, entry in importer.clients = try entry.integer(0...10_000_000) },
        "connections": .take { importer, entry in importer.files = try entry.integer(0...10_000_000) },
        "slaves": .take { importer, entry in importer.workers = try entry.integer(0...256) },
        "window-clamp": .take { importer, entry in importer.window = try entry.integer(0...Int64(Int32.max)) },
        "max-accept-rate": number("limits.accepts_per_second", Meaning.connections),
    ]

    private static let serverRules: [String: Rule<Self>] = [
        "verbosity": .take { importer, entry in
            importer.verbosity = try entry.scalar().isEmpty ? importer.verbosity + 1 : Int(try entry.integer(0...1_000))
        },
        "v": .take { importer, _ in importer.verbosity += 1 },
        "user": .take { importer, entry in importer.user = try entry.scalar() },
        "port": .take { importer, entry in
            // A range A:B lets MTProxy take the first port that is free.
            let parts = try entry.scalar().split(separator: ":", maxSplits: 1).map(String.init)
            for part in parts { _ = try ForeignEntry(entry.name, part, line: entry.node.line).port() }
            guard let first = parts.first, let port = Int(first) else {
                throw entry.wrong("a port, or two with a colon")
            }
            importer.statisticsPort = port
            if parts.count == 2 { importer.draft.note("-p \(try entry.scalar()): the first port is taken, or none") }
        },
        "http-stats": .take { importer, _ in importer.servesStatistics = true },
        "ipv6": .take { importer, entry in
            importer.usesIPv6 = true
            importer.draft.markTranslated(entry.name)
        },
        "address": .take { importer, entry in
            let host = try importer.draft.listenHost(try entry.scalar(), entry)
            importer.address = host
            importer.draft.markTranslated(entry.name)
            importer.draft.note(
                "--address binds the places for clients; connections to Telegram go out as the system says")
        },
        "nat-info": .take { importer, entry in
            let parts = try entry.scalar().split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, parts.allSatisfy({ IPAddress(String($0))?.isIPv4 ?? false }) else {
                throw entry.wrong("two IPv4 addresses with a colon, LOCAL:GLOBAL")
            }
            importer.natRules.append(try entry.scalar())
            guard importer.natRules.count <= 16 else { throw entry.wrong("at most 16 of them") }
        },
        "aes-pwd": .take { importer, entry in importer.secretFile = try entry.scalar() },
        "log": .take { importer, entry in importer.logFile = importer.draft.path(try entry.scalar()) },
        "daemonize": .take { importer, entry in
            let text = try entry.scalar()
            importer.daemonizes = text.isEmpty ? true : try entry.integer(0...1_000) != 0
        },
        "msg-buffers-size": .take { importer, entry in
            let bytes = importer.draft.bounded(try entry.bytes(), 16 << 20...1 << 50, entry.name)
            importer.draft.set("limits.memory", .text(String(bytes)), from: entry.name)
        },
    ]

    private mutating func takeSecret(_ entry: ForeignEntry) throws {
        let text = try entry.scalar()
        guard text.isHexadecimalKey else {
            throw SwitchingError(
                "\(entry.name): a secret is not accepted", expected: "32 hexadecimal digits", line: entry.node.line)
        }
        let secret = try draft.secret(text, entry)
        guard !secrets.contains(secret) else {
            draft.note("\(entry.name): one secret is given twice and counts once")
            return
        }
        secrets.append(secret)
        guard secrets.count <= 16 else {
            throw SwitchingError("\(entry.name): there are more than 16 secrets", line: entry.node.line)
        }
        draft.markTranslated(entry.name)
    }
}
