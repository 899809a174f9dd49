import ArgumentParser
import ProxyPolicy
import ProxyStore

/// `martlet log`
struct LogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Show or change the log levels of the running server.",
        discussion: """
            A level alone is the general one; SUBSYSTEM=LEVEL is that of one subsystem, and SUBSYSTEM=default takes it \
            back. Subsystems are clients, routes, middle-proxies, users and server; levels are trace, debug, info, \
            notice, warning, error and critical. Changes last until the next restart or reload; log.level and \
            log.levels of the configuration stay.

            EXAMPLES:
              martlet log                              what is in force
              martlet log debug
              martlet log routes=debug clients=warning
              martlet log routes=default

            EXIT CODES:
              0   done
              64  a subsystem or level that nobody knows
              69  no server runs with that state directory, or it does not answer
            """
    )

    @Argument(help: ArgumentHelp("Levels to change.", valueName: "LEVEL | SUBSYSTEM=LEVEL"))
    var changes: [String] = []

    @OptionGroup
    var place: UserPlaceFlags

    func run() async throws {
        var wanted: [String: String] = [:]
        for change in changes {
            let parts = change.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            if parts.count == 2 { wanted[parts[0]] = parts[1] } else { wanted[LogLevels.allWord] = change }
        }
        let reply = try RunningServer.ask(.logLevels(wanted), of: place)
        guard case .logLevels(let levels) = reply else { throw ExitStatus.software.code }
        if place.printsJSON { return FileOutput.print(JSONOutput.text(reply)) }
        var table = TextTable(header: ["SUBSYSTEM", "LEVEL"], trailing: [])
        let names = [LogLevels.allWord] + LogSubsystem.allCases.map(\.rawValue)
        for name in names { table.add([name, levels[name] ?? ""]) }
        FileOutput.print(table.text)
    }
}

/// The server that runs on a state directory, as commands ask it.
enum RunningServer {
    /// - Throws: an exit code, after the reason was written.
    static func ask(_ request: ControlRequest, of place: UserPlaceFlags) throws -> ControlReply {
        let client = ControlClient(directory: try ReloadCommand.stateDirectory(of: place))
        var reply: ControlReply
        do {
            let none = ControlError(
                .notRunning, "no server runs",
                hint: "`martlet run` starts one; --state-dir names its state directory")
            reply = try client.ask(request) ?? .failure(none)
        } catch {
            // It runs, or seems to, and cannot be asked.
            reply = .failure(ControlError(.timeout, error.problem, hint: error.hint))
        }
        guard case .failure(let error) = reply else { return reply }
        if place.printsJSON { FileOutput.print(JSONOutput.text(reply)) }
        Complaint.write([error.description])
        throw error.exitStatus.code
    }
}
