import ArgumentParser
import ProxyPolicy

/// `martlet config …`
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Check or print the configuration.",
        subcommands: [ConfigCheckCommand.self, ConfigPrintCommand.self]
    )
}

/// `martlet config check`
struct ConfigCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say whether the configuration is right, and everything that is not.",
        discussion: """
            Reads flags, environment variables and the file exactly as `martlet run` does, and starts nothing.

            EXAMPLE:
              martlet config check --config /etc/martlet.toml
            """
    )

    @OptionGroup
    var flags: ConfigurationFlags

    func run() async throws {
        let loaded = try flags.load()
        Complaint.note(loaded.notes)
        FileOutput.print("The configuration is valid.")
    }
}

/// `martlet config print`
struct ConfigPrintCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "print",
        abstract: "Print the configuration in force as commented TOML.",
        discussion: """
            What was given stands as a key, defaults stand as comments.

            EXAMPLES:
              martlet config print --defaults > martlet.toml
              martlet config print --config martlet.toml --port 443
            """
    )

    @ArgumentParser.Flag(name: .customLong("defaults"), help: "Print defaults and examples alone.")
    var printsDefaults = false

    @ArgumentParser.Flag(name: .customLong("show-secrets"), help: "Print the given secrets as well.")
    var showsSecrets = false

    @OptionGroup
    var flags: ConfigurationFlags

    func run() async throws {
        if printsDefaults {
            let errors = UnknownArguments(flags.unrecognized, ownFlags: ["--defaults", "--show-secrets"]).errors
            guard errors.isEmpty else {
                Complaint.write(errors.map(\.description))
                throw ExitStatus.usage.code
            }
            FileOutput.print(ConfigurationPrinter(settings: .defaults, given: [:]).text())
            return
        }
        let loaded = try flags.load(ownFlags: ["--defaults", "--show-secrets"])
        Complaint.note(loaded.notes)
        FileOutput.print(
            ConfigurationPrinter(
                settings: loaded.settings, given: loaded.given, rows: loaded.rows, showsSecrets: showsSecrets
            ).text()
        )
    }
}
