/// Reads command lines the way a shell or a systemd unit splits them, and runs nothing.
///
/// Quotes, backslashes, line continuations and comments are understood, and variables that the text itself sets. A word
/// that only running something could tell keeps that as its problem, which matters when the word is one that is needed.
struct ShellReader {
    struct Word: Sendable, Equatable {
        var text = ""
        /// Why the text is not what the program would get.
        var problem: String?
    }

    struct Command: Sendable {
        var words: [Word]
        /// Where it begins.
        var line: Int
    }

    /// Whose rules hold.
    enum Manner: Sendable {
        case shell
        /// One `Exec…=` value of systemd: no comments, no operators, `%` begins a specifier.
        case unit
    }

    /// More is no command line of a proxy.
    private static let maximumWords = 10_000

    private let manner: Manner
    private var rest: Substring.UnicodeScalarView.SubSequence
    private var line: Int
    var variables: [String: String]

    init(_ text: String, manner: Manner = .shell, line: Int = 1, variables: [String: String] = [:]) {
        self.manner = manner
        self.line = line
        self.variables = variables
        rest = Substring(text.replacing("\r\n", with: "\n")).unicodeScalars
    }

    /// The next command; nil at the end.
    mutating func next() throws -> Command? {
        while !rest.isEmpty {
            skipBlanks()
            let start = line
            var words: [Word] = []
            while let scalar = rest.first, !endsCommand(scalar) {
                guard words.count < Self.maximumWords else {
                    throw SwitchingError("the command has more than \(Self.maximumWords) words", line: start)
                }
                if let word = try readWord() { words.append(word) }
                skipBlanks()
            }
            if rest.first != nil { advance() }
            words = takeAssignments(words)
            if !words.isEmpty { return Command(words: words, line: start) }
        }
        return nil
    }

    // MARK: Words

    private mutating func readWord() throws -> Word? {
        var word = Word()
        let start = line
        while let scalar = rest.first {
            switch scalar {
            case " ", "\t", "\n": return word
            case "'":
                advance()
                try readQuoted("'", into: &word, start)
            case "\"":
                advance()
                try readQuoted("\"", into: &word, start)
            case "\\":
                advance()
                if let next = rest.first {
                    advance()
                    if next != "\n" {
                        word.text.unicodeScalars.append(next)
                    } else {
                        return word.text.isEmpty ? nil : word
                    }
                }
            case "<", ">":
                guard manner == .shell else { fallthrough }
                skipRedirection()
                // `2>` is a part of the redirection.
                return word.text.allSatisfy(\.isNumber) ? nil : word
            default:
                if manner == .shell, endsCommand(scalar) { return word }
                readPlain(scalar, into: &word)
            }
        }
        return word
    }

    private mutating func readQuoted(_ mark: Unicode.Scalar, into word: inout Word, _ start: Int) throws {
        while let scalar = rest.first {
            if scalar == mark {
                advance()
                return
            }
            if mark == "\"", scalar == "\\" {
                advance()
                guard let next = rest.first else { break }
                if !["\"", "\\", "$", "`", "\n"].contains(next) { word.text.unicodeScalars.append("\\") }
                advance()
                if next != "\n" { word.text.unicodeScalars.append(next) }
            } else if mark == "\"" || manner == .unit {
                readPlain(scalar, into: &word)
            } else {
                advance()
                word.text.unicodeScalars.append(scalar)
            }
        }
        throw SwitchingError("a quotation mark is not closed", expected: "another \(mark)", line: start)
    }

    /// One character, or a variable's value.
    private mutating func readPlain(_ scalar: Unicode.Scalar, into word: inout Word) {
        advance()
        switch scalar {
        case "$": readVariable(into: &word)
        case "`" where manner == .shell: word.problem = "a command's output, and nothing is run here"
        case "%" where manner == .unit:
            let next = rest.first
            if next != nil { advance() }
            if next == "%" {
                word.text.unicodeScalars.append("%")
            } else {
                word.problem = "a specifier (%\(next.map(String.init) ?? "")), which only systemd can tell"
            }
        default: word.text.unicodeScalars.append(scalar)
        }
    }

    private mutating func readVariable(into word: inout Word) {
        let isBraced = rest.first == "{"
        if rest.first == "(" {
            word.problem = "a command's output, and nothing is run here"
            return
        }
        if isBraced { advance() }
        var name = ""
        while let scalar = rest.first, isNamePart(scalar) {
            name.unicodeScalars.append(scalar)
            advance()
        }
        var fallback: String?
        if isBraced {
            var tail = ""
            while let scalar = rest.first, scalar != "}", scalar != "\n" {
                tail.unicodeScalars.append(scalar)
                advance()
            }
            if rest.first == "}" { advance() }
            if tail.hasPrefix(":-") { fallback = String(tail.dropFirst(2)) }
        }
        if let value = variables[name] ?? fallback {
            word.text += value
        } else {
            word.problem = "the variable \(name), which this text does not set"
        }
    }

    // MARK: Commands

    /// `NAME=value` before a command, or alone.
    private mutating func takeAssignments(_ words: [Word]) -> [Word] {
        guard manner == .shell else { return words }
        var words = words[...]
        if let first = words.first?.text, ["export", "readonly", "local"].contains(first) { words.removeFirst() }
        while let word = words.first, let mark = word.text.firstIndex(of: "="),
            !word.text[..<mark].isEmpty, word.text[..<mark].unicodeScalars.allSatisfy(isNamePart)
        {
            if word.problem == nil {
                variables[String(word.text[..<mark])] = String(word.text[word.text.index(after: mark)...])
            }
            words.removeFirst()
        }
        return Array(words)
    }

    private func endsCommand(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "\n" || (manner == .shell && [";", "&", "|", "(", ")"].contains(scalar))
    }

    private mutating func skipBlanks() {
        while let scalar = rest.first {
            if scalar == " " || scalar == "\t" || scalar == "\r" {
                advance()
            } else if scalar == "\\", rest.dropFirst().first == "\n" {
                advance()
                advance()
            } else if scalar == "#", manner == .shell {
                while let next = rest.first, next != "\n" { _ = next; advance() }
            } else {
                return
            }
        }
    }

    private mutating func skipRedirection() {
        while let scalar = rest.first, [">", "<", "&"].contains(scalar) { _ = scalar; advance() }
        while rest.first == " " { advance() }
        while let scalar = rest.first, scalar != " ", scalar != "\t", !endsCommand(scalar) { advance() }
    }

    private mutating func advance() {
        if rest.first == "\n" { line += 1 }
        rest = rest.dropFirst()
    }

    private func isNamePart(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || (scalar.isASCII && Character(scalar).isLetter) || ("0"..."9").contains(scalar)
    }
}
