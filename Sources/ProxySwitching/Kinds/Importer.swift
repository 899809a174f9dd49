import MTProtoWire

/// What happens to one setting of another program.
enum Rule<Subject>: Sendable {
    /// Becomes a comment; the text follows "no equivalent, because".
    case leave(String)
    /// Is translated.
    case take(@Sendable (inout Subject, ForeignEntry) throws -> Void)
}

/// Reads one kind of configuration. Every setting meets a rule or is kept as a comment: nothing is lost.
protocol Importer: Sendable {
    var draft: Draft { get set }
    /// By the settings' names.
    static var rules: [String: Rule<Self>] { get }
    /// For names that begin alike, where no rule fits.
    static var prefixes: [(prefix: String, reason: String)] { get }
}

extension Importer {
    static var prefixes: [(prefix: String, reason: String)] { [] }

    /// All entries of a table, tables in it by their dotted names.
    mutating func takeAll(_ node: ForeignNode, below name: String = "") throws {
        guard case .table(let entries) = node.value else {
            throw SwitchingError("there are no settings here", expected: "names and their values", line: node.line)
        }
        for entry in entries {
            let path = name.isEmpty ? entry.key : "\(name).\(entry.key)"
            if Self.rules[path] == nil, case .table = entry.node.value,
                !Self.prefixes.contains(where: { path == $0.prefix })
            {
                try takeAll(entry.node, below: path)
            } else {
                try take(ForeignEntry(path, key: entry.key, entry.node))
            }
        }
    }

    mutating func take(_ entry: ForeignEntry) throws {
        switch Self.rules[entry.name] {
        case .take(let body): try body(&self, entry)
        case .leave(let reason): draft.leave(entry.name, entry.node.text, because: reason)
        case nil:
            if let known = Self.prefixes.first(where: { entry.name.hasPrefix($0.prefix) }) {
                draft.leave(entry.name, entry.node.text, because: known.reason)
                return
            }
            draft.leave(entry.name, entry.node.text, because: "martlet does not know it")
            draft.note("\(entry.name) is not known and was left out")
        }
    }

    // MARK: What many of them have

    static func truth(_ key: String, inverted: Bool = false) -> Rule<Self> {
        .take { importer, entry in
            importer.draft.set(key, .truth(try entry.truth() != inverted), from: entry.name)
        }
    }

    static func number(_ key: String, _ range: ClosedRange<Int64>) -> Rule<Self> {
        .take { importer, entry in
            let number = importer.draft.bounded(try entry.integer(Int64.min...Int64.max), range, entry.name)
            importer.draft.set(key, .number(Int(number)), from: entry.name)
        }
    }

    /// - Parameter read: gives milliseconds.
    static func time(
        _ key: String, _ milliseconds: ClosedRange<Int64>,
        _ read: @escaping @Sendable (ForeignEntry) throws -> Int64
    ) -> Rule<Self> {
        .take { importer, entry in
            let time = importer.draft.bounded(try read(entry), milliseconds, entry.name)
            importer.draft.set(key, .time(milliseconds: time), from: entry.name)
        }
    }

    static func path(_ key: String) -> Rule<Self> {
        .take { importer, entry in
            let text = try entry.scalar()
            if !text.isEmpty { importer.draft.set(key, .text(importer.draft.path(text)), from: entry.name) }
        }
    }

    static func files(_ key: String) -> Rule<Self> {
        .take { importer, entry in
            let texts = try entry.texts().map { $0.contains("://") ? $0 : importer.draft.path($0) }
            if !texts.isEmpty { importer.draft.set(key, .list(texts), from: entry.name) }
        }
    }

    /// An ad tag; 32 hexadecimal digits. An empty one and one of zeros are none.
    static func adTag(_ key: String) -> Rule<Self> {
        .take { importer, entry in
            let text = try entry.scalar()
            if text.isEmpty || text.allSatisfy({ $0 == "0" }) { return }
            guard text.isHexadecimalKey else {
                throw SwitchingError(
                    "\(entry.name) is no ad tag", expected: "32 hexadecimal digits", line: entry.node.line)
            }
            importer.draft.set(key, .text(text.lowercased()), from: entry.name)
        }
    }
}

/// Settings of several programs mean the same.
enum Meaning {
    /// Telegram is reached as the other program reaches it: by Telegram's own addresses.
    static let noOtherServers = "the other program never goes over other people's servers"
    /// Where proxies in front of the other program may stand; it does not ask, which lets anybody claim any address.
    static let privateNetworks = [
        "127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7",
    ]
    /// Seconds to a day and the like, in milliseconds.
    static let handshakeTime: ClosedRange<Int64> = 1_000...600_000
    static let idleTime: ClosedRange<Int64> = 1_000...604_800_000
    static let keepAlive: ClosedRange<Int64> = 5_000...7_200_000
    static let userTimeout: ClosedRange<Int64> = 1_000...86_400_000
    static let connections: ClosedRange<Int64> = 0...10_000_000
    static let outboundProxy = "martlet connects to Telegram by itself; it has no outbound proxy"
}

extension Draft {
    /// PROXY protocol headers are trusted from private networks.
    mutating func setProxyProtocol(from name: String) {
        set("listen.proxy_protocol", .truth(true), from: name)
        set("listen.proxy_protocol_from", .list(Meaning.privateNetworks), from: name)
        note(
            "\(name): the header with a client's address is believed from private networks alone;"
                + " name others in listen.proxy_protocol_from")
    }

    /// Where numbers are asked for: other machines would need a token, which the other program does not have.
    mutating func setAdmin(_ host: String, _ port: Int, from name: String) {
        let address = IPAddress(host)
        let isLoopback = address?.isLoopback ?? (host == "localhost")
        let place =
            isLoopback && address?.isIPv4 == false
            ? "[::1]" : isLoopback ? address?.description ?? "127.0.0.1" : "127.0.0.1"
        set("admin.listen", .text("\(place):\(port)"), from: name)
        if !isLoopback {
            note("\(name): numbers are served to this machine alone; other addresses need admin.token_file as well")
        }
    }

    /// A host of a listening place as Martlet takes it; an empty one is every address.
    func listenHost(_ text: String, _ entry: ForeignEntry) throws -> String {
        let bare = text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
        if bare.isEmpty { return "::" }
        if bare.lowercased() == "localhost" { return "127.0.0.1" }
        guard let address = IPAddress(bare) else {
            throw SwitchingError(
                "\(entry.name): \(TOMLLiteral.quoted(Draft.shown(text))) is no address", expected: "an IP address",
                line: entry.node.line)
        }
        return address.description
    }

    /// `HOST:PORT` in its parts.
    func hostAndPort(_ text: String, _ entry: ForeignEntry) throws -> (host: String, port: Int) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (1...65_535).contains(port)
        else { throw entry.wrong("HOST:PORT") }
        return (String(text[..<colon]), port)
    }

    /// A secret of the other program; it is never quoted.
    func secret(_ text: String, _ entry: ForeignEntry) throws -> ProxySecret {
        do {
            return try ProxySecret(parsing: text)
        } catch {
            throw SwitchingError("\(entry.name): the secret was not accepted: \(error.message)", line: entry.node.line)
        }
    }

    /// A domain for FakeTLS.
    func domain(_ text: String, _ entry: ForeignEntry) throws -> String {
        guard ProxySecret.isValidDomain(text), !text.isEmpty, IPAddress(text) == nil else {
            throw entry.wrong("a host name")
        }
        return text
    }
}
