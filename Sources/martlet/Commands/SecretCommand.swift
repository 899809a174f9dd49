import ArgumentParser
import MTProtoWire
import ProxyPolicy

/// `martlet secret …`
struct SecretCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secret",
        abstract: "Make secrets.",
        subcommands: [SecretNewCommand.self]
    )
}

/// `martlet secret new`
struct SecretNewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new",
        abstract: "Print a new random secret.",
        discussion: """
            The secret is printed and kept nowhere. The default form (dd…) asks clients for padded packets; a FakeTLS \
            secret (ee…) makes the connection look like HTTPS to the domain; a plain one is 32 hex digits.

            EXAMPLES:
              martlet secret new
              martlet secret new --fake-tls-domain www.example.com
            """
    )

    @ArgumentParser.Option(
        name: .customLong("fake-tls-domain"),
        help: ArgumentHelp("Make a FakeTLS secret for this domain.", valueName: "DOMAIN")
    )
    var domain: String?

    @ArgumentParser.Flag(name: .customLong("plain"), help: "Make a plain secret of 32 hex digits.")
    var isPlain = false

    func run() async throws {
        var generator = SystemRandomNumberGenerator()
        FileOutput.print(ProxySecret.generate(try kind(), using: &generator).text)
    }

    private func kind() throws -> ProxySecret.Kind {
        guard let domain else { return isPlain ? .plain : .padded }
        guard !isPlain else { throw refused("--plain cannot stand beside --fake-tls-domain") }
        var context = ValueContext(directory: "/")
        do throws(InvalidValue) {
            let name = try ValueForm<String>.secretDomain.parse(domain, &context)
            Complaint.note(context.notes)
            return .fakeTLS(domain: name)
        } catch {
            let expected = error.expected.map { "; expected \($0)" } ?? ""
            throw refused("--fake-tls-domain: \(quoted(domain)) \(error.problem)\(expected)")
        }
    }

    private func refused(_ problem: String) -> ExitCode {
        Complaint.write([problem])
        return ExitStatus.usage.code
    }
}
