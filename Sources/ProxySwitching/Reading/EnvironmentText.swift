/// Variables for a container: lines of `NAME=value`, or the `environment` and `command` of a compose file.
struct EnvironmentText: Sendable {
    struct Variable: Sendable, Equatable {
        var name: String
        var value: String
        var line: Int
    }

    private(set) var variables: [Variable] = []
    /// The program's arguments in a compose file, with their line.
    private(set) var command: (text: String, line: Int)?
    /// Other lines of a compose file.
    private(set) var others: [(text: String, line: Int)] = []

    /// Nil when the text is neither.
    init?(_ text: String) throws {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map(String.init)
        let isCompose = lines.contains {
            Self.trimmed($0).hasPrefix("environment:") || Self.trimmed($0).hasPrefix("services:")
        }
        if isCompose {
            try readCompose(lines)
        } else {
            for (index, line) in lines.enumerated() {
                var content = Self.trimmed(line)
                if content.isEmpty || content.hasPrefix("#") { continue }
                if content.hasPrefix("export ") { content = Self.trimmed(String(content.dropFirst(7))) }
                guard let variable = try Self.variable(content, separator: "=", index + 1) else { return nil }
                variables.append(variable)
            }
        }
        if variables.isEmpty, command == nil { return nil }
    }

    /// Enough of YAML for what compose files say: keys by indentation, `- NAME=value` or `NAME: value` below
    /// `environment`, and a command on one line or as a list.
    private mutating func readCompose(_ lines: [String]) throws {
        /// The key whose block is being read, and how far it is indented.
        var block: (key: String, indentation: Int)?
        for (index, line) in lines.enumerated() {
            let content = Self.withoutComment(Self.trimmed(line))
            if content.isEmpty { continue }
            let indentation = line.prefix { $0 == " " }.count
            // A list may be as far to the left as its key.
            if let open = block,
                indentation < open.indentation || (indentation == open.indentation && !content.hasPrefix("-"))
            {
                block = nil
            }
            switch block?.key {
            case "environment":
                let item = content.hasPrefix("-") ? Self.trimmed(String(content.dropFirst())) : content
                let separator: Character = content.hasPrefix("-") ? "=" : ":"
                guard let variable = try Self.variable(Self.unquoted(item), separator: separator, index + 1) else {
                    throw SwitchingError("this is no variable", expected: "NAME\(separator) value", line: index + 1)
                }
                variables.append(variable)
            case "command":
                let item = content.hasPrefix("-") ? Self.trimmed(String(content.dropFirst())) : content
                command = ("\(command?.text ?? "") \(item)", command?.line ?? index + 1)
            default:
                guard let colon = content.firstIndex(of: ":") else {
                    others.append((content, index + 1))
                    continue
                }
                let key = String(content[..<colon])
                let value = Self.trimmed(String(content[content.index(after: colon)...]))
                switch (key, value.isEmpty) {
                case ("environment", true), ("command", true): block = (key, indentation)
                case ("command", false):
                    command = (
                        value.replacing("[", with: "").replacing("]", with: "").replacing(",", with: " "), index + 1
                    )
                case (_, false), ("env_file", _), ("ports", _): others.append((content, index + 1))
                default: break
                }
            }
        }
    }

    private static func variable(_ text: String, separator: Character, _ line: Int) throws -> Variable? {
        guard let mark = text.firstIndex(of: separator) else { return nil }
        let name = unquoted(trimmed(String(text[..<mark])))
        guard !name.isEmpty,
            name.utf8.allSatisfy({
                $0 == 0x5F || ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A) || (0x30...0x39).contains($0)
            })
        else { return nil }
        let value = unquoted(trimmed(String(text[text.index(after: mark)...])))
        return Variable(name: name, value: try substituted(value, name, line), line: line)
    }

    /// `${NAME:-value}` is its value; what only the surroundings know is refused.
    private static func substituted(_ value: String, _ name: String, _ line: Int) throws -> String {
        guard value.hasPrefix("${"), value.hasSuffix("}") else {
            guard !value.contains("${") else {
                throw SwitchingError(
                    "\(name) is put together from other variables", expected: "the value itself", line: line)
            }
            return value
        }
        guard let mark = value.firstRange(of: ":-") else {
            throw SwitchingError("\(name) is another variable's value", expected: "the value itself", line: line)
        }
        return String(value[mark.upperBound...].dropLast())
    }

    private static func withoutComment(_ text: String) -> String {
        if text.hasPrefix("#") { return "" }
        return text.firstRange(of: " #").map { trimmed(String(text[..<$0.lowerBound])) } ?? text
    }

    private static func trimmed(_ text: String) -> String {
        var rest = text[...]
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }

    private static func unquoted(_ text: String) -> String {
        guard text.count >= 2, let first = text.first, first == text.last, first == "\"" || first == "'" else {
            return text
        }
        return String(text.dropFirst().dropLast())
    }
}
