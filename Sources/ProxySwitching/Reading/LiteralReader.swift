/// Reads literals: texts, numbers, truth values, lists and tables, as JSON and Python write them. Whatever else stands
/// in the place of a value is taken as an expression and never evaluated.
struct LiteralReader {
    /// Deeper than any configuration nests.
    private static let maximumDepth = 32
    private static let maximumNodes = 200_000

    private let bytes: [UInt8]
    private var place = 0
    private(set) var line = 1
    private var nodes = 0

    init(_ text: String) {
        bytes = Array(text.utf8)
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { place = 3 }
    }

    // MARK: Whole texts

    /// A text that is one literal, as a JSON file is.
    mutating func readDocument() throws -> ForeignNode {
        skipBlanks(overLines: true)
        let node = try readValue(depth: 0)
        skipBlanks(overLines: true)
        guard current == nil else { throw SwitchingError("something follows the last bracket", line: line) }
        if case .expression = node.value {
            throw SwitchingError("this is no JSON", expected: "{ at the start", line: 1)
        }
        return node
    }

    /// The assignments at the left margin of a Python file, `NAME = literal`, in their order. Other statements are
    /// skipped, with what is indented below them; their first words are given too, for a remark.
    mutating func readAssignments() throws -> (assignments: [ForeignEntry], skipped: [(text: String, line: Int)]) {
        var assignments: [ForeignEntry] = []
        var skipped: [(String, Int)] = []
        while current != nil {
            // What is indented belongs to a statement before; brackets and texts at the margin end or explain one.
            guard let first = current, !" \t\r\n#)]}\"'".utf8.contains(first) else {
                skipStatement()
                continue
            }
            let start = (place, line)
            let name = readName()
            skipBlanks(overLines: false)
            if !name.isEmpty, current == UInt8(ascii: "="), byte(after: 1) != UInt8(ascii: "=") {
                place += 1
                skipBlanks(overLines: false)
                let at = line
                var node = try readValue(depth: 0)
                skipBlanks(overLines: false)
                if let next = current, ![0x0A, 0x0D, UInt8(ascii: "#"), UInt8(ascii: ";")].contains(next) {
                    node.value = .expression(node.text + readExpression())
                }
                node.line = at
                assignments.append(ForeignEntry(name, node))
                if current == UInt8(ascii: ";") {
                    // Another statement on the same line.
                    place += 1
                    skipBlanks(overLines: false)
                } else {
                    skipStatement()
                }
            } else {
                (place, line) = start
                skipStatement()
                skipped.append((String(decoding: bytes[start.0..<place], as: UTF8.self), start.1))
            }
        }
        return (assignments, skipped)
    }

    // MARK: Values

    private mutating func readValue(depth: Int) throws -> ForeignNode {
        nodes += 1
        guard depth < Self.maximumDepth, nodes < Self.maximumNodes else {
            throw SwitchingError("the brackets are too deep or hold too much", line: line)
        }
        let start = line
        // Python 2's mark of a text.
        if current == UInt8(ascii: "u"), let next = byte(after: 1), "\"'".utf8.contains(next) { place += 1 }
        switch current {
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return try readTexts(start)
        case UInt8(ascii: "["): return try readList(UInt8(ascii: "]"), depth, start)
        case UInt8(ascii: "("): return try readList(UInt8(ascii: ")"), depth, start)
        case UInt8(ascii: "{"): return try readTable(depth, start)
        default: return readWord(start)
        }
    }

    private mutating func readWord(_ start: Int) -> ForeignNode {
        let text = readExpression()
        switch text {
        case "True", "true": return ForeignNode(value: .scalar("true"), line: start)
        case "False", "false": return ForeignNode(value: .scalar("false"), line: start)
        case "None", "null": return ForeignNode(value: .nothing, line: start)
        default:
            let number = text.replacing("_", with: "")
            let isNumber = number.first.map { "-.0123456789".contains($0) } == true && Double(number) != nil
            if isNumber { return ForeignNode(value: .scalar(number), line: start) }
            return ForeignNode(
                value: Self.product(number).map { .scalar(String($0)) } ?? .expression(text), line: start)
        }
    }

    /// `100 * 1024**3`: how people write amounts of bytes.
    private static func product(_ text: String) -> Int64? {
        func pieces(_ text: some StringProtocol, _ mark: Character) -> [String] {
            text.split(separator: mark, omittingEmptySubsequences: false).map { piece in
                String(String(piece.drop { $0 == " " }.reversed()).drop { $0 == " " }.reversed())
            }
        }
        var result: Int64 = 1
        for factor in pieces(text.replacing("**", with: "^"), "*") {
            let parts = pieces(factor, "^").map { Int64($0) }
            guard let base = parts.first.flatMap({ $0 }), base >= 0, parts.count <= 2,
                let exponent = parts.count == 2 ? parts[1] : 1, (0...64).contains(exponent)
            else { return nil }
            for _ in 0..<exponent {
                let (product, overflows) = result.multipliedReportingOverflow(by: base)
                guard !overflows else { return nil }
                result = product
            }
        }
        return result
    }

    /// Texts beside each other are one, as in Python.
    private mutating func readTexts(_ start: Int) throws -> ForeignNode {
        var text = ""
        while let mark = current, mark == UInt8(ascii: "\"") || mark == UInt8(ascii: "'") {
            text += try readText(mark)
            skipBlanks(overLines: false)
        }
        return ForeignNode(value: .scalar(text), line: start)
    }

    private mutating func readText(_ mark: UInt8) throws -> String {
        let start = line
        let isLong = byte(after: 1) == mark && byte(after: 2) == mark
        place += isLong ? 3 : 1
        var result: [UInt8] = []
        while let next = current {
            if next == mark, !isLong || (byte(after: 1) == mark && byte(after: 2) == mark) {
                place += isLong ? 3 : 1
                return String(decoding: result, as: UTF8.self)
            }
            if next == UInt8(ascii: "\n"), !isLong { break }
            if next == UInt8(ascii: "\\") {
                try readEscape(into: &result)
                continue
            }
            if next == UInt8(ascii: "\n") { line += 1 }
            result.append(next)
            place += 1
        }
        throw SwitchingError("a text is not closed", expected: "another quotation mark", line: start)
    }

    private mutating func readEscape(into result: inout [UInt8]) throws {
        place += 1
        guard let letter = current else { throw SwitchingError("the text ends in an escape", line: line) }
        place += 1
        let simple: [UInt8: UInt8] = [
            UInt8(ascii: "n"): 10, UInt8(ascii: "t"): 9, UInt8(ascii: "r"): 13, UInt8(ascii: "b"): 8,
            UInt8(ascii: "f"): 12,
        ]
        let digits = letter == UInt8(ascii: "u") ? 4 : letter == UInt8(ascii: "x") ? 2 : 0
        guard digits > 0 else {
            if letter == UInt8(ascii: "\n") { line += 1 } else { result.append(simple[letter] ?? letter) }
            return
        }
        let hex = String(decoding: bytes[place..<min(place + digits, bytes.count)], as: UTF8.self)
        guard let code = UInt32(hex, radix: 16) else {
            throw SwitchingError("an escape is not hexadecimal", line: line)
        }
        place += digits
        // Halves of a pair are no characters of their own.
        result += Array(String(Unicode.Scalar(code).map(Character.init) ?? "\u{FFFD}").utf8)
    }

    private mutating func readList(_ end: UInt8, _ depth: Int, _ start: Int) throws -> ForeignNode {
        place += 1
        var elements: [ForeignNode] = []
        var commas = 0
        while true {
            skipBlanks(overLines: true)
            if try closes(end, start) { break }
            elements.append(try readValue(depth: depth + 1))
            commas += try separate(end, start) ? 1 : 0
        }
        // Python's brackets around one value change nothing.
        if end == UInt8(ascii: ")"), commas == 0, let only = elements.first { return only }
        return ForeignNode(value: .list(elements), line: start)
    }

    private mutating func readTable(_ depth: Int, _ start: Int) throws -> ForeignNode {
        place += 1
        let end = UInt8(ascii: "}")
        var entries: [(key: String, node: ForeignNode)] = []
        while true {
            skipBlanks(overLines: true)
            if try closes(end, start) { return ForeignNode(value: .table(entries), line: start) }
            let key = try readValue(depth: depth + 1)
            skipBlanks(overLines: true)
            guard current == UInt8(ascii: ":"), case .scalar(let name) = key.value else {
                throw SwitchingError("an entry of the table is not readable", expected: "\"name\": value", line: line)
            }
            place += 1
            skipBlanks(overLines: true)
            entries.append((name, try readValue(depth: depth + 1)))
            try separate(end, start)
        }
    }

    private mutating func closes(_ end: UInt8, _ start: Int) throws -> Bool {
        guard let next = current else { throw SwitchingError("a bracket is not closed", line: start) }
        guard next == end else { return false }
        place += 1
        return true
    }

    /// Whether there was a comma.
    @discardableResult
    private mutating func separate(_ end: UInt8, _ start: Int) throws -> Bool {
        skipBlanks(overLines: true)
        if current == UInt8(ascii: ",") {
            place += 1
            return true
        }
        guard current == end else {
            throw SwitchingError("a comma is missing", expected: ", or a bracket that closes", line: line)
        }
        return false
    }

    // MARK: Characters

    private var current: UInt8? { place < bytes.count ? bytes[place] : nil }

    private func byte(after distance: Int) -> UInt8? { place + distance < bytes.count ? bytes[place + distance] : nil }

    private mutating func readName() -> String {
        let start = place
        while let next = current, next == UInt8(ascii: "_") || next.isLetterOrDigit { _ = next; place += 1 }
        return String(decoding: bytes[start..<place], as: UTF8.self)
    }

    /// Everything up to the end of a value, with brackets and texts in it.
    private mutating func readExpression() -> String {
        let start = place
        var depth = 0
        var mark: UInt8?
        while let next = current {
            if let open = mark {
                if next == open { mark = nil }
                if next == UInt8(ascii: "\n") { break }
            } else if "\"'".utf8.contains(next) {
                mark = next
            } else if "([{".utf8.contains(next) {
                depth += 1
            } else if ")]}".utf8.contains(next) {
                if depth == 0 { break }
                depth -= 1
            } else if depth == 0,
                [0x0A, 0x0D, UInt8(ascii: ","), UInt8(ascii: "#"), UInt8(ascii: ";")].contains(next)
                    || (depth == 0 && next == UInt8(ascii: ":"))
            {
                break
            }
            if next == UInt8(ascii: "\n") { line += 1 }
            place += 1
        }
        var text = String(decoding: bytes[start..<place], as: UTF8.self)
        while text.last?.isWhitespace == true { text.removeLast() }
        // A bracket or mark that fits nowhere must not hold the reader.
        if place == start, current != nil { place += 1 }
        return text
    }

    /// To the next line, or behind a text that goes over lines.
    private mutating func skipStatement() {
        while let next = current {
            switch next {
            case UInt8(ascii: "\n"):
                place += 1
                line += 1
                return
            case UInt8(ascii: "#"):
                while let skipped = current, skipped != 0x0A { _ = skipped; place += 1 }
            case UInt8(ascii: "\""), UInt8(ascii: "'"):
                // One that is not closed is the other program's trouble: this statement is not read.
                let start = (place, line)
                if (try? readText(next)) == nil { (place, line) = (start.0 + 1, start.1) }
            default: place += 1
            }
        }
    }

    private mutating func skipBlanks(overLines: Bool) {
        while let next = current {
            switch next {
            case 0x20, 0x09, 0x0D: place += 1
            case UInt8(ascii: "\\") where byte(after: 1) == 0x0A:
                place += 2
                line += 1
            case 0x0A where overLines:
                place += 1
                line += 1
            case UInt8(ascii: "#") where overLines:
                while let skipped = current, skipped != 0x0A { _ = skipped; place += 1 }
            default: return
            }
        }
    }
}

extension UInt8 {
    fileprivate var isLetterOrDigit: Bool {
        (0x30...0x39).contains(self) || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self)
    }
}
