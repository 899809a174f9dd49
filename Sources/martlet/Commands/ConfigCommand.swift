import ArgumentParser
import ProxyPolicy

/// `martlet config …`
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Check, print or import a configuration.",
        subcommands: [ConfigCheckCommand.self, ConfigPrintCommand.self, ConfigImportCommand.self]
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

    @ArgumentParser.Flag(name: .customLong("reference"), help: "Print a page about every option, in Markdown.")
    var printsReference = false

    @ArgumentParser.Flag(name: .customLong("show-secrets"), help: "Print the given secrets as well.")
    var showsSecrets = false

    @OptionGroup
    var flags: ConfigurationFlags

    func run() async throws {
        let ownFlags = ["--defaults", "--reference", "--show-secrets"]
        if printsDefaults || printsReference {
            let errors = UnknownArguments(flags.unrecognized, ownFlags: ownFlags).errors
            guard errors.isEmpty else {
                Complaint.write(errors.map(\.description))
                throw ExitStatus.usage.code
            }
            let defaults = ConfigurationPrinter(settings: .defaults, given: [:])
            FileOutput.print(printsReference ? ConfigurationManual().text() : defaults.text())
            return
        }
        let loaded = try flags.load(ownFlags: ownFlags)
        Complaint.note(loaded.notes)
        FileOutput.print(
            ConfigurationPrinter(
                settings: loaded.settings, given: loaded.given, rows: loaded.rows, showsSecrets: showsSecrets
            ).text()
        )
    }
}
