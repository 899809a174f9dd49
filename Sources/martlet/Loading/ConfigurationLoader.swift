import ProxyPolicy

/// A configuration whose every part was read and checked.
struct LoadedConfiguration: Sendable {
    /// Ready for use, except that ``ProxyConfiguration/secrets`` is empty when none was given.
    var configuration: ProxyConfiguration
    /// What the options say, for printing.
    var settings: Settings
    /// Which options were given, and where.
    var given: GivenValues
    /// Remarks about values that were put right.
    var notes: [String]
}

/// Everything that is wrong with a configuration, found in one go.
struct ConfigurationFailure: Error, Sendable, Equatable {
    var errors: [ConfigurationError]

    /// 64 when a flag is at fault, else 78: what the reader has to correct is the command line or the file.
    var exitStatus: ExitStatus {
        errors.contains { if case .flag = $0.source { true } else { false } } ? .usage : .configuration
    }
}

/// Puts flags, environment and file together: a flag goes before a variable, a variable before the file, the file
/// before the default.
struct ConfigurationLoader {
    var flags = GivenSource()
    /// From `--config`; else the variable MARTLET_CONFIG is asked.
    var file: String?
    var host: HostEnvironment

    func load() throws(ConfigurationFailure) -> LoadedConfiguration {
        let directory = host.workingDirectory
        let environment = EnvironmentSource(variables: host.variables, directory: directory).read()
        let sources = [flags, environment, readFile()]
        var errors = sources.flatMap(\.errors)
        var notes = sources.flatMap(\.notes)

        // Every source is parsed, also where another wins: a wrong line of the file is told even if a flag hides it.
        var settings = Settings.defaults
        var given: GivenValues = [:]
        for option in OptionTable.all {
            for value in sources.compactMap({ $0.values[option.key] }) {
                var parsing = Parsing(option: option, value: value, home: host.home)
                var unused = Settings.defaults
                if given[option.key] == nil {
                    errors += parsing.apply(to: &settings)
                    notes += parsing.notes
                    given[option.key] = value
                } else {
                    errors += parsing.apply(to: &unused)
                }
            }
        }
        var resolver = SettingsResolver(settings: settings, given: given)
        let configuration = resolver.resolve(stateDirectory: host.defaultStateDirectory)
        if errors.isEmpty { errors += resolver.errors + Self.fileErrors(configuration, given) }
        guard errors.isEmpty else { throw ConfigurationFailure(errors: errors) }
        return LoadedConfiguration(
            configuration: configuration, settings: settings, given: given, notes: notes + resolver.notes
        )
    }

    private func readFile() -> GivenSource {
        let variable = EnvironmentSource.configurationFile
        guard let path = file ?? host.variables[variable].flatMap({ $0.isEmpty ? nil : $0 }) else {
            return GivenSource()
        }
        let absolute = host.absolute(path)
        switch FileText.read(absolute, limit: 1 << 20) {
        case .success(let text):
            let directory = absolute.split(separator: "/").dropLast().joined(separator: "/")
            return TOMLSource(path: path, directory: "/" + directory).read(text)
        case .failure(let error):
            let source: ConfigurationError.Source = file == nil ? .environment(variable) : .flag("--config")
            return GivenSource(errors: [
                ConfigurationError(source: source, problem: "\(quoted(path)) cannot be read: \(error)")
            ])
        }
    }

    /// Files that the configuration names must be there before anything starts.
    private static func fileErrors(_ configuration: ProxyConfiguration, _ given: GivenValues) -> [ConfigurationError] {
        guard let path = configuration.connect.caFile, let source = given["routes.ca_file"]?.source else { return [] }
        switch FileText.read(path, limit: 16 << 20) {
        case .success(let text) where text.contains("-----BEGIN CERTIFICATE-----"): return []
        case .success:
            return [
                ConfigurationError(
                    source: source, key: "routes.ca_file", problem: "\(quoted(path)) holds no PEM certificate"
                )
            ]
        case .failure(let error):
            return [
                ConfigurationError(
                    source: source, key: "routes.ca_file", problem: "\(quoted(path)) cannot be read: \(error)"
                )
            ]
        }
    }
}

/// Gives one source's texts to one option.
private struct Parsing {
    let option: OptionDefinition
    let value: GivenValue
    let home: String?
    private(set) var notes: [String] = []

    init(option: OptionDefinition, value: GivenValue, home: String?) {
        self.option = option
        self.value = value
        self.home = home
    }

    mutating func apply(to settings: inout Settings) -> [ConfigurationError] {
        var context = ValueContext(directory: value.directory, home: home)
        let texts = option.spelledOut(value.items.map(\.text), notes: &context.notes)
        let problems = option.apply(&settings, texts, &context)
        notes = context.notes.map { "\(value.source): \($0)" }
        return problems.map { problem in
            let item = value.items.indices.contains(problem.item) ? value.items[problem.item] : nil
            return ConfigurationError(option, item?.text ?? "", problem.reason, source: item?.source ?? value.source)
        }
    }
}

extension ConfigurationError {
    /// `"2:foo" is not an IP address; expected DC:ADDRESS[:PORT], for example 2:149.154.167.220`.
    fileprivate init(_ option: OptionDefinition, _ text: String, _ reason: InvalidValue, source: Source) {
        let value = option.isSecret ? "the value" : quoted(text)
        var hints: [String] = []
        if let expected = reason.expected {
            hints.append(expected.hasPrefix("did you mean") ? expected : "expected \(expected)")
        }
        if let example = reason.example { hints.append("for example \(example)") }
        self.init(
            source: source,
            key: option.key,
            problem: "\(value) \(reason.problem)",
            hint: hints.isEmpty ? nil : hints.joined(separator: ", ")
        )
    }
}

extension OptionDefinition {
    /// `0:0` is how people told tg-ws-proxy, which knows no empty list, that they want none.
    fileprivate func spelledOut(_ texts: [String], notes: inout [String]) -> [String] {
        guard emptyWord == "none", texts == ["0:0"] else { return texts }
        notes.append("0:0 was taken as none")
        return ["none"]
    }
}
