import ProxyPolicy

/// Reads the options among environment variables.
struct EnvironmentSource {
    /// The variable for the configuration file's path; no option, because it says where options stand.
    static let configurationFile = "MARTLET_CONFIG"

    private static let prefix = "MARTLET_"

    let variables: [String: String]
    let directory: String

    /// An empty variable counts as unset: that is how container tools write "nothing given".
    func read() -> GivenSource {
        var result = GivenSource()
        for (name, text) in variables.sorted(by: { $0.key < $1.key }) {
            guard name.hasPrefix(Self.prefix), name != Self.configurationFile, name != HandoverStart.variable,
                !text.isEmpty
            else { continue }
            if Self.isServiceDiscovery(name, text) {
                result.notes.append("\(name) looks like a container's service link and was ignored")
                continue
            }
            guard let (option, text) = Self.match(name, text) else {
                result.errors.append(Self.unknown(name))
                continue
            }
            add(option, text, from: name, to: &result)
        }
        return result
    }

    private func add(_ option: OptionDefinition, _ text: String, from name: String, to result: inout GivenSource) {
        let source = ConfigurationError.Source.environment(name)
        if let other = result.values[option.key] {
            // `--log-level` says more than `--verbose`; other pairs contradict each other.
            let shorthand = option.shorthand.map { OptionDefinition.variable(for: $0.flag) }
            if shorthand != name {
                result.errors.append(
                    ConfigurationError(
                        source: source, key: option.key, problem: "is given together with \(other.source)")
                )
            }
            return
        }
        let items = option.texts(from: text).map { GivenValue.Item(text: $0, source: source) }
        result.values[option.key] = GivenValue(items: items, source: source, directory: directory)
    }

    /// The option that a variable names, and the text in the option's own terms.
    private static func match(_ name: String, _ text: String) -> (OptionDefinition, String)? {
        guard let meaning = meanings[name] else { return nil }
        let option = meaning.option
        switch meaning.form {
        case .own: return (option, text)
        case .negative: return (option, inverted(text))
        case .shorthand(let values):
            var context = ValueContext(directory: "/")
            guard let isOn = try? ValueForm.bool.parse(text, &context) else { return (option, text) }
            return (option, (isOn ? values.first : option.defaultTexts?.first) ?? text)
        }
    }

    /// What a variable says about its option.
    private struct Meaning: Sendable {
        enum Form: Sendable {
            case own
            /// True switches the option off.
            case negative
            /// True stands for a value.
            case shorthand([String])
        }

        var option: OptionDefinition
        var form: Form
    }

    private static let meanings: [String: Meaning] = {
        var meanings: [String: Meaning] = [:]
        for option in OptionTable.all {
            meanings[option.variable] = Meaning(option: option, form: .own)
            if option.shape == .toggle {
                let name = OptionDefinition.variable(for: "no-\(option.flag)")
                meanings[name] = Meaning(option: option, form: .negative)
            }
            if let shorthand = option.shorthand {
                let name = OptionDefinition.variable(for: shorthand.flag)
                meanings[name] = Meaning(option: option, form: .shorthand(shorthand.values))
            }
        }
        return meanings
    }()

    /// Every variable that means something.
    static var names: [String] { meanings.keys.sorted() + [configurationFile] }

    /// What is no truth value stays as it is, for the parser to refuse.
    private static func inverted(_ text: String) -> String {
        var context = ValueContext(directory: "/")
        guard let value = try? ValueForm.bool.parse(text, &context) else { return text }
        return value ? "false" : "true"
    }

    private static func unknown(_ name: String) -> ConfigurationError {
        ConfigurationError(
            source: .environment(name),
            problem: "is not a variable of martlet",
            hint: NearestName.find(name, in: names).map { "did you mean \($0)?" }
        )
    }

    /// Kubernetes and Docker set such variables in every container beside a service called "martlet":
    /// `MARTLET_SERVICE_HOST=10.0.0.7`, `MARTLET_PORT=tcp://10.0.0.7:443`, `MARTLET_PORT_443_TCP_ADDR=10.0.0.7`.
    private static func isServiceDiscovery(_ name: String, _ text: String) -> Bool {
        let rest = name.dropFirst(prefix.count)
        if rest.hasPrefix("SERVICE_HOST") || rest.hasPrefix("SERVICE_PORT") || rest == "NAME" { return true }
        if rest == "PORT" { return text.contains("://") }
        let afterPort = rest.hasPrefix("PORT_") ? rest.dropFirst("PORT_".count) : ""
        return afterPort.first?.isNumber == true
    }
}
