import ProxyPolicy
import ProxySwitching
import TOMLKit

/// Reads the options of a configuration file.
struct TOMLSource {
    /// The path as messages show it.
    let path: String
    /// The absolute directory of the file, where its relative paths start.
    let directory: String

    /// Every value that an option can take, and an error with its line for everything else.
    func read(_ text: String) -> GivenSource {
        guard !text.utf8.contains(0) else {
            return failure(line: nil, "has a zero byte in it and is no text")
        }
        let lines = TOMLLineIndex(text)
        if let line = lines.malformedHeader { return failure(line: line, "is not TOML: a table has no name") }
        do {
            let document = try TOMLTable(string: text)
            var reader = Reader(source: self, lines: lines)
            reader.read(TOMLNode(document), at: [])
            var result = reader.result
            result.errors.sort { ($0.line ?? 0) < ($1.line ?? 0) }
            return result
        } catch let error as TOMLParseError {
            return failure(line: error.source.begin.line, "is not TOML: \(error.description)")
        } catch {
            return failure(line: nil, "is not TOML")
        }
    }

    private func failure(line: Int?, _ problem: String) -> GivenSource {
        GivenSource(errors: [ConfigurationError(source: .file(path: path, line: line), problem: problem)])
    }
}

extension ConfigurationError {
    /// The line in the configuration file; nil for other sources.
    var line: Int? {
        if case .file(_, let line) = source { line } else { nil }
    }
}

/// One walk over the document.
private struct Reader {
    let source: TOMLSource
    let lines: TOMLLineIndex
    var result = GivenSource()

    mutating func read(_ node: TOMLNode, at path: [String]) {
        if let option = OptionTable.option(forKey: path.joined(separator: ".")), path.count == option.path.count {
            result.values[option.key] = value(option, node, at: path, key: option.key)
            return
        }
        if path.count == 1, let table = OptionTable.table(path[0]) {
            readRows(of: table, node, at: path)
            return
        }
        guard path.isEmpty || OptionTable.isTable(path) else {
            fail(path, "is not a key of martlet", hint: suggestion(for: path))
            return
        }
        guard case .table(let entries) = node else {
            fail(path, "must be a table", hint: "expected [\(path.joined(separator: "."))] and its keys below")
            return
        }
        for entry in entries { read(entry.value, at: path + [entry.key]) }
    }

    /// Tables that may stand several times. Their keys are named without the table's number: the line says which.
    private mutating func readRows(of table: TableDefinition, _ node: TOMLNode, at path: [String]) {
        let hint = "expected [[\(table.name)]], in two brackets, and its keys below, once for each"
        guard case .array(let elements) = node else {
            fail(path, "must be a list of tables", hint: hint)
            return
        }
        for (index, element) in elements.enumerated() {
            let rowPath = path + [String(index)]
            guard case .table(let entries) = element else {
                fail(rowPath, "must be a list of tables", hint: hint, key: path)
                continue
            }
            var row = GivenRow(source: place(rowPath))
            for entry in entries {
                let key = "\(table.name).\(entry.key)"
                guard let field = table.field(entry.key) else {
                    let nearest = NearestName.find(entry.key, in: table.fields.map(\.key))
                    fail(
                        rowPath + [entry.key], "is not a key of [[\(table.name)]]",
                        hint: nearest.map { "did you mean \($0)?" }, key: [key]
                    )
                    continue
                }
                // Also when it is refused: it is not missing.
                row.values[field.key] =
                    value(field, entry.value, at: rowPath + [entry.key], key: key)
                    ?? GivenValue(items: [], source: place(rowPath + [entry.key]), directory: source.directory)
            }
            result.rows[table.name, default: []].append(row)
        }
    }

    /// What the file says about one value; nil after it was refused.
    private mutating func value(
        _ definition: any ValueDefinition,
        _ node: TOMLNode,
        at path: [String],
        key: String
    ) -> GivenValue? {
        var items: [GivenValue.Item] = []
        switch node {
        case .scalar(let text):
            items = definition.texts(from: text).map { item($0, at: path) }
        case .other(let text) where definition.placeholder == "DATE":
            items = [item(text, at: path)]
        case .array(let elements) where definition.isList:
            for (index, element) in elements.enumerated() {
                let place = path + [String(index)]
                guard case .scalar(let text) = element else {
                    fail(place, "must be a text", key: [key])
                    continue
                }
                items.append(item(text, at: place))
            }
        case .table(let entries) where definition.isList && definition.placeholder.contains("="):
            for entry in entries {
                let place = path + [entry.key]
                guard case .scalar(let text) = entry.value else {
                    fail(place, "must be a text")
                    continue
                }
                items.append(item("\(entry.key)=\(text)", at: place))
            }
        default:
            let expected = definition.isList ? "a text or a list of texts" : "one value"
            // [[user]] for [[users]]
            let table = OptionTable.tables.first { $0.name == "\(key)s" && path.count == 1 }
            let hint =
                table.map { "did you mean [[\($0.name)]]?" }
                ?? "for example \(ConfigurationPrinter.assignment(of: definition))"
            fail(path, "must be \(expected)", hint: hint, key: [key])
            return nil
        }
        return GivenValue(items: items, source: place(path), directory: source.directory)
    }

    private func item(_ text: String, at path: [String]) -> GivenValue.Item {
        GivenValue.Item(text: text, source: place(path))
    }

    private func place(_ path: [String]) -> ConfigurationError.Source {
        .file(path: source.path, line: lines.line(of: path))
    }

    private mutating func fail(_ path: [String], _ problem: String, hint: String? = nil, key: [String]? = nil) {
        let key = LogText.escaped((key ?? path).joined(separator: "."))
        result.errors.append(ConfigurationError(source: place(path), key: key, problem: problem, hint: hint))
    }

    /// The nearest key: first among its neighbours in the same table, then the same name in any table, then all.
    private func suggestion(for path: [String]) -> String? {
        let key = path.joined(separator: ".")
        let siblings = OptionTable.all.filter { $0.path.dropLast() == path.dropLast() }
        let name = path.last ?? key
        let found =
            NearestName.find(name, in: siblings.compactMap(\.path.last)).map { nearest in
                (path.dropLast() + [nearest]).joined(separator: ".")
            }
            ?? OptionTable.all.first { $0.path.last == name || $0.flag == name.replacing("_", with: "-") }?.key
            ?? NearestName.find(key, in: OptionTable.all.map(\.key))
            ?? NearestName.find(
                key, in: Set(OptionTable.all.map { $0.path[0] } + OptionTable.tables.map(\.name)).sorted())
        return found.map { "did you mean \($0)?" }
    }
}
