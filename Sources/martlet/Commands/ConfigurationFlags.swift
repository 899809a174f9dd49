import ArgumentParser
import ProxyPolicy

/// The flags that every command with a configuration takes: the file and all options.
struct ConfigurationFlags: ParsableArguments {
    @ArgumentParser.Option(
        name: .customLong("config"),
        help: ArgumentHelp("Configuration file in TOML. (MARTLET_CONFIG)", valueName: "FILE")
    )
    var file: String?

    @OptionGroup(title: ListeningOptions.title)
    var listening: SectionFlags<ListeningOptions>

    @OptionGroup(title: StrangerOptions.title)
    var strangers: SectionFlags<StrangerOptions>

    @OptionGroup(title: LimitOptions.title)
    var limits: SectionFlags<LimitOptions>

    @OptionGroup(title: RouteOptions.title)
    var routes: SectionFlags<RouteOptions>

    @OptionGroup(title: MiddleProxyOptions.title)
    var middleProxy: SectionFlags<MiddleProxyOptions>

    @OptionGroup(title: RunningOptions.title)
    var running: SectionFlags<RunningOptions>

    @OptionGroup(title: AdminOptions.title)
    var admin: SectionFlags<AdminOptions>

    /// What is no flag of ours: told together with all other mistakes, with the nearest right name.
    @Argument(parsing: .allUnrecognized, help: .hidden)
    var unrecognized: [String] = []

    /// The configuration from flags, environment and file.
    ///
    /// - Parameters:
    ///   - ownFlags: flags of the command itself, for suggestions.
    ///   - takesWords: whether the command has a use for ``words``.
    /// - Throws: an exit code, after everything that is wrong was written to stderr.
    func load(
        ownFlags: [String] = [],
        takesWords: Bool = false,
        host: HostEnvironment = .current
    ) throws(ExitCode) -> LoadedConfiguration {
        do {
            return try loader(ownFlags: ownFlags, takesWords: takesWords, host: host).load()
        } catch {
            Complaint.write(error.errors.map(\.description))
            if error.exitStatus == .usage {
                FileOutput.print("See `martlet help run` for every flag.", to: Complaint.output)
            }
            throw error.exitStatus.code
        }
    }

    /// Reads the configuration, as often as is wanted.
    func loader(
        ownFlags: [String], takesWords: Bool = false, host: HostEnvironment = .current
    ) -> ConfigurationLoader {
        let flags = source(ownFlags: ownFlags, takesWords: takesWords, host: host)
        return ConfigurationLoader(flags: flags, file: file, host: host)
    }

    /// The arguments that are neither flags nor their values.
    var words: [String] { UnknownArguments(unrecognized, ownFlags: [], takesWords: true).words }

    /// What the command line says about the options.
    func source(ownFlags: [String], takesWords: Bool = false, host: HostEnvironment) -> GivenSource {
        let unknown = UnknownArguments(unrecognized, ownFlags: ownFlags, takesWords: takesWords)
        var source = GivenSource(errors: unknown.errors)
        let sections = [
            listening.values, strangers.values, limits.values, routes.values, middleProxy.values, running.values,
            admin.values,
        ]
        for values in sections {
            source.values.merge(values) { first, _ in first }
        }
        for key in source.values.keys { source.values[key]?.directory = host.workingDirectory }
        return source
    }
}

/// Arguments that no command knows.
struct UnknownArguments {
    let errors: [ConfigurationError]
    /// Those that a command takes.
    let words: [String]

    init(_ arguments: [String], ownFlags: [String], takesWords: Bool = false) {
        let names = OptionTable.all.flatMap(\.flagSpellings) + ["--config", "--help", "--version"] + ownFlags
        var errors: [ConfigurationError] = []
        var words: [String] = []
        var isValue = false
        for argument in arguments {
            if argument.hasPrefix("-"), argument != "-" {
                let name = String(argument.prefix { $0 != "=" })
                errors.append(
                    ConfigurationError(
                        source: .flag(LogText.escaped(name)), problem: "is not a flag of martlet",
                        hint: NearestName.find(name, in: names).map { "did you mean \($0)?" }
                    )
                )
                // What follows an unknown flag is most likely its value.
                isValue = !argument.contains("=")
            } else if isValue {
                isValue = false
            } else if takesWords {
                words.append(argument)
            } else {
                errors.append(
                    ConfigurationError(
                        source: .flag(LogText.escaped(argument)), problem: "is neither a command nor a flag",
                        hint: Self.suggestion(forWord: argument, names)
                    )
                )
            }
        }
        self.errors = errors
        self.words = words
    }

    private static func suggestion(forWord word: String, _ flags: [String]) -> String? {
        let commands = [
            "run", "link", "users", "reload", "doctor", "restart", "secret", "config", "healthcheck", "help",
        ]
        if commands.contains(word) { return "a command goes before its flags: martlet \(word) …" }
        if let command = NearestName.find(word, in: commands) { return "did you mean martlet \(command)?" }
        return NearestName.find("--\(word)", in: flags).map { "did you mean \($0)?" }
    }
}

extension OptionDefinition {
    /// Every way to write the flag, with dashes.
    var flagSpellings: [String] {
        var spellings = ["--\(flag)"]
        if shape == .toggle { spellings.append("--no-\(flag)") }
        if let shorthand { spellings += ["--\(shorthand.flag)", "-\(shorthand.short)"] }
        return spellings
    }
}

/// Messages about what went wrong.
enum Complaint {
    static let output: Int32 = 2

    static func write(_ lines: [String]) {
        FileOutput.print(lines.joined(separator: "\n"), to: output)
    }

    /// Remarks that refuse nothing.
    static func note(_ lines: [String]) {
        if !lines.isEmpty { write(lines.map { "note: \($0)" }) }
    }
}
