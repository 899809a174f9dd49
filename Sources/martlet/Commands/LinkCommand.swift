import ArgumentParser
import MTProtoWire
import ProxyPolicy

/// `martlet link`
struct LinkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "link",
        abstract: "Print the links and the QR code that put a client on this proxy.",
        usage: "martlet link [<user> ...] [<flags>]",
        discussion: """
            Prints the links of every secret and user of the configuration, or of those that are named. Takes the same \
            flags, variables and file as `martlet run`, so give it the same. No network is used: the QR \
            code is made here.

            EXAMPLES:
              martlet link
              martlet link --config /etc/martlet.toml
              martlet link alice --config /etc/martlet.toml
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
        let loaded = try flags.load(ownFlags: ["--json", "--qr", "--no-qr"], takesWords: true)
        let (configuration, notes) = try CommandFailure.catching { () throws(StateError) in try loaded.withSecrets() }
        Complaint.note(loaded.notes + notes)
        let names = flags.words
        try check(names, configuration)
        let links = ProxyLink.all(for: configuration, names: names.isEmpty ? nil : Set(names))
        if links.isEmpty { throw refused(configuration) }
        FileOutput.print(printsJSON ? JSONText.array(links.map(\.json)) : text(links))
    }

    /// Every name has to be that of a secret or a user.
    private func check(_ names: [String], _ configuration: ProxyConfiguration) throws(ExitCode) {
        let known = configuration.secrets.map(\.name) + configuration.users.map(\.name)
        let unknown = Set(names).subtracting(known).sorted()
        guard !unknown.isEmpty else { return }
        Complaint.write(
            unknown.map { name in
                let hint = NearestName.find(name, in: known).map { "; did you mean \($0)?" } ?? ""
                return "\(quoted(name)) is no secret or user of the configuration\(hint)"
            }
        )
        throw ExitStatus.usage.code
    }

    private func refused(_ configuration: ProxyConfiguration) -> ExitCode {
        let isEveryoneDisabled = configuration.secrets.isEmpty && configuration.users.allSatisfy { !$0.isEnabled }
        Complaint.write([
            isEveryoneDisabled
                ? "No user is enabled."
                : "The port is not known, or chosen by the system at each start: give the one in use with --link-port."
        ])
        return ExitStatus.configuration.code
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

    static func catching<Result>(_ body: () throws(HandoverProblem) -> Result) throws(ExitCode) -> Result {
        do {
            return try body()
        } catch {
            Complaint.write([error.description])
            throw ExitStatus.unavailable.code
        }
    }
}
