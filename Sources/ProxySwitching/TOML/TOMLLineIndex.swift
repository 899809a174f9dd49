/// Where in a TOML text each key and each element of an array stands.
///
/// The parser's interface gives positions for syntax errors alone. This index walks over a text that the parser has
/// accepted and notes the line of every value; elements of arrays are numbered, so the second of `routes.dc_ip` has
/// the path `["routes", "dc_ip", "1"]`. A text that the parser would refuse gives an incomplete index, never more.
package struct TOMLLineIndex {
    private var lines: [[String]: Int] = [:]
    /// The line of the first table header whose name does not begin like one: the parser ends the program over it
    /// (observed: toml++ as TOMLKit 0.6 has it, an assertion in parse_key).
    package private(set) var malformedHeader: Int?

    private var rest: ArraySlice<UInt8>
    private var line = 1
    /// The table that the current key belongs to.
    private var table: [String] = []
    /// How many tables each array of tables has so far.
    private var arrayCounts: [[String]: Int] = [:]

    package init(_ text: String) {
        rest = Array(text.utf8)[...]
        while !rest.isEmpty { scanLine() }
    }

    /// The line, counted from 1, of the value at a path, or of the nearest thing above it that has one.
    package func line(of path: [String]) -> Int? {
        var path = path
        while !path.isEmpty {
            if let line = lines[path] { return line }
            path.removeLast()
        }
        return nil
    }

    /// One header, one key with its value, a comment, or nothing.
    private mutating func scanLine() {
        skipBlanks()
        switch rest.first {
        case UInt8(ascii: "["): scanHeader()
        case UInt8(ascii: "#"), UInt8(ascii: "\n"), nil: break
        default: scanPair(in: table)
        }
        skipRestOfLine()
    }

    private mutating func scanHeader() {
        advance()
        let isArray = rest.first == UInt8(ascii: "[")
        if isArray { advance() }
        skipBlanks()
        if let first = rest.first, !Self.beginsKey(first), malformedHeader == nil { malformedHeader = line }
        let parts = scanKey(until: UInt8(ascii: "]"))
        var path: [String] = []
        for (index, part) in parts.enumerated() {
            path.append(part)
            // A header below an array of tables belongs to the table that came last.
            if index < parts.count - 1, let count = arrayCounts[path] { path.append(String(count - 1)) }
        }
        note(path)
        if isArray {
            let count = arrayCounts[path, default: 0]
            arrayCounts[path] = count + 1
            path.append(String(count))
            note(path)
        }
        table = path
    }

    /// Letters, digits, - and _ of bare keys, and quotation marks.
    private static func beginsKey(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF) || "-_\"'".utf8.contains(byte)
    }

    private mutating func scanPair(in base: [String]) {
        let path = base + scanKey(until: UInt8(ascii: "="))
        note(path)
        if rest.first == UInt8(ascii: "=") { advance() }
        scanValue(at: path)
    }

    private mutating func scanValue(at path: [String]) {
        skipBlanks()
        switch rest.first {
        case UInt8(ascii: "\""), UInt8(ascii: "'"): _ = scanString()
        case UInt8(ascii: "["): scanArray(at: path)
        case UInt8(ascii: "{"): scanInlineTable(at: path)
        default: skip { !Self.endsScalar($0) }
        }
    }

    private mutating func scanArray(at path: [String]) {
        advance()
        var index = 0
        while true {
            skipBlanksAndLines()
            guard let next = rest.first, next != UInt8(ascii: "]") else { break }
            let before = rest.count
            if next == UInt8(ascii: ",") {
                advance()
            } else {
                note(path + [String(index)])
                scanValue(at: path + [String(index)])
                index += 1
            }
            if rest.count == before { advance() }
        }
        advance()
    }

    private mutating func scanInlineTable(at path: [String]) {
        advance()
        while true {
            skipBlanksAndLines()
            guard let next = rest.first, next != UInt8(ascii: "}") else { break }
            let before = rest.count
            if next == UInt8(ascii: ",") { advance() } else { scanPair(in: path) }
            if rest.count == before { advance() }
        }
        advance()
    }

    /// The parts of a dotted key, quoted or bare.
    private mutating func scanKey(until stop: UInt8) -> [String] {
        var parts: [String] = []
        while true {
            skipBlanks()
            guard let next = rest.first, next != stop, next != UInt8(ascii: "\n") else { return parts }
            switch next {
            case UInt8(ascii: "."): advance()
            case UInt8(ascii: "\""), UInt8(ascii: "'"): parts.append(scanString())
            default:
                let part = rest.prefix {
                    $0 != stop && $0 != UInt8(ascii: ".") && !Self.isBlank($0) && $0 != UInt8(ascii: "\n")
                }
                parts.append(String(decoding: part, as: UTF8.self))
                rest = rest.dropFirst(part.count)
            }
        }
    }

    /// Steps over a string of any of the four kinds. Escapes are undone as far as keys need it.
    private mutating func scanString() -> String {
        let quote = rest.first ?? 0
        let isLiteral = quote == UInt8(ascii: "'")
        let isLong = rest.starts(with: [quote, quote, quote])
        let delimiter = Array(repeating: quote, count: isLong ? 3 : 1)
        advance(delimiter.count)
        var content: [UInt8] = []
        while let next = rest.first, !rest.starts(with: delimiter), isLong || next != UInt8(ascii: "\n") {
            if next == UInt8(ascii: "\\"), !isLiteral {
                advance()
                content.append(rest.first ?? 0)
            } else {
                content.append(next)
            }
            advance()
        }
        advance(delimiter.count)
        // A long string may end in up to two quotes of its own before the delimiter.
        if isLong { skip { $0 == quote } }
        return String(decoding: content, as: UTF8.self)
    }

    /// Notes the current line for a path and for the tables above it that were not seen before.
    private mutating func note(_ path: [String]) {
        var path = path
        while !path.isEmpty, lines[path] == nil {
            lines[path] = line
            path.removeLast()
        }
    }

    private mutating func advance(_ count: Int = 1) {
        for byte in rest.prefix(count) where byte == UInt8(ascii: "\n") { line += 1 }
        rest = rest.dropFirst(count)
    }

    private mutating func skip(while condition: (UInt8) -> Bool) {
        while let next = rest.first, condition(next) { advance() }
    }

    private mutating func skipBlanks() {
        skip(while: Self.isBlank)
    }

    private mutating func skipBlanksAndLines() {
        while let next = rest.first {
            if next == UInt8(ascii: "#") {
                skip { $0 != UInt8(ascii: "\n") }
            } else if Self.isBlank(next) || next == UInt8(ascii: "\n") {
                advance()
            } else {
                return
            }
        }
    }

    private mutating func skipRestOfLine() {
        skip { $0 != UInt8(ascii: "\n") }
        advance()
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }

    private static func endsScalar(_ byte: UInt8) -> Bool {
        [UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"), UInt8(ascii: "#"), UInt8(ascii: "\n")].contains(byte)
    }
}
