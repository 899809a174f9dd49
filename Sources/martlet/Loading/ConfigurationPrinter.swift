import ProxyPolicy

/// Writes a configuration as TOML with its documentation, ready to be edited.
///
/// What was given stands as a key, what is a default stands as a comment: a file that somebody keeps does not pin
/// defaults that a later version improves.
struct ConfigurationPrinter {
    var settings: Settings
    /// Which options were given, and where.
    var given: GivenValues
    /// Which tables that may stand several times were given.
    var rows: GivenRows = [:]
    var showsSecrets = false

    private static let hiddenSecrets = "## The secrets are not shown; add --show-secrets to see them."

    func text() -> String {
        var blocks = [
            """
            ## Configuration of martlet. Lines with a single # are defaults and examples.
            ## Every key is also a flag and an environment variable; a flag goes before a variable, a variable before
            ## this file. Times are numbers with ms, s, m, h or d, amounts of bytes with kB, MB, GB, KiB, MiB or GiB.
            """
        ]
        for option in OptionTable.all where option.path.count == 1 && !option.isTable { blocks.append(block(option)) }
        for table in tables {
            let options = OptionTable.all.filter { Array($0.path.dropLast()) == table }
            blocks.append("[\(table.joined(separator: "."))]")
            blocks += options.map { block($0) }
        }
        for option in OptionTable.all where option.isTable { blocks.append(block(option)) }
        for table in OptionTable.tables { blocks += [documentation(of: table)] + rowBlocks(of: table) }
        return blocks.joined(separator: "\n\n")
    }

    /// The tables in the order of the option table.
    private var tables: [[String]] {
        var seen: Set<[String]> = []
        return OptionTable.all.map { Array($0.path.dropLast()) }.filter { !$0.isEmpty && seen.insert($0).inserted }
    }

    private func block(_ option: OptionDefinition) -> String {
        var lines = Self.wrapped(option.summary, width: 110).map { "## \($0)" }
        lines.append("## \(option.flagNames), \(option.variable)")
        if let value = given[option.key], case .file = value.source {
        } else if let value = given[option.key] {
            lines.append("## given by \(value.source)")
        }
        lines += assignments(option)
        return lines.joined(separator: "\n")
    }

    private func assignments(_ option: OptionDefinition) -> [String] {
        let isGiven = given[option.key] != nil
        if option.isTable {
            guard isGiven else {
                return ["#[\(option.key)]", "#" + Self.tableEntry(option.example.first ?? "", "name")]
            }
            guard showsSecrets else { return [Self.hiddenSecrets] }
            let texts = option.render(settings) ?? []
            return ["[\(option.key)]"]
                + texts.enumerated().map { Self.tableEntry($1, SettingsResolver.name(forSecret: $0, of: texts.count)) }
        }
        if isGiven, let texts = option.render(settings) { return [Self.assignment(of: option, texts)] }
        if let texts = option.defaultTexts, !texts.isEmpty { return ["#" + Self.assignment(of: option, texts)] }
        return ["#" + Self.assignment(of: option, option.example)]
    }

    /// Every key of a table with an example. Examples are indented, so that they differ from options of the same name.
    private func documentation(of table: TableDefinition) -> String {
        var lines = Self.wrapped(table.summary, width: 110).map { "## \($0)" }
        lines.append("#[[\(table.name)]]")
        for field in table.fields {
            lines += Self.wrapped(field.summary, width: 106).map { "##   \($0)" }
            lines.append("#  \(Self.assignment(of: field))")
        }
        return lines.joined(separator: "\n")
    }

    /// The tables that were given, with what was given in them.
    private func rowBlocks(of table: TableDefinition) -> [String] {
        (rows[table.name] ?? []).enumerated().map { index, row in
            var lines = ["[[\(table.name)]]"]
            for field in table.fields where row.values[field.key] != nil {
                guard let texts = table.render(settings, index, field.key) else { continue }
                let isHidden = field.isSecret && !showsSecrets
                lines.append(isHidden ? Self.hiddenSecrets : Self.assignment(of: field, texts))
            }
            return lines.joined(separator: "\n")
        }
    }

    /// `port = 1443`, by the option's example or by the given texts.
    static func assignment(of option: any ValueDefinition, _ texts: [String]? = nil) -> String {
        let texts = texts ?? option.example
        let literals = texts.map { option.isNumber ? $0 : tomlString($0) }
        let value = option.isList ? "[\(literals.joined(separator: ", "))]" : literals.last ?? "\"\""
        return "\(option.key.split(separator: ".").last ?? "") = \(value)"
    }

    /// `name = "secret"`, from `name=secret` or from a secret without a name of its own.
    private static func tableEntry(_ text: String, _ defaultName: String) -> String {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        let (name, secret) = parts.count == 2 ? (parts[0], parts[1]) : (defaultName, text)
        return "\(tomlString(name)) = \(tomlString(secret))"
    }

    static func tomlString(_ text: String) -> String {
        // JSON's escapes are a subset of those of TOML's basic strings.
        JSONText.string(text)
    }

    static func wrapped(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, last.count + 1 + word.count <= width {
                lines[lines.count - 1] = last + " " + word
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }
}

extension OptionDefinition {
    /// Written as a table of its own, one name per entry: the secrets.
    var isTable: Bool { path.count == 1 && isList }

    /// `--cfproxy, --no-cfproxy`, `-v, --verbose, --log-level LEVEL`, `--port PORT`.
    var flagNames: String {
        switch shape {
        case .toggle: return "--\(usualFlag)"
        case .value, .list:
            let own = "--\(flag) \(placeholder)"
            return shorthand.map { "-\($0.short), --\($0.flag), \(own)" } ?? own
        }
    }
}
