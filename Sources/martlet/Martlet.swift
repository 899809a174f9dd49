import ArgumentParser

/// The program.
@main
struct Martlet: AsyncParsableCommand {
    /// Follows semantic versioning; the changelog has a section of this name.
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "martlet",
        abstract: "A fast MTProto proxy for Telegram: on your own machine or for others.",
        usage: """
            martlet [run] [<flags>]
            martlet link | users … | reload | restart | doctor | secret new | config check | config print | healthcheck
            martlet config import <kind> <file> | mtproto-proxy <options of MTProxy>
            """,
        discussion: """
            Without arguments Martlet listens on 127.0.0.1:1443, makes a secret on the first start, keeps it, and \
            prints the link for your Telegram app. `martlet help run` shows every flag; the flags of tg-ws-proxy work.

            EXAMPLES:
              martlet                          a bridge for the app on this machine
              martlet --host 0.0.0.0           for the phones in your network, too
              martlet --config martlet.toml    with a configuration file
              martlet link                     the link and its QR code again
              martlet users add alice          one more user, while it runs
              martlet config print --defaults  a commented file of every option
            """,
        version: version,
        subcommands: [
            RunCommand.self, LinkCommand.self, UsersCommand.self, ReloadCommand.self, RestartCommand.self,
            TopCommand.self,
            LogCommand.self, SecretCommand.self, ConfigCommand.self, DoctorCommand.self, HealthcheckCommand.self,
            MTProtoProxyCommand.self,
        ],
        defaultSubcommand: RunCommand.self
    )
}
