import ArgumentParser
import ProxyPolicy

/// `martlet link`
struct LinkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "link",
        abstract: "Print the links and the QR code that put a client on this proxy.",
        discussion: """
            Takes the same flags, variables and file as `martlet run`, so give it the same. No network is used: the \
            QR code is made here.

            EXAMPLES:
              martlet link
              martlet link --config /etc/martlet.toml
              martlet link --link-server proxy.example.com
              martlet link --json
            """
    )

    @ArgumentParser.Flag(name: .customLong("json"), help: "Print a JSON array with one object per secret.")
    var printsJSON = false

    @ArgumentParser.Flag(
        name: .customLong("qr"), inversion: .prefixedNo,
        help: "Draw a QR code, or not; the default is to draw one on a terminal."
    )
    var drawsQR: Bool?

    @OptionGroup
    var flags: ConfigurationFlags

    func run() async throws {
        let loaded = try flags.load(ownFlags: ["--json", "--qr", "--no-qr"])
        let (configuration, notes) = try CommandFailure.catching { () throws(StateError) in try loaded.withSecrets() }
        Complaint.note(loaded.notes + notes)
        guard configuration.link.port ?? configuration.listen.port != 0 else {
            Complaint.write(["The port is chosen by the system at each start: give the one in use with --link-port."])
            throw ExitStatus.configuration.code
        }
        let links = ProxyLink.all(for: configuration)
        FileOutput.print(printsJSON ? JSONText.array(links.map(\.json)) : text(links))
    }

    private func text(_ links: [ProxyLink]) -> String {
        let choice: StartupBanner.QRChoice = drawsQR.map { $0 ? .always : .never } ?? .automatic
        return StartupBanner.LinkPart(links: links, qr: choice, terminal: .standardOutput).text
    }
}

/// Turns errors into their message and exit code.
enum CommandFailure {
    static func catching<Result>(_ body: () throws(StateError) -> Result) throws(ExitCode) -> Result {
        do {
            return try body()
        } catch {
            Complaint.write([error.description])
            throw ExitStatus.cannotCreate.code
        }
    }
}
