/// Takes words, numbers and marks from the text of a `MiddleProxyList`.
struct MiddleProxyListScanner {
    /// Something read, and where it began.
    struct Token<Value> {
        var value: Value
        var offset: Int
    }

    /// The most characters of the text that an error shows.
    private static let nearLength = 20

    private let text: [UInt8]
    private let file: String
    private var offset = 0

    init(text: [UInt8], file: String) {
        self.text = text
        self.file = file
    }

    // MARK: Parts of statements

    /// The word that a statement begins with; nil at the end of the text.
    mutating func nextStatement() throws(MiddleProxyListError) -> Token<String>? {
        skipBlanks()
        guard offset < text.count else { return nil }
        let word = takeWord()
        guard !word.value.isEmpty else { throw error("no statement", "'proxy <ip>:<port>;'") }
        return word
    }

    /// A decimal number, perhaps with a sign.
    mutating func number(
        _ range: ClosedRange<Int>, _ expected: String
    ) throws(MiddleProxyListError) -> Token<Int> {
        skipBlanks()
        let start = offset
        let isNegative = current == UInt8(ascii: "-")
        if isNegative { offset += 1 }
        let digits = offset
        var value = 0
        while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            // Beyond every range there is; it must not grow without end.
            value = min(value * 10 + Int(byte - UInt8(ascii: "0")), 1_000_000)
            offset += 1
        }
        let signed = isNegative ? -value : value
        guard offset > digits, range.contains(signed) else {
            throw error(at: start, offset > digits ? "number out of range" : "no number", expected)
        }
        return Token(value: signed, offset: start)
    }

    /// The blank without which the address would belong to the number.
    func blank() throws(MiddleProxyListError) {
        guard current == UInt8(ascii: " ") || current == UInt8(ascii: "\t") else {
            throw error("no blank behind the number", "a space and '<ip>:<port>;'")
        }
    }

    /// Host, colon and port.
    mutating func target() throws(MiddleProxyListError) -> MiddleProxyTarget {
        let host = try host()
        try mark(":", "a colon and the port")
        let port = try number(1...65_535, "a port from 1 to 65535").value
        return MiddleProxyTarget(host: host, port: port)
    }

    mutating func semicolon() throws(MiddleProxyListError) {
        try mark(";", "';'")
    }

    private mutating func host() throws(MiddleProxyListError) -> String {
        skipBlanks()
        let start = offset
        guard current == UInt8(ascii: "[") else {
            let word = takeWord().value
            guard !word.isEmpty else { throw error(at: start, "no host", "a name, an IPv4 address or [IPv6]") }
            guard word.utf8.count <= MiddleProxyList.maximumHostLength else {
                throw error(
                    at: start, "host too long", "at most \(MiddleProxyList.maximumHostLength) characters")
            }
            return word
        }
        offset += 1
        let first = offset
        while let byte = current, Self.isWord(byte) || byte == UInt8(ascii: ":") { offset += 1 }
        guard let address = IPAddress(String(decoding: text[first..<offset], as: UTF8.self)), address.isIPv6,
            current == UInt8(ascii: "]")
        else { throw error(at: start, "no IPv6 address in brackets", "such as [2001:db8::1]") }
        offset += 1
        return address.description
    }

    // MARK: Characters

    private var current: UInt8? { offset < text.count ? text[offset] : nil }

    /// Takes letters, digits, dots, hyphens and underscores; perhaps none.
    private mutating func takeWord() -> Token<String> {
        let start = offset
        while let byte = current, Self.isWord(byte) { offset += 1 }
        return Token(value: String(decoding: text[start..<offset], as: UTF8.self), offset: start)
    }

    private mutating func mark(_ mark: Unicode.Scalar, _ expected: String) throws(MiddleProxyListError) {
        skipBlanks()
        guard current == UInt8(ascii: mark) else { throw error("missing '\(mark)'", expected) }
        offset += 1
    }

    /// Moves over blanks, line ends and comments.
    private mutating func skipBlanks() {
        while let byte = current {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"):
                offset += 1
            case UInt8(ascii: "#"):
                while let byte = current, byte != UInt8(ascii: "\n") { offset += 1 }
            default:
                return
            }
        }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default:
            false
        }
    }

    // MARK: Errors

    /// An error where the scanner stands, or where something began.
    func error(at start: Int? = nil, _ problem: String, _ expected: String) -> MiddleProxyListError {
        let start = min(start ?? offset, text.count)
        let line = 1 + text[..<start].count { $0 == UInt8(ascii: "\n") }
        let near = text[start...].prefix(Self.nearLength).map { (0x20..<0x7f).contains($0) ? $0 : UInt8(ascii: " ") }
        return MiddleProxyListError(
            file: file, line: line, problem: problem, expected: expected, near: String(decoding: near, as: UTF8.self))
    }
}
