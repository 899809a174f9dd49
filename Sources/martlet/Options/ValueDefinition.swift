import ProxyPolicy

/// A named value of the configuration file: its form, its meaning and its documentation.
protocol ValueDefinition<Root>: Sendable {
    /// What the value is a part of.
    associatedtype Root

    /// The path in the configuration file, `routes.dc_ip`; of a field the key in its table.
    var key: String { get }
    var shape: ValueShape { get }
    var placeholder: String { get }
    var isNumber: Bool { get }
    var isSecret: Bool { get }
    var summary: String { get }
    /// Texts that could be given, for documentation and for the printed configuration when there is no default.
    var example: [String] { get }
    /// The word that empties a list or unsets a value.
    var emptyWord: String? { get }
    /// Puts texts into the whole; whatever is wrong is returned and leaves the whole as it was.
    var apply: @Sendable (inout Root, [String], inout ValueContext) -> [ValueProblem] { get }
    /// The texts that give the value; nil when there is none.
    var render: @Sendable (Root) -> [String]? { get }
}

enum ValueShape: Sendable, Equatable {
    /// One value; of several flags the last counts.
    case value
    /// True or false; on the command line a flag and its `--no-` form.
    case toggle
    /// Any number of values; in flags and variables these characters separate them.
    case list(separators: String)
}

/// What is wrong with one of the texts that a value was given.
struct ValueProblem: Sendable, Equatable {
    /// The index of the text.
    var item: Int
    var reason: InvalidValue
}

extension ValueDefinition {
    var isList: Bool {
        if case .list = shape { true } else { false }
    }

    /// The texts in one text from a flag, a variable or the file.
    func texts(from text: String) -> [String] {
        guard case .list(let separators) = shape else { return [text[...].trimmingBlanks()] }
        return text.pieces(separators: separators)
    }
}

/// One value of `Root`: of the settings or of one table among several of its kind.
struct FieldDefinition<Root: Sendable>: ValueDefinition {
    let key: String
    let shape: ValueShape
    let placeholder: String
    let isNumber: Bool
    let isSecret: Bool
    let summary: String
    let example: [String]
    let emptyWord: String?
    let apply: @Sendable (inout Root, [String], inout ValueContext) -> [ValueProblem]
    let render: @Sendable (Root) -> [String]?
}

extension FieldDefinition {
    /// One value that lives at `path`.
    static func value<Value>(
        _ key: String,
        _ path: any WritableKeyPath<Root, Value> & Sendable,
        _ form: ValueForm<Value>,
        _ summary: String,
        example: String
    ) -> Self {
        Self(
            key: key, shape: .value, placeholder: form.placeholder, isNumber: form.isNumber,
            isSecret: form.isSecret, summary: summary, example: [example], emptyWord: nil,
            apply: { root, texts, context in
                guard let text = texts.last else { return [] }
                do throws(InvalidValue) {
                    root[keyPath: path] = try form.parse(text, &context)
                    return []
                } catch {
                    return [ValueProblem(item: texts.count - 1, reason: error)]
                }
            },
            render: { root in form.print(root[keyPath: path]).map { [$0] } }
        )
    }

    /// A value that may be absent; `absence` is the word for that, if there is one.
    static func value<Value>(
        _ key: String,
        _ path: any WritableKeyPath<Root, Value?> & Sendable,
        _ form: ValueForm<Value>,
        absence: String?,
        _ summary: String,
        example: String
    ) -> Self {
        value(key, path, form.optional(absence: absence), summary, example: example)
    }

    /// A switch that lives at `path`.
    static func toggle(
        _ key: String,
        _ path: any WritableKeyPath<Root, Bool> & Sendable,
        _ summary: String
    ) -> Self {
        let value = value(key, path, .bool, summary, example: "true")
        return Self(
            key: key, shape: .toggle, placeholder: value.placeholder, isNumber: true, isSecret: false,
            summary: summary, example: value.example, emptyWord: nil, apply: value.apply, render: value.render
        )
    }

    /// A list whose elements are stored and loaded by the given functions.
    ///
    /// `store` gets nil for the word that empties the list.
    static func list<Element>(
        _ key: String,
        _ form: ValueForm<Element>,
        _ summary: String,
        example: [String],
        separators: String = ",; \t\n",
        emptyWord: String? = nil,
        load: @escaping @Sendable (Root) -> [Element],
        store: @escaping @Sendable ([Element]?, inout Root) -> Void
    ) -> Self {
        Self(
            key: key, shape: .list(separators: separators), placeholder: form.placeholder,
            isNumber: form.isNumber, isSecret: form.isSecret, summary: summary, example: example,
            emptyWord: emptyWord,
            apply: { root, texts, context in
                if let emptyWord, texts == [emptyWord] {
                    store(nil, &root)
                    return []
                }
                var elements: [Element] = []
                var problems: [ValueProblem] = []
                for (item, text) in texts.enumerated() {
                    do throws(InvalidValue) {
                        if text == emptyWord {
                            throw InvalidValue("means an empty list and cannot stand beside other values")
                        }
                        elements.append(try form.parse(text, &context))
                    } catch {
                        problems.append(ValueProblem(item: item, reason: error))
                    }
                }
                if problems.isEmpty { store(elements, &root) }
                return problems
            },
            render: { root in load(root).compactMap { form.print($0) } }
        )
    }
}
