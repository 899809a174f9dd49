/// The reference of every option as a page in Markdown, made from the same table as flags, variables and keys.
struct ConfigurationManual {
    private static let introduction = """
        # Configuration

        Every option is a key of the configuration file (TOML), a flag and an environment variable. A flag goes before a variable, a
        variable before the file, the file before the default. The variable is `MARTLET_` and the flag in capitals: `--dc-ip` is
        `MARTLET_DC_IP`. A switch has a positive and a negative flag (`--cfproxy`, `--no-cfproxy`). The file is given with `--config` or
        `MARTLET_CONFIG`.

        ```
        martlet config print --defaults > martlet.toml    # a commented file of every option
        martlet config check --config martlet.toml        # everything that is wrong, with file and line
        martlet config print --config martlet.toml        # what is in force
        ```

        Times are numbers with ms, s, m, h or d; amounts of bytes have kB, MB, GB, KiB, MiB or GiB. A list is an array in the file; a flag
        may be given several times or hold several values. Unknown keys are errors, and the nearest known name is told. Paths in the file
        are relative to the file.

        This page is made by `make configuration-page` from the program's own table.
        """

    func text() -> String {
        let sections = OptionTable.sections.map { section in
            "## \(section.title)\n\n" + Self.table(section.options.map(Self.row))
        }
        let tables = OptionTable.tables.map { table in
            "## `[[\(table.name)]]`\n\n\(Self.escaped(table.summary))\n\n"
                + Self.fieldTable(table.fields.map(Self.fieldRow))
        }
        return ([Self.introduction] + sections + tables).joined(separator: "\n\n") + "\n"
    }

    private static func table(_ rows: [String]) -> String {
        (["| key | flag | default | |", "|---|---|---|---|"] + rows).joined(separator: "\n")
    }

    private static func fieldTable(_ rows: [String]) -> String {
        (["| key | example | |", "|---|---|---|"] + rows).joined(separator: "\n")
    }

    private static func row(_ option: OptionDefinition) -> String {
        "| `\(option.key)` | `\(escaped(option.flagNames))` | \(defaultText(option)) | \(meaning(option)) |"
    }

    private static func fieldRow(_ field: any ValueDefinition) -> String {
        "| `\(field.key)` | \(code(field, field.example)) | \(escaped(field.summary)) |"
    }

    private static func defaultText(_ option: OptionDefinition) -> String {
        guard let texts = option.defaultTexts, !texts.isEmpty else { return "none" }
        return code(option, texts)
    }

    /// With an example where the default is none.
    private static func meaning(_ option: OptionDefinition) -> String {
        var text = escaped(option.summary)
        if option.defaultTexts?.isEmpty != false, !option.example.isEmpty {
            text += " Example: \(code(option, option.example))"
        }
        if let word = option.emptyWord { text += " `\(word)` empties the list." }
        return text
    }

    private static func code(_ value: any ValueDefinition, _ texts: [String]) -> String {
        guard value.isList else { return "`\(escaped(texts.last ?? ""))`" }
        return texts.map { "`\(escaped($0))`" }.joined(separator: ", ")
    }

    /// A bar would end the cell.
    private static func escaped(_ text: String) -> String { text.replacing("|", with: "\\|") }
}
