import ArgumentParser
import ProxyAdmin
import ProxyPolicy
import ProxyStore

/// `martlet healthcheck`: whether the server of this configuration is well.
struct HealthcheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "healthcheck",
        abstract: "Ask a running server whether it is well: for containers and scripts.",
        discussion: """
            Asks /healthz on the admin place of the configuration, or, where there is none, the control socket in the \
            state directory. Flags, variables and the file are those of `martlet run`.

            EXAMPLES:
              martlet healthcheck
              martlet healthcheck --config /etc/martlet.toml --ready

            EXIT CODES:
              0   it is well
              1   it is not, or does not answer
              64  a flag is wrong
              78  the configuration file or a variable is wrong
            """
    )

    @ArgumentParser.Flag(
        name: .customLong("ready"),
        help: "Ask whether a client would be served: listening, and with a route to a data center. Needs admin.listen."
    )
    var asksReadiness = false

    @OptionGroup
    var flags: ConfigurationFlags

    /// A server that is well answers within seconds; a container's own limit is 30 s by default.
    private static let patience = 10

    func run() async throws {
        let loaded = try flags.load(ownFlags: ["--ready"])
        let (isWell, said) = await ask(loaded.configuration)
        FileOutput.print(said, to: isWell ? 1 : 2)
        if !isWell { throw ExitCode(1) }
    }

    private func ask(_ configuration: ProxyConfiguration) async -> (isWell: Bool, said: String) {
        guard let place = configuration.admin.place, !place.isAnyPort else { return askControlSocket(configuration) }
        do {
            let token = try AdminTokenFile.read(configuration)
            let page = asksReadiness ? AdminPage.readiness : .health
            let answer = try await AdminClient(place: place, token: token)
                .get(page.rawValue, withinSeconds: Self.patience)
            return (answer.status == 200, answer.body.trimmingLineEnd())
        } catch {
            return (false, "\(place) does not answer: \(error)")
        }
    }

    private func askControlSocket(_ configuration: ProxyConfiguration) -> (isWell: Bool, said: String) {
        guard !asksReadiness else { return (false, "--ready needs admin.listen, with a port") }
        guard !configuration.stateDirectory.isEmpty else {
            return (false, "there is neither admin.listen nor a state directory: nobody can be asked")
        }
        let client = ControlClient(
            directory: configuration.stateDirectory, timeoutMilliseconds: Self.patience * 1_000)
        do throws(StoreError) {
            guard case .status(let status)? = try client.ask(.status) else { return (false, "no server runs") }
            return (true, "martlet \(status.version) runs as process \(status.pid)")
        } catch {
            return (false, "\(error)")
        }
    }
}

extension ListenPlace {
    fileprivate var isAnyPort: Bool {
        if case .tcp(_, port: 0) = self { true } else { false }
    }
}

extension String {
    fileprivate func trimmingLineEnd() -> String { hasSuffix("\n") ? String(dropLast()) : self }
}
