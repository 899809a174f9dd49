import ProxyPolicy

/// Gives what one source says to one value, and tells what is wrong with it.
struct ValueReading<Definition: ValueDefinition> {
    private let definition: Definition
    private let value: GivenValue
    /// The key as messages name it.
    private let key: String
    private let home: String?
    private(set) var notes: [String] = []

    init(_ definition: Definition, _ value: GivenValue, key: String, home: String?) {
        self.definition = definition
        self.value = value
        self.key = key
        self.home = home
    }

    mutating func apply(to root: inout Definition.Root) -> [ConfigurationError] {
        var context = ValueContext(directory: value.directory, home: home)
        let texts = definition.spelledOut(value.items.map(\.text), notes: &context.notes)
        let problems = definition.apply(&root, texts, &context)
        notes = context.notes.map { "\(value.source): \($0)" }
        return problems.map { problem in
            let item = value.items.indices.contains(problem.item) ? value.items[problem.item] : nil
            return error(item?.text ?? "", problem.reason, source: item?.source ?? value.source)
        }
    }

    /// `"2:foo" is not an IP address; expected DC:ADDRESS[:PORT], for example 2:149.154.167.220`.
    private func error(_ text: String, _ reason: InvalidValue, source: ConfigurationError.Source) -> ConfigurationError
    {
        let value = definition.isSecret ? "the value" : quoted(text)
        var hints: [String] = []
        if let expected = reason.expected {
            hints.append(expected.hasPrefix("did you mean") ? expected : "expected \(expected)")
        }
        if let example = reason.example { hints.append("for example \(example)") }
        return ConfigurationError(
            source: source,
            key: key,
            problem: "\(value) \(reason.problem)",
            hint: hints.isEmpty ? nil : hints.joined(separator: ", ")
        )
    }
}

extension ValueDefinition {
    /// `0:0` is how people told tg-ws-proxy, which knows no empty list, that they want none.
    fileprivate func spelledOut(_ texts: [String], notes: inout [String]) -> [String] {
        guard emptyWord == "none", texts == ["0:0"] else { return texts }
        notes.append("0:0 was taken as none")
        return ["none"]
    }
}
