import ProxyPolicy

/// A configuration whose every part was read and checked.
struct LoadedConfiguration: Sendable {
    /// Ready for use, except that nobody may use it when ``declaresUsers`` is false.
    var configuration: ProxyConfiguration
    /// What the options say, for printing.
    var settings: Settings
    /// Which options were given, and where.
    var given: GivenValues
    /// The tables that may stand several times, by name.
    var rows: GivenRows = [:]
    /// Remarks about values that were put right.
    var notes: [String]

    /// Whether somebody may use the proxy by what the configuration says; else a secret of the state directory's, or
    /// a user who was added at run time, has to.
    var declaresUsers: Bool { !configuration.secrets.isEmpty || !configuration.users.isEmpty }
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
struct ConfigurationLoader: Sendable {
    var flags = GivenSource()
    /// From `--config`; else the variable MARTLET_CONFIG is asked.
    var file: String?
    /// In place of a file: a configuration that was made from something else, and what that is called.
    var text: (name: String, content: String)?
    var host: HostEnvironment

    /// Bytes of a configuration file: some ten thousand users.
    private static let longestFile = 4 << 20

    func load() throws(ConfigurationFailure) -> LoadedConfiguration {
        let directory = host.workingDirectory
        let environment = EnvironmentSource(variables: host.variables, directory: directory).read()
        let file = readFile()
        let sources = [flags, environment, file]
        var errors = sources.flatMap(\.errors)
        var notes = sources.flatMap(\.notes)

        // Every source is parsed, also where another wins: a wrong line of the file is told even if a flag hides it.
        var settings = Settings.defaults
        var given: GivenValues = [:]
        for option in OptionTable.all {
            for value in sources.compactMap({ $0.values[option.key] }) {
                var reading = ValueReading(option, value, key: option.key, home: host.home)
                var unused = Settings.defaults
                if given[option.key] == nil {
                    errors += reading.apply(to: &settings)
                    notes += reading.notes
                    given[option.key] = value
                } else {
                    errors += reading.apply(to: &unused)
                }
            }
        }
        let rows = file.rows
        for table in OptionTable.tables {
            for row in rows[table.name] ?? [] {
                let result = table.read(row, host.home, &settings)
                errors += result.errors
                notes += result.notes
            }
        }
        var resolver = SettingsResolver(settings: settings, given: given, rows: rows)
        let configuration = resolver.resolve(stateDirectory: host.defaultStateDirectory)
        if errors.isEmpty { errors += resolver.errors + NamedFiles(configuration: configuration, given: given).errors }
        guard errors.isEmpty else { throw ConfigurationFailure(errors: errors) }
        return LoadedConfiguration(
            configuration: configuration, settings: settings, given: given, rows: rows, notes: notes + resolver.notes
        )
    }

    /// The configuration file as it was named; nil: there is none.
    private var namedFile: String? {
        text == nil
            ? file ?? host.variables[EnvironmentSource.configurationFile].flatMap { $0.isEmpty ? nil : $0 } : nil
    }

    /// The same from the root.
    var filePath: String? { namedFile.map { host.absolute($0) } }

    private func readFile() -> GivenSource {
        if let text { return TOMLSource(path: text.name, directory: host.workingDirectory).read(text.content) }
        guard let path = namedFile else { return GivenSource() }
        let absolute = host.absolute(path)
        switch FileText.read(absolute, limit: Self.longestFile) {
        case .success(let text):
            let directory = absolute.split(separator: "/").dropLast().joined(separator: "/")
            return TOMLSource(path: path, directory: "/" + directory).read(text)
        case .failure(let error):
            let source: ConfigurationError.Source =
                file == nil ? .environment(EnvironmentSource.configurationFile) : .flag("--config")
            return GivenSource(errors: [
                ConfigurationError(source: source, problem: "\(quoted(path)) cannot be read: \(error)")
            ])
        }
    }
}
