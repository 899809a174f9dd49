import MTProtoWire
import ProxyPolicy

/// A configuration file in the making: what is set, what is left out and why, and what people should know.
struct Draft: Sendable {
    /// One user, with a table of his own.
    struct DraftUser: Sendable {
        var name: String
        /// As links carry them.
        var secrets: [ProxySecret]
        var fields: [Line] = []
    }

    /// `key = value  # origin`.
    struct Line: Sendable {
        var key: String
        var value: TOMLLiteral
        /// The other program's name for it.
        var origin: String
    }

    /// Where relative paths start.
    var directory: String
    private(set) var lines: [String: [Line]] = [:]
    var users: [DraftUser] = []
    private(set) var listeners: [[Line]] = []
    private(set) var translated: [String] = []
    private(set) var left: [(name: String, value: String?, reason: String)] = []
    private(set) var notes: [String] = []

    init(directory: String) {
        self.directory = directory
    }

    // MARK: Filling

    /// Sets an option by its key in Martlet's file.
    mutating func set(_ key: String, _ value: TOMLLiteral, from origin: String) {
        let parts = key.split(separator: ".", maxSplits: 1).map(String.init)
        let (section, name) = parts.count == 2 ? (parts[0], parts[1]) : ("", key)
        lines[section, default: []].removeAll { $0.key == name }
        lines[section, default: []].append(Line(key: name, value: value, origin: origin))
        markTranslated(origin)
    }

    func has(_ key: String) -> Bool {
        let parts = key.split(separator: ".", maxSplits: 1).map(String.init)
        return lines[parts.count == 2 ? parts[0] : ""]?.contains { $0.key == parts.last } ?? false
    }

    mutating func markTranslated(_ origin: String) {
        if !origin.isEmpty, !translated.contains(origin) { translated.append(origin) }
    }

    mutating func addListener(_ fields: [Line]) {
        listeners.append(fields)
        for field in fields { markTranslated(field.origin) }
    }

    /// Keeps something as a comment. What is in it is shown in the file alone.
    mutating func leave(_ name: String, _ value: String?, because reason: String) {
        left.append((name, value, reason))
    }

    mutating func note(_ text: String) {
        if !notes.contains(text) { notes.append(text) }
    }

    /// An absolute path of what may be a relative one.
    func path(_ text: String) -> String {
        if text.hasPrefix("/") || text.hasPrefix("~/") { return text }
        let relative = text.hasPrefix("./") ? String(text.dropFirst(2)) : text
        return directory == "/" ? "/\(relative)" : "\(directory)/\(relative)"
    }

    /// A number brought into the range that Martlet takes, with a remark when it was outside.
    mutating func bounded(_ number: Int64, _ range: ClosedRange<Int64>, _ name: String) -> Int64 {
        if range.contains(number) { return number }
        let nearest = min(max(number, range.lowerBound), range.upperBound)
        note("\(name) is out of martlet's range; the nearest value was taken")
        return nearest
    }

    // MARK: Users

    /// Adds a user under a name that Martlet takes, unless somebody before has one of the secrets.
    mutating func addUser(_ name: String, _ secrets: [ProxySecret], fields: [Line] = [], from origin: String) {
        let free = freeName(for: name)
        for other in users
        where other.secrets.contains(where: { known in secrets.contains { $0.clashes(with: known) } }) {
            leave(
                "\(origin).\(name)", nil,
                because: "it has the same secret as \(other.name), and a secret says who a client is")
            note("\(name) has the same secret as \(other.name) and was left out")
            return
        }
        if free != name {
            note("the user \(TOMLLiteral.quoted(name)) is called \(free) now: names are ASCII and unique")
        }
        users.append(DraftUser(name: free, secrets: secrets, fields: fields))
        markTranslated(origin)
    }

    private func freeName(for name: String) -> String {
        var plain = String(
            name.unicodeScalars.map { UserDirectory.isName(String($0)) ? Character($0) : "_" }.prefix(56))
        if plain.isEmpty { plain = "user" }
        let taken = Set(users.map(\.name))
        if !taken.contains(plain) { return plain }
        for number in 2... where !taken.contains("\(plain)-\(number)") { return "\(plain)-\(number)" }
        return plain
    }
}

extension ProxySecret {
    /// Whether clients with the two could not be told apart.
    fileprivate func clashes(with other: ProxySecret) -> Bool {
        key == other.key && isFakeTLS == other.isFakeTLS
    }

    var isFakeTLS: Bool {
        if case .fakeTLS = kind { true } else { false }
    }

    /// The domain of a FakeTLS secret.
    var domain: String? {
        if case .fakeTLS(let domain) = kind { domain } else { nil }
    }
}
