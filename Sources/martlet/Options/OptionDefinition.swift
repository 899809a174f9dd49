import ProxyPolicy

/// One option: its names in all three sources, its form, its meaning and its documentation.
struct OptionDefinition: ValueDefinition {
    /// A flag without value that stands for a value of the option: `-v` for `--log-level debug`.
    struct Shorthand: Sendable {
        let flag: String
        let short: Character
        /// What the flag means when given once, twice, …
        let values: [String]
        let summary: String
    }

    /// The flag without dashes; a toggle's positive form.
    let flag: String
    /// The value that the option sets.
    let field: FieldDefinition<Settings>
    var shorthand: Shorthand?

    init(flag: String, _ field: FieldDefinition<Settings>) {
        self.flag = flag
        self.field = field
    }

    var key: String { field.key }
    var shape: ValueShape { field.shape }
    var placeholder: String { field.placeholder }
    var isNumber: Bool { field.isNumber }
    var isSecret: Bool { field.isSecret }
    var summary: String { field.summary }
    var example: [String] { field.example }
    var emptyWord: String? { field.emptyWord }
    var apply: @Sendable (inout Settings, [String], inout ValueContext) -> [ValueProblem] { field.apply }
    var render: @Sendable (Settings) -> [String]? { field.render }
}

extension OptionDefinition {
    /// `MARTLET_` and the flag in capitals.
    var variable: String { Self.variable(for: flag) }

    static func variable(for flag: String) -> String {
        "MARTLET_" + flag.uppercased().replacing("-", with: "_")
    }

    /// The flag that people use: the negative one for what is on unless said otherwise.
    var usualFlag: String { isOnByDefault ? "no-\(flag)" : flag }

    var isOnByDefault: Bool { shape == .toggle && defaultTexts == ["true"] }

    /// The texts of the default; nil when the option has none, empty for an empty list.
    var defaultTexts: [String]? { render(.defaults) }

    /// Keys of the tables above the option's own name, and that name.
    var path: [String] { key.split(separator: ".").map(String.init) }

    func withShorthand(_ shorthand: Shorthand) -> Self {
        var copy = self
        copy.shorthand = shorthand
        return copy
    }
}

extension OptionDefinition {
    /// An option with one value that lives at `path`.
    static func value<Value>(
        _ key: String,
        flag: String,
        _ path: any WritableKeyPath<Settings, Value> & Sendable,
        _ form: ValueForm<Value>,
        _ summary: String,
        example: String
    ) -> Self {
        Self(flag: flag, .value(key, path, form, summary, example: example))
    }

    /// An option whose value may be absent; `absence` is the word for that, if there is one.
    static func value<Value>(
        _ key: String,
        flag: String,
        _ path: any WritableKeyPath<Settings, Value?> & Sendable,
        _ form: ValueForm<Value>,
        absence: String?,
        _ summary: String,
        example: String
    ) -> Self {
        Self(flag: flag, .value(key, path, form, absence: absence, summary, example: example))
    }

    /// A switch that lives at `path`.
    static func toggle(
        _ key: String,
        flag: String,
        _ path: any WritableKeyPath<Settings, Bool> & Sendable,
        _ summary: String
    ) -> Self {
        Self(flag: flag, .toggle(key, path, summary))
    }

    /// A list whose elements are stored and loaded by the given functions.
    ///
    /// `store` gets nil for the word that empties the list.
    static func list<Element>(
        _ key: String,
        flag: String,
        _ form: ValueForm<Element>,
        _ summary: String,
        example: [String],
        separators: String = ",; \t\n",
        emptyWord: String? = nil,
        load: @escaping @Sendable (Settings) -> [Element],
        store: @escaping @Sendable ([Element]?, inout Settings) -> Void
    ) -> Self {
        Self(
            flag: flag,
            .list(
                key, form, summary, example: example, separators: separators, emptyWord: emptyWord, load: load,
                store: store
            )
        )
    }
}
