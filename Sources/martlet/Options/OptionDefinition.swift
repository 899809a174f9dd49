import ProxyPolicy

/// One option: its names in all three sources, its form, its meaning and its documentation.
struct OptionDefinition: Sendable {
    enum Shape: Sendable, Equatable {
        /// One value; of several flags the last counts.
        case value
        /// True or false; on the command line a flag and its `--no-` form.
        case toggle
        /// Any number of values; in flags and variables these characters separate them.
        case list(separators: String)
    }

    /// A flag without value that stands for a value of the option: `-v` for `--log-level debug`.
    struct Shorthand: Sendable {
        let flag: String
        let short: Character
        /// What the flag means when given once, twice, …
        let values: [String]
        let summary: String
    }

    /// What is wrong with one of the texts that an option was given.
    struct Problem: Sendable, Equatable {
        /// The index of the text.
        var item: Int
        var reason: InvalidValue
    }

    typealias Apply = @Sendable (inout Settings, [String], inout ValueContext) -> [Problem]

    /// The path in the configuration file: `routes.dc_ip`.
    let key: String
    /// The flag without dashes; a toggle's positive form.
    let flag: String
    let shape: Shape
    let placeholder: String
    let isNumber: Bool
    let isSecret: Bool
    let summary: String
    /// Texts that could be given, for documentation and for the printed configuration when there is no default.
    let example: [String]
    /// The word that empties a list or unsets a value.
    let emptyWord: String?
    /// Puts texts into the settings; whatever is wrong is returned and leaves the settings as they were.
    let apply: Apply
    /// The texts that give the settings' value; nil when there is none.
    let render: @Sendable (Settings) -> [String]?
    var shorthand: Shorthand?
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

    var isList: Bool {
        if case .list = shape { true } else { false }
    }

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
        Self(
            key: key, flag: flag, shape: .value, placeholder: form.placeholder, isNumber: form.isNumber,
            isSecret: form.isSecret, summary: summary, example: [example], emptyWord: nil,
            apply: { settings, texts, context in
                guard let text = texts.last else { return [] }
                do throws(InvalidValue) {
                    settings[keyPath: path] = try form.parse(text, &context)
                    return []
                } catch {
                    return [Problem(item: texts.count - 1, reason: error)]
                }
            },
            render: { settings in form.print(settings[keyPath: path]).map { [$0] } }
        )
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
        value(key, flag: flag, path, form.optional(absence: absence), summary, example: example)
    }

    /// A switch that lives at `path`.
    static func toggle(
        _ key: String,
        flag: String,
        _ path: any WritableKeyPath<Settings, Bool> & Sendable,
        _ summary: String
    ) -> Self {
        let value = value(key, flag: flag, path, .bool, summary, example: "true")
        return Self(
            key: key, flag: flag, shape: .toggle, placeholder: value.placeholder, isNumber: true, isSecret: false,
            summary: summary, example: value.example, emptyWord: nil, apply: value.apply, render: value.render
        )
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
            key: key, flag: flag, shape: .list(separators: separators), placeholder: form.placeholder,
            isNumber: form.isNumber, isSecret: form.isSecret, summary: summary, example: example,
            emptyWord: emptyWord,
            apply: { settings, texts, context in
                if let emptyWord, texts == [emptyWord] {
                    store(nil, &settings)
                    return []
                }
                var elements: [Element] = []
                var problems: [Problem] = []
                for (item, text) in texts.enumerated() {
                    do throws(InvalidValue) {
                        if text == emptyWord {
                            throw InvalidValue("means an empty list and cannot stand beside other values")
                        }
                        elements.append(try form.parse(text, &context))
                    } catch {
                        problems.append(Problem(item: item, reason: error))
                    }
                }
                if problems.isEmpty { store(elements, &settings) }
                return problems
            },
            render: { settings in load(settings).compactMap { form.print($0) } }
        )
    }
}
