import ProxyPolicy

/// A table of the configuration file that may stand there any number of times: `[[users]]`.
///
/// Like an option's, its keys, documentation and printed form come from one definition per field.
struct TableDefinition: Sendable {
    let name: String
    let summary: String
    let fields: [any ValueDefinition]
    /// Appends what the file says in one such table to the settings.
    let read: @Sendable (GivenRow, _ home: String?, inout Settings) -> (errors: [ConfigurationError], notes: [String])
    /// The texts that give the value of a field of one row; nil when there is none.
    let render: @Sendable (Settings, _ row: Int, _ key: String) -> [String]?

    /// - Parameters:
    ///   - required: keys that have to be there; of several beside each other one is enough.
    ///   - rows: where the settings keep the rows.
    ///   - new: a row of which nothing was said yet.
    init<Row: Sendable>(
        name: String,
        summary: String,
        fields: [FieldDefinition<Row>],
        required: [[String]],
        rows: any WritableKeyPath<Settings, [Row]> & Sendable,
        new: Row
    ) {
        self.name = name
        self.summary = summary
        self.fields = fields
        read = { given, home, settings in
            var row = new
            var result: (errors: [ConfigurationError], notes: [String]) = ([], [])
            for keys in required where !keys.contains(where: { given.values[$0] != nil }) {
                result.errors.append(
                    ConfigurationError(
                        source: given.source, key: name, problem: "has no \(keys.joined(separator: " or "))",
                        hint: "every table [[\(name)]] needs one"
                    )
                )
            }
            for field in fields {
                guard let value = given.values[field.key] else { continue }
                var reading = ValueReading(field, value, key: "\(name).\(field.key)", home: home)
                result.errors += reading.apply(to: &row)
                result.notes += reading.notes
            }
            settings[keyPath: rows].append(row)
            return result
        }
        render = { settings, index, key in
            let all = settings[keyPath: rows]
            guard all.indices.contains(index) else { return nil }
            return fields.first { $0.key == key }?.render(all[index])
        }
    }

    func field(_ key: String) -> (any ValueDefinition)? { fields.first { $0.key == key } }
}

extension OptionTable {
    /// Every table that may stand several times.
    static let tables = [UserTable.definition, ListenerTable.definition]

    static func table(_ name: String) -> TableDefinition? { tables.first { $0.name == name } }
}
