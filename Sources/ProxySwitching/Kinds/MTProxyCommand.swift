import MTProtoWire

/// MTProxy's command line in Martlet's words: what `martlet mtproto-proxy` runs with, and what is imported.
package struct MTProxyCommand: Sendable {
    /// What the translation depends on besides the arguments.
    package struct Surroundings: Sendable {
        /// Absolute path: where relative paths start.
        package var directory: String
        /// The account that a process of root's goes over to where `-u` names none; nil: it stays what it is.
        package var defaultUser: String?
        /// Whether the file `secret` is there, which MTProxy reads without `--aes-pwd`.
        package var hasSecretFile = false
        /// Where to keep what outlives a restart, by the first port; nil: Martlet's own place.
        package var stateDirectory: (@Sendable (Int) -> String?)?

        package init(directory: String) {
            self.directory = directory
        }
    }

    /// The command line was refused, as MTProxy would refuse it.
    package struct Refusal: Error, Sendable, Equatable, CustomStringConvertible {
        package var description: String
    }

    package var translation: Translation
    /// Whether to leave the terminal: `-d`.
    package private(set) var daemonizes = false
    /// The log file of a process that has left the terminal.
    package private(set) var daemonLog: String?
    /// One line for each option that is accepted and does nothing.
    package private(set) var warnings: [String] = []

    /// How MTProxy is used; what it prints for `-h` and after a mistake.
    package static let usage = """
        usage: mtproto-proxy [-v] [-6] [-p <port>] [-H <port>{,<port>}] [-M <workers>] [-u <user>] [-b <backlog>]
               [-c <max-conn>] [-C <max-clients>] [-l <log-file>] [-W <window>] [-S <secret>]... [-P <tag>]
               [-D <domain>]... [-d] [--aes-pwd <proxy-secret>] [--http-stats] [--nat-info <local>:<global>]
               [--address <ip>] [other options of MTProxy] <proxy-multi.conf>

          -H, --http-ports <ports>   ports for clients, at most 128, separated by commas
          -S, --mtproto-secret <hex> secret of 32 hex digits, up to 16 times; without any, everybody may come in
          -P, --proxy-tag <hex>      ad tag from @MTProxybot, 32 hex digits
          -D, --domain <name>        FakeTLS alone, for this domain; the first one is shown to strangers
          -M, --slaves <n>           event loops
          -C, --max-special-connections <n>   clients for each of them
          -u, --user <name>          account to go over to when started by root (mtproxy)
          -p, --port <port> --http-stats      statistics on 127.0.0.1:<port>
          --aes-pwd <file>           Telegram's secret for proxies (https://core.telegram.org/getProxySecret)
          <proxy-multi.conf>         Telegram's list (https://core.telegram.org/getProxyConfig)

        This is martlet with MTProxy's options; `martlet help run` has its own.
        """

    /// - Throws: ``Refusal`` for what MTProxy would refuse with its usage text; nil when the usage text is asked for.
    package static func read(_ arguments: [String], in surroundings: Surroundings) throws -> MTProxyCommand? {
        var reader = CommandLineReader(MTProxyOptions.all)
        do {
            try reader.read(arguments)
        } catch {
            throw Refusal(description: error.description)
        }
        if reader.given.contains(where: { $0.option == "help" }) { return nil }
        guard reader.positional.count == 1 else {
            throw Refusal(
                description: reader.positional.isEmpty
                    ? "the configuration file (proxy-multi.conf) is missing"
                    : "there is more than one configuration file")
        }
        var importer = MTProxyImporter(draft: Draft(directory: surroundings.directory))
        importer.surroundings = surroundings
        do {
            try importer.takeAll(reader, line: nil)
            try importer.finish()
        } catch let error as SwitchingError {
            throw Refusal(description: error.description)
        }
        let draft = importer.draft
        var command = MTProxyCommand(translation: draft.translation(of: "mtproto-proxy", name: "the command line"))
        command.daemonizes = importer.daemonizes
        command.daemonLog = importer.daemonizes ? importer.logFile : nil
        command.warnings = draft.left.map { "\($0.name) has no effect here: \($0.reason)" } + draft.notes
        return command
    }

    private init(translation: Translation) {
        self.translation = translation
    }
}
