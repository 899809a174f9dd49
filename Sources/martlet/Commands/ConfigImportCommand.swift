import ArgumentParser
import ProxyPolicy
import ProxySwitching

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `martlet config import`
struct ConfigImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Make a configuration file from that of another proxy.",
        discussion: """
            Reads a configuration of mtproxy (a command line, a script, a systemd unit), tg-ws-proxy (config.json, a \
            command line, variables), mtg (TOML, simple-run), telemt (TOML), teleproxy (TOML, a command line, \
            variables) or mtprotoproxy (config.py), and prints the same in martlet's words. Links stay valid. What has \
            no equivalent stands in the file as a comment, with the reason. Nothing is run. The result holds the \
            secrets. `auto` guesses the kind; the file - is stdin.

            EXAMPLES:
              martlet config import mtproxy /etc/systemd/system/MTProxy.service --output martlet.toml
              martlet config import auto /etc/telemt/config.toml --output martlet.toml
              martlet config import mtprotoproxy config.py --json

            EXIT CODES:
              0   martlet would start with the result
              64  a flag or the kind is wrong
              73  the result cannot be written
              78  the file cannot be read or understood, or martlet would not start with the result yet
            """
    )

    @Argument(
        help: ArgumentHelp("mtproxy, tg-ws-proxy, mtg, telemt, teleproxy, mtprotoproxy or auto.", valueName: "kind"))
    var kind: String

    @Argument(help: ArgumentHelp("The other proxy's file, or - for stdin.", valueName: "file"))
    var file: String

    @ArgumentParser.Option(
        name: .customLong("output"),
        help: ArgumentHelp("Write the result there, readable by you alone, instead of printing it.", valueName: "FILE"))
    var output: String?

    @ArgumentParser.Flag(name: .customLong("force"), help: "Replace the file if it is there.")
    var replaces = false

    @ArgumentParser.Flag(
        name: .customLong("json"), help: "Print what was translated and what was not, as JSON and without the result.")
    var printsJSON = false

    func run() async throws {
        let host = HostEnvironment.current
        let text = try read(host)
        let kind = try foreignKind(text)
        let translation = try translate(text, kind, host)
        let problems = Self.problems(of: translation.toml, host)
        if let output { try write(translation.toml, to: host.absolute(output)) }
        if printsJSON {
            FileOutput.print(JSONOutput.text(Summary(kind, translation, problems, output: output), isForPeople: true))
        } else {
            if output == nil { FileOutput.print(String(translation.toml.dropLast())) }
            tell(translation, problems)
        }
        if !problems.isEmpty { throw ExitStatus.configuration.code }
    }

    // MARK: Reading

    private func read(_ host: HostEnvironment) throws(ExitCode) -> String {
        let limit = ForeignConfiguration.maximumBytes
        let result =
            file == "-"
            ? FileText.readAll(STDIN_FILENO, limit: limit) : FileText.read(host.absolute(file), limit: limit)
        switch result {
        case .success(let text): return text
        case .failure(let error):
            Complaint.write(["\(quoted(file)) cannot be read: \(error)"])
            throw ExitStatus.configuration.code
        }
    }

    private func foreignKind(_ text: String) throws(ExitCode) -> ForeignKind {
        if let known = ForeignKind(rawValue: kind.lowercased()) { return known }
        let names = ForeignKind.allCases.map(\.rawValue) + ["auto"]
        guard kind.lowercased() == "auto" else {
            let hint = NearestName.find(kind.lowercased(), in: names).map { "; did you mean \($0)?" } ?? ""
            Complaint.write(["\(quoted(kind)) is not one of \(names.joined(separator: ", "))\(hint)"])
            throw ExitStatus.usage.code
        }
        guard let guessed = ForeignKind.guess(text) else {
            Complaint.write([
                "\(quoted(file)) looks like no configuration that is known; say whose it is: "
                    + names.dropLast().joined(separator: ", ")
            ])
            throw ExitStatus.usage.code
        }
        return guessed
    }

    private func translate(_ text: String, _ kind: ForeignKind, _ host: HostEnvironment) throws -> Translation {
        let path = file == "-" ? host.absolute("stdin") : host.absolute(file)
        let parts = path.split(separator: "/")
        let foreign = ForeignConfiguration(
            kind: kind, text: text, name: parts.last.map(String.init) ?? "a file",
            directory: "/" + parts.dropLast().joined(separator: "/"))
        do {
            return try foreign.translate()
        } catch let error as SwitchingError {
            Complaint.write(["\(LogText.escaped(file)): \(error)"])
            throw ExitStatus.configuration.code
        }
    }

    /// Why martlet would not start with it.
    static func problems(of toml: String, _ host: HostEnvironment) -> [String] {
        var host = host
        host.variables = host.variables.filter { !$0.key.hasPrefix("MARTLET_") }
        do throws(ConfigurationFailure) {
            _ = try ConfigurationLoader(text: (name: "the result", content: toml), host: host).load()
            return []
        } catch {
            return error.errors.map(\.description)
        }
    }

    // MARK: Writing

    private func write(_ text: String, to path: String) throws(ExitCode) {
        // Beside its place first: a file that is half written must not be there under the name.
        let draft = replaces ? "\(path).\(getpid()).new" : path
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            let hint = errno == EEXIST ? "; replace it with --force" : ""
            throw cannotWrite(path, "\(SystemError.last)\(hint)")
        }
        defer { close(descriptor) }
        if case .failure(let error) = FileOutput.write(Array(text.utf8)[...], to: descriptor) {
            unlink(draft)
            throw cannotWrite(path, "\(error)")
        }
        if replaces, rename(draft, path) != 0 {
            let error = SystemError.last
            unlink(draft)
            throw cannotWrite(path, "\(error)")
        }
    }

    private func cannotWrite(_ path: String, _ reason: String) -> ExitCode {
        Complaint.write(["\(quoted(path)) cannot be written: \(reason)"])
        return ExitStatus.cannotCreate.code
    }

    private func tell(_ translation: Translation, _ problems: [String]) {
        Complaint.note(translation.notes)
        let left = translation.left.isEmpty ? "" : ", \(translation.left.count) stand in it as comments"
        var lines = ["\(translation.translated.count) settings were translated\(left)."]
        if problems.isEmpty {
            lines.append("The result passes martlet's check.")
        } else {
            lines += ["martlet would not start with the result yet:"] + problems.map { "  \($0)" }
        }
        Complaint.write(lines)
    }

    /// For programs. Shows no secret.
    private struct Summary: Encodable {
        struct Left: Encodable {
            var name: String
            var reason: String
        }

        var kind: String
        var output: String?
        var valid: Bool
        var problems: [String]
        var translated: [String]
        var commented: [Left]
        var notes: [String]

        init(_ kind: ForeignKind, _ translation: Translation, _ problems: [String], output: String?) {
            self.kind = kind.rawValue
            self.output = output
            self.problems = problems
            valid = problems.isEmpty
            translated = translation.translated
            commented = translation.left.map { Left(name: $0.name, reason: $0.reason) }
            notes = translation.notes
        }
    }
}
