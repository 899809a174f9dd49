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

/// `martlet users add`
struct UsersAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Add a user, and print his links.",
        discussion: """
            Without --secret, --domain and --dd a secret is made: for padded packets (dd…), or for FakeTLS (ee…) when \
            the configuration names a fake_tls_domain. What is not given is not limited.

            EXAMPLES:
              martlet users add alice
              martlet users add bob --domain www.example.com --expires +30d --quota 50GB --quota-period month
              martlet users add carol --secret dd101112131415161718191a1b1c1d1e1f --max-addresses 2 --rate-down 2MB/s
            """
    )

    @Argument(help: ArgumentHelp("Up to 64 letters, digits and any of - . _ @", valueName: "NAME"))
    var name: String

    @OptionGroup
    var flags: UserFlags

    @OptionGroup
    var place: UserPlaceFlags

    func run() async throws {
        let desk = try UserDesk(place)
        let fields = try UserFlagReader.fields(
            flags, desk.loaded, name: name, makesSecret: true, now: UsersCommand.now)
        try desk.show(try await desk.ask(.addUser(fields)), asJSON: place.printsJSON)
    }
}

/// `martlet users set`
struct UsersSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Change a user: what is given is changed, everything else stays.",
        discussion: """
            "none" takes a limit away. New secrets replace the present ones unless --keep-secrets is given; sessions \
            that are open go on unless --now is given.

            EXAMPLES:
              martlet users set alice --quota 100GB --expires none
              martlet users set alice --allow 198.51.100.0/24 --allow 2001:db8::/32
              martlet users set alice --dd --keep-secrets
              martlet users set alice --disabled --now
            """
    )

    @Argument(help: ArgumentHelp("The user's name.", valueName: "NAME"))
    var name: String

    @OptionGroup
    var flags: UserFlags

    @ArgumentParser.Flag(name: .customLong("keep-secrets"), help: "Keep the present secrets beside the new ones.")
    var keepsSecrets = false

    @ArgumentParser.Flag(name: .customLong("now"), help: "End the user's open sessions at once.")
    var isNow = false

    @OptionGroup
    var place: UserPlaceFlags

    func run() async throws {
        let desk = try UserDesk(place)
        let changes = try UserFlagReader.fields(
            flags, desk.loaded, name: name, makesSecret: false, now: UsersCommand.now)
        guard !changes.isEmpty || isNow else {
            Complaint.write(["nothing is to be changed; `martlet help users set` shows what can be"])
            throw ExitStatus.usage.code
        }
        let request = ControlRequest.setUser(name: name, changes: changes, keepsSecrets: keepsSecrets, now: isNow)
        try desk.show(try await desk.ask(request), asJSON: place.printsJSON)
    }
}

/// `martlet users remove`
struct UsersRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove users with their secrets and counters.",
        discussion: """
            Their open sessions go on until they end by themselves, or end at once with --now.

            EXAMPLES:
              martlet users remove alice
              martlet users remove bob carol --now
            """
    )

    @Argument(help: ArgumentHelp("The users' names.", valueName: "NAME"))
    var names: [String]

    @ArgumentParser.Flag(name: .customLong("now"), help: "End their open sessions at once.")
    var isNow = false

    @OptionGroup
    var place: UserPlaceFlags

    func run() async throws {
        let reply = try await UserDesk(place).ask(.removeUsers(names: names, now: isNow))
        try reply.tellDone("removed \(names.joined(separator: ", "))", asJSON: place.printsJSON)
    }
}

/// `martlet users reset-quota`
struct UsersResetQuotaCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset-quota",
        abstract: "Give users their whole quota again, declared ones too.",
        discussion: """
            The quota's period goes on: it starts anew when it would have.

            EXAMPLES:
              martlet users reset-quota alice
              martlet users reset-quota --all
            """
    )

    @Argument(help: ArgumentHelp("The users' names.", valueName: "NAME"))
    var names: [String] = []

    @ArgumentParser.Flag(name: .customLong("all"), help: "Of all users.")
    var isForAll = false

    @OptionGroup
    var place: UserPlaceFlags

    func validate() throws {
        guard names.isEmpty == isForAll else { throw ValidationError("Give either names or --all.") }
    }

    func run() async throws {
        let reply = try await UserDesk(place).ask(.resetQuota(names: isForAll ? nil : names))
        let whose = isForAll ? "all users" : names.joined(separator: ", ")
        try reply.tellDone("reset the quota of \(whose)", asJSON: place.printsJSON)
    }
}

/// `martlet users import`
struct UsersImportCommand: AsyncParsableCommand {
    /// What becomes of users whose name is taken.
    enum Existing: String, EnumerableFlag {
        case replace, skip, merge

        static func help(for value: Existing) -> ArgumentHelp? {
            switch value {
            case .replace: "Users whose name is taken take the place of the present ones."
            case .skip: "Users whose name is taken are left out."
            case .merge: "Users whose name is taken change what the file names, and keep the rest."
            }
        }
    }

    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Add many users at once from JSON.",
        discussion: """
            The file is an array of objects with "name", "secrets" and any of enabled, ad_tag, expires (Unix \
            seconds), max_connections, max_addresses, address_window (seconds), quota {bytes, period, day}, rate_up, \
            rate_down (bytes per second), allow, refuse, note. null takes a limit away. Everything is checked before \
            anything is written: all of it is imported or nothing. Without --replace, --skip or --merge a name that is \
            taken refuses the import.

            EXAMPLES:
              martlet users import users.json
              echo '[{"name":"alice","secrets":["dd101112131415161718191a1b1c1d1e1f"]}]' | martlet users import -
              martlet users import changes.json --merge
            """
    )

    /// One request to a server.
    private static let longestFile = ControlServer.Bounds().lineBytes - 1_024

    @Argument(help: ArgumentHelp("The file to read; - is stdin.", valueName: "FILE"))
    var file: String

    @ArgumentParser.Flag
    var existing: Existing?

    @OptionGroup
    var place: UserPlaceFlags

    func run() async throws {
        let desk = try UserDesk(place)
        let rule = existing.flatMap { ImportRule(rawValue: $0.rawValue) } ?? .refuse
        let reply = try await desk.ask(.importUsers(try users(), existing: rule))
        guard case .imported(let summary) = reply else { throw ExitStatus.software.code }
        FileOutput.print(
            place.printsJSON
                ? JSONOutput.text(summary)
                : "\(summary.added) added, \(summary.changed) changed, \(summary.skipped) skipped")
    }

    private func users() throws(ExitCode) -> [UserFields] {
        let content =
            file == "-"
            ? FileText.readAll(STDIN_FILENO, limit: Self.longestFile)
            : FileText.read(file, limit: Self.longestFile)
        let shown = file == "-" ? "stdin" : quoted(file)
        switch content {
        case .failure(let error):
            Complaint.write(["\(shown) cannot be read: \(error)"])
        case .success(let text):
            do throws(ControlError) {
                return try ControlLine.decode([UserFields].self, text.utf8, code: .invalid)
            } catch {
                Complaint.write([
                    "\(shown): \(LogText.withoutControls(error.description)); "
                        + "`martlet help users import` shows the form"
                ])
            }
        }
        throw ExitStatus.usage.code
    }
}

extension ControlReply {
    /// Says that it is done, and the remarks.
    fileprivate func tellDone(_ text: String, asJSON: Bool) throws(ExitCode) {
        guard case .done(let notes) = self else { throw ExitStatus.software.code }
        Complaint.note(notes)
        FileOutput.print(asJSON ? JSONOutput.text(self) : text)
    }
}
