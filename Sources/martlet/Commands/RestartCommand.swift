import ArgumentParser
import ProxyStore

/// `martlet restart`
struct RestartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart",
        abstract: "Let the running server start its successor, which takes over without losing a connection.",
        discussion: """
            The server starts the program at the path that it was started from, with the same arguments and variables: \
            with a new program there, this is an upgrade. The new process reads the configuration, gets the listening \
            sockets, users, counters and the memory of what was seen, and accepts from then on. Sessions of the old one \
            go on for the drain time. If the new one cannot start, the old one goes on as if nothing had happened.

            EXAMPLES:
              martlet restart
              martlet restart --config /etc/martlet.toml
              martlet restart --state-dir /var/lib/martlet --json | jq .restarted.new.pid

            EXIT CODES:
              0   the new process accepts clients
              64  a flag is wrong
              69  no server runs with that state directory, or its successor did not take over
              78  the configuration file or a variable is wrong
            """
    )

    /// Longer than the server waits for its successor, ms.
    private static let patience = 130_000

    @OptionGroup
    var place: UserPlaceFlags

    func run() async throws {
        let directory = try ReloadCommand.stateDirectory(of: place)
        let reply: ControlReply
        do {
            let none = ControlError(
                .notRunning, "no server runs that could be restarted",
                hint: "`martlet run` starts one; --state-dir names its state directory")
            tellWhoRuns(directory)
            reply =
                try ControlClient(directory: directory, timeoutMilliseconds: Self.patience).ask(.restart)
                ?? .failure(none)
        } catch {
            reply = .failure(ControlError(.timeout, error.problem, hint: error.hint))
        }
        if place.printsJSON { FileOutput.print(JSONOutput.text(reply)) }
        switch reply {
        case .restarted(let report):
            if !place.printsJSON { FileOutput.print(Self.text(report)) }
        case .failure(let error):
            let lines = [error.description] + (error.details ?? []).map { "  \($0)" }
            Complaint.write(lines.map { LogText.withoutControls($0) })
            throw error.exitStatus.code
        default:
            throw ExitStatus.software.code
        }
    }

    /// It may take a while until there is more to say.
    private func tellWhoRuns(_ directory: String) {
        guard !place.printsJSON,
            case .status(let status)? = try? ControlClient(directory: directory).ask(.status)
        else { return }
        FileOutput.print(
            "process \(status.pid) (\(status.version)) starts its successor …", to: Complaint.output)
    }

    private static func text(_ report: RestartReport) -> String {
        """
        process \(report.new.pid) (\(report.new.version)) has taken over from process \(report.old.pid) \
        (\(report.old.version)), whose sessions may go on for \(report.drainSeconds) s
        """
    }
}
