import ArgumentParser
import ProxyPolicy
import ProxyStore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `martlet users …`
struct UsersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "users",
        abstract: "Manage who may use the proxy, and how much, while it runs.",
        discussion: """
            Users live in the state directory's database. A running server is told over its control socket and acts \
            at once, without losing a connection; when it is stopped, the database is changed. Users that the \
            configuration declares ([[users]], secrets) are shown here and changed there.

            EXAMPLES:
              martlet users add alice --quota 50GB --quota-period month
              martlet users list
              martlet users set alice --expires +30d --max-addresses 2
              martlet users set alice --quota none
              martlet users show alice
              martlet users remove alice --now
              martlet users export backup.json

            EXIT CODES:
              0   done
              64  a flag or a value is wrong, there is no such user, or there is one already
              69  the server does not answer, or another process holds the database
              73  the state directory or the database cannot be used
              78  the configuration file or a variable is wrong
            """,
        subcommands: [
            UsersListCommand.self, UsersShowCommand.self, UsersAddCommand.self, UsersSetCommand.self,
            UsersRemoveCommand.self, UsersResetQuotaCommand.self, UsersImportCommand.self, UsersExportCommand.self,
        ]
    )

    /// Unix time in seconds.
    static var now: Int64 { Int64(time(nil)) }
}

/// `martlet users list`
struct UsersListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Show all users, declared ones too, with what they have open and have moved.",
        discussion: """
            EXAMPLES:
              martlet users list
              martlet users list --json | jq '.[] | select(.state == "expired") | .user.name'
            """
    )

    @ArgumentParser.Flag(name: .customLong("secrets"), help: "Show the users' secrets as well.")
    var showsSecrets = false

    @OptionGroup
    var place: UserPlaceFlags

    func run() async throws {
        let reply = try await UserDesk(place).ask(.listUsers(withSecrets: showsSecrets))
        guard case .users(let users) = reply else { throw ExitStatus.software.code }
        if place.printsJSON {
            FileOutput.print(JSONOutput.text(users))
        } else if users.isEmpty {
            Complaint.note(["there are no users yet; make one with `martlet users add NAME`"])
        } else {
            FileOutput.print(UserText(now: UsersCommand.now).list(users, withSecrets: showsSecrets))
        }
    }
}

/// `martlet users show`
struct UsersShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a user's limits, usage and links.",
        discussion: """
            The links name the server as `martlet link` does: give the server's configuration with --config.

            EXAMPLES:
              martlet users show alice
              martlet users show alice --json | jq -r '.links[0].tg'
            """
    )

    @Argument(help: ArgumentHelp("The user's name.", valueName: "NAME"))
    var name: String

    @OptionGroup
    var place: UserPlaceFlags

    func run() async throws {
        let desk = try UserDesk(place)
        try desk.show(try await desk.ask(.showUser(name: name)), asJSON: place.printsJSON)
    }
}

/// `martlet users export`
struct UsersExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write all managed users with their secrets as JSON.",
        discussion: """
            `martlet users import` takes what this writes. Usage is not part of it, nor are declared users. A file is \
            made readable for this account alone.

            EXAMPLES:
              martlet users export backup.json
              martlet users export | ssh other martlet users import - --replace
            """
    )

    @Argument(help: ArgumentHelp("The file to write; - is stdout.", valueName: "FILE"))
    var file = "-"

    @OptionGroup
    var place: UserPlaceFlags

    func run() async throws {
        guard case .exported(let users) = try await UserDesk(place).ask(.exportUsers) else {
            throw ExitStatus.software.code
        }
        let text = JSONOutput.text(users, isForPeople: true)
        guard file != "-" else {
            FileOutput.print(text)
            return
        }
        if case .failure(let error) = FileOutput.replace(file, with: text + "\n") {
            Complaint.write(["\(quoted(file)) cannot be written: \(error); give another file, or - for stdout"])
            throw ExitStatus.cannotCreate.code
        }
        Complaint.note(["\(users.count) users were written to \(file)"])
    }
}

extension FileOutput {
    /// Writes a file for this account alone; what was there before stays until all of it is written.
    fileprivate static func replace(_ path: String, with text: String) -> Result<Void, SystemError> {
        let draft = "\(path).\(getpid())"
        let file = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { return .failure(.last) }
        defer {
            close(file)
            unlink(draft)
        }
        if case .failure(let error) = write(Array(text.utf8)[...], to: file) { return .failure(error) }
        guard fsync(file) == 0, rename(draft, path) == 0 else { return .failure(.last) }
        return .success(())
    }
}

extension UserDesk {
    /// Prints the user of a reply with his links.
    func show(_ reply: ControlReply, asJSON: Bool) throws(ExitCode) {
        guard case .user(let report) = reply else { throw ExitStatus.software.code }
        let links = ProxyLink.all(of: report, loaded.configuration)
        if links.isEmpty {
            Complaint.note(["the port is chosen at each start, so there are no links; give link.port"])
        }
        if asJSON {
            FileOutput.print(JSONOutput.text(UserWithLinks(report, links: links)))
        } else {
            FileOutput.print(UserText(now: UsersCommand.now).show(report, links: links))
        }
    }
}
