import TOMLKit

extension ForeignNode {
    /// The settings of a TOML file.
    ///
    /// - Throws: ``SwitchingError`` with the line where the text stops being TOML.
    static func toml(_ text: String) throws -> ForeignNode {
        let lines = TOMLLineIndex(text)
        if let line = lines.malformedHeader {
            throw SwitchingError("this is not TOML: a table has no name", expected: "[name]", line: line)
        }
        do {
            let document = try TOMLTable(string: text)
            return ForeignNode(TOMLNode(document), at: [], lines)
        } catch let error as TOMLParseError {
            throw SwitchingError("this is not TOML: \(Draft.shown(error.description))", line: error.source.begin.line)
        }
    }

    /// What a text is that may be either.
    enum TOMLOrCommand {
        case toml(ForeignNode)
        case command(FoundCommand)
    }

    /// A command line is no TOML; a text that is neither gets the error of TOML.
    static func tomlOrCommand(_ text: String, _ programs: [String]) throws -> TOMLOrCommand {
        do {
            return .toml(try toml(text))
        } catch {
            guard let command = try FoundCommand.find(in: text, programs: programs) else { throw error }
            return .command(command)
        }
    }

    private init(_ node: TOMLNode, at path: [String], _ lines: TOMLLineIndex) {
        line = lines.line(of: path)
        switch node {
        case .scalar(let text), .other(let text): value = .scalar(text)
        case .array(let elements):
            value = .list(elements.enumerated().map { ForeignNode($1, at: path + [String($0)], lines) })
        case .table(let entries):
            value = .table(entries.map { ($0.key, ForeignNode($0.value, at: path + [$0.key], lines)) })
        }
    }
}
