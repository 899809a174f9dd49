import MTProtoWire

/// A program whose users have one key each, with tables beside it that say what they may do, and whose modes and site
/// for strangers are the same for all.
protocol KeyedUsersImporter: Importer {
    /// In the order of the file.
    var users: [(name: String, key: ProxySecret)] { get set }
    /// What the other tables say: applied when all users are known.
    var properties: [(entry: ForeignEntry, line: Draft.Line)] { get set }
    var modes: Modes { get set }
    var mask: MaskSite { get set }
}

/// Which links are accepted.
struct Modes: Sendable {
    var classic: Bool
    var secure: Bool
    var tls: Bool

    var isNone: Bool { !classic && !secure && !tls }

    /// What `listen.accept` has for them.
    var accepts: [String] {
        (tls ? ["faketls"] : []) + (secure || classic ? ["padded"] : []) + (classic ? ["obfuscated2"] : [])
    }

    /// What links of one user carry: one secret for each mode that is on.
    func secrets(_ key: ProxySecret, _ domain: String) -> [ProxySecret] {
        (tls ? [ProxySecret(key: key.key, kind: .fakeTLS(domain: domain))] : [])
            + (classic ? [key] : secure ? [ProxySecret(key: key.key, kind: .padded)] : [])
    }
}

/// The site that strangers are shown.
struct MaskSite: Sendable {
    var isShown = true
    var host: String?
    var port = 443

    /// What `mask.address` has for it; nil where the domain itself says it.
    func address(_ domain: String) -> String? {
        guard host != nil || port != 443 else { return nil }
        let host = host ?? domain
        return "\(host.contains(":") ? "[\(host)]" : host):\(port)"
    }
}

extension KeyedUsersImporter {
    /// The table of users and keys.
    static var keys: Rule<Self> {
        .take { importer, entry in
            for user in try entry.entries() {
                let text = try user.scalar()
                guard text.isHexadecimalKey else {
                    throw SwitchingError(
                        "\(user.name): the secret is not accepted", expected: "32 hexadecimal digits",
                        line: user.node.line)
                }
                importer.users.append((user.key, try importer.draft.secret(text, user)))
            }
            importer.draft.markTranslated(entry.name)
        }
    }

    /// A table with one value for each of some users.
    static func property(
        _ key: String, _ read: @escaping @Sendable (ForeignEntry) throws -> TOMLLiteral?
    ) -> Rule<Self> {
        .take { importer, entry in
            for user in try entry.entries() {
                guard let value = try read(user) else { continue }
                importer.properties.append((user, Draft.Line(key: key, value: value, origin: entry.name)))
            }
        }
    }

    /// A setting that is used when all are known.
    static func keep(_ body: @escaping @Sendable (inout Self, ForeignEntry) throws -> Void) -> Rule<Self> {
        .take { importer, entry in
            try body(&importer, entry)
            importer.draft.markTranslated(entry.name)
        }
    }

    /// Whether strangers are shown a site, its host, and its port.
    static var maskIsShown: Rule<Self> { keep { $0.mask.isShown = try $1.truth() } }
    static var maskHost: Rule<Self> { keep { $0.mask.host = try $1.scalar() } }
    static var maskPort: Rule<Self> { keep { $0.mask.port = try $1.port() } }

    /// Writes down the users.
    /// - Parameters:
    ///   - everybody: fields of those who have no such field of their own.
    ///   - name: the setting with the users.
    mutating func addUsers(_ domain: String, everybody: [Draft.Line] = [], from name: String) {
        var fields: [String: [Draft.Line]] = [:]
        for (entry, line) in properties {
            if users.contains(where: { $0.name == entry.key }) {
                fields[entry.key, default: []].append(line)
            } else {
                draft.leave(entry.name, entry.node.text, because: "there is no such user")
            }
        }
        for (user, key) in users {
            let own = fields[user] ?? []
            let others = everybody.filter { line in !own.contains { $0.key == line.key } }
            draft.addUser(user, modes.secrets(key, domain), fields: own + others, from: name)
        }
    }
}

extension String {
    /// Whether it is a key or an ad tag: 32 hexadecimal digits.
    var isHexadecimalKey: Bool {
        func isDigit(_ byte: UInt8) -> Bool {
            (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
        }
        return utf8.count == 32 && utf8.allSatisfy(isDigit)
    }
}
