import ArgumentParser
import ProxyPolicy
import ProxyStore

/// `martlet reload`
struct ReloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Let the running server read its configuration again, without losing a session.",
        discussion: """
            The server reads the file that it was started with; flags and variables stay as they were then. Users, \
            limits, routes, the mask host, lists, timeouts and the log level change at once. What only a restart can \
            change is named and waits for one. If anything is wrong, nothing is changed. SIGHUP does the same, and so \
            does a change of the file: the answer is in the log then.

            EXAMPLES:
              martlet reload
              martlet reload --config /etc/martlet.toml
              martlet reload --state-dir /var/lib/martlet --json | jq .reloaded.needs_restart

            EXIT CODES:
              0   reloaded, even if some of it waits for a restart
              64  a flag is wrong, or a declared user has the name or secret of one whom a command added
              69  no server runs with that state directory, or it does not answer
              78  the configuration is wrong: nothing was changed
            """
    )

    @OptionGroup
    var place: UserPlaceFlags

    func run() async throws {
        let client = ControlClient(directory: try Self.stateDirectory(of: place))
        let reply: ControlReply
        do {
            let none = ControlError(
                .notRunning, "no server runs that could read its configuration again",
                hint: "`martlet run` starts one; --state-dir names its state directory")
            reply = try client.ask(.reload) ?? .failure(none)
        } catch {
            // It runs, or seems to, and cannot be asked.
            reply = .failure(ControlError(.timeout, error.problem, hint: error.hint))
        }
        if place.printsJSON { FileOutput.print(JSONOutput.text(reply)) }
        switch reply {
        case .reloaded(let report):
            Complaint.note(report.notes)
            if !place.printsJSON { FileOutput.print(report.text) }
        case .failure(let error):
            let lines = [error.description] + (error.details ?? [])
            Complaint.write(lines.map { LogText.withoutControls($0) })
            throw error.exitStatus.code
        default:
            throw ExitStatus.software.code
        }
    }

    /// Where the server listens for commands. The file is not read where a flag says it: it may be what is wrong.
    static func stateDirectory(of place: UserPlaceFlags) throws(ExitCode) -> String {
        var host = HostEnvironment.current
        var source = GivenSource()
        if let directory = place.stateDirectory {
            source = .stateDirectory(directory, host)
            host.variables[EnvironmentSource.configurationFile] = nil
        }
        let file = place.stateDirectory == nil ? place.file : nil
        do throws(ConfigurationFailure) {
            return try ConfigurationLoader(flags: source, file: file, host: host).load().configuration.stateDirectory
        } catch {
            let failure = ControlError(
                .configuration, "the configuration is wrong: the server was not asked, and goes on as it is",
                details: error.errors.map(\.description))
            if place.printsJSON { FileOutput.print(JSONOutput.text(ControlReply.failure(failure))) }
            Complaint.write([failure.description] + (failure.details ?? []))
            throw error.exitStatus.code
        }
    }
}

extension GivenSource {
    /// What `--state-dir` says.
    static func stateDirectory(_ directory: String, _ host: HostEnvironment) -> GivenSource {
        let flag = ConfigurationError.Source.flag("--state-dir")
        var source = GivenSource()
        source.values["state_dir"] = GivenValue(
            items: [.init(text: directory, source: flag)], source: flag, directory: host.workingDirectory)
        return source
    }
}
