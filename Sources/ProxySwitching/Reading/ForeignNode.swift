/// A value in a foreign configuration, and where it stands.
struct ForeignNode: Sendable {
    indirect enum Value: Sendable {
        /// A text, number, truth value or date, as text.
        case scalar(String)
        case list([ForeignNode])
        case table([(key: String, node: ForeignNode)])
        /// `null` and `None`.
        case nothing
        /// What only running the other program could tell.
        case expression(String)
    }

    var value: Value
    /// Counted from 1; nil when it is not known.
    var line: Int?

    /// For comments: the value on one line.
    var text: String {
        switch value {
        case .scalar(let text), .expression(let text): text
        case .list(let nodes): "[\(nodes.map(\.text).joined(separator: ", "))]"
        case .table(let entries): "{\(entries.map { "\($0.key) = \($0.node.text)" }.joined(separator: ", "))}"
        case .nothing: "none"
        }
    }
}

/// One setting of a foreign configuration, with readings of it. Errors name the setting and its line, and quote its
/// value unless that may be a secret.
struct ForeignEntry: Sendable {
    /// As the other program calls it: `network.timeout.idle`, `--port`.
    var name: String
    /// The last part of the name, which may have dots in it.
    var key: String
    var node: ForeignNode

    init(_ name: String, key: String? = nil, _ node: ForeignNode) {
        self.name = name
        self.key = key ?? name
        self.node = node
    }

    init(_ name: String, _ text: String, line: Int?) {
        self.init(name, ForeignNode(value: .scalar(text), line: line))
    }

    func wrong(_ expected: String) -> SwitchingError {
        SwitchingError(
            "\(name): \(TOMLLiteral.quoted(Draft.shown(node.text))) is wrong", expected: expected, line: node.line)
    }

    func scalar() throws -> String {
        if case .scalar(let text) = node.value { return text }
        if case .expression = node.value {
            throw SwitchingError(
                "\(name) is computed when the program runs, and nothing is run here", expected: "the value itself",
                line: node.line)
        }
        throw SwitchingError("\(name) is not a single value", expected: "one text or number", line: node.line)
    }

    func truth() throws -> Bool {
        switch try scalar().lowercased() {
        case "true", "1", "yes", "on": return true
        case "false", "0", "no", "off", "": return false
        default: throw wrong("true or false")
        }
    }

    func integer(_ range: ClosedRange<Int64>) throws -> Int64 {
        let digits = try scalar().replacing("_", with: "")
        guard let number = Int64(digits), range.contains(number) else {
            throw wrong("a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func port() throws -> Int { Int(try integer(1...65_535)) }

    /// The elements of a list of texts; a single text is a list of one.
    func texts() throws -> [String] {
        switch node.value {
        case .scalar(let text): return text.isEmpty ? [] : [text]
        case .nothing: return []
        case .list(let nodes): return try nodes.map { try ForeignEntry(name, $0).scalar() }.filter { !$0.isEmpty }
        case .table, .expression:
            throw SwitchingError("\(name) is no list", expected: "a list of texts", line: node.line)
        }
    }

    /// The entries of a table: `name.key`.
    func entries() throws -> [ForeignEntry] {
        guard case .table(let entries) = node.value else {
            throw SwitchingError("\(name) is no table", expected: "names and their values", line: node.line)
        }
        return entries.map { ForeignEntry("\(name).\($0.key)", key: $0.key, $0.node) }
    }

    /// A number of seconds, as milliseconds.
    func seconds() throws -> Int64 {
        guard let number = Double(try scalar()), number >= 0, number <= 1e9 else { throw wrong("a number of seconds") }
        return Int64((number * 1_000).rounded())
    }

    /// A span of time as Go writes it (`1h2m3.5s`, `500ms`), in milliseconds.
    func goDuration() throws -> Int64 {
        let units: [(String, Double)] = [
            ("ms", 1), ("us", 0.001), ("µs", 0.001), ("ns", 1e-6), ("s", 1_000), ("m", 60_000), ("h", 3_600_000),
        ]
        var rest = try scalar()[...]
        var sum = 0.0
        guard !rest.isEmpty else { throw wrong("a span of time like 10s or 1h30m") }
        while !rest.isEmpty {
            let digits = rest.prefix { ("0"..."9").contains($0) || $0 == "." }
            rest = rest.dropFirst(digits.count)
            let name = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(name.count)
            guard let number = Double(digits), number <= 1e9,
                let unit = units.first(where: { $0.0 == name }) ?? (number == 0 ? ("", 0) : nil)
            else { throw wrong("a span of time like 10s or 1h30m") }
            sum += number * unit.1
        }
        return Int64(sum.rounded())
    }

    /// Bytes, with K, M, G or T (of 1024) behind the number or without.
    func bytes() throws -> Int64 {
        let text = try scalar().lowercased()
        let shift: Int64 = ["k": 10, "m": 20, "g": 30, "t": 40][text.last.map(String.init) ?? ""] ?? 0
        let digits = shift == 0 ? text[...] : text.dropLast()
        guard let number = Int64(digits), number >= 0 else {
            throw wrong("a number of bytes, such as 1073741824 or 1G")
        }
        let (result, overflows) = number.multipliedReportingOverflow(by: 1 << shift)
        guard !overflows else { throw wrong("a smaller number of bytes") }
        return result
    }
}
