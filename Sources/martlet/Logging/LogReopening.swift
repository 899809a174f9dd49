import Logging
import ServiceLifecycle
import UnixSignals

/// Opens the log file again at SIGUSR1, for programs such as logrotate that put it aside.
struct LogReopening: Service {
    private let log: LogSystem
    private let daemon: Daemon?
    /// Kept for as long as the services are, so that the signal never ends the program.
    private let signals: UnixSignalsSequence

    /// - Parameter daemon: nil for a process that stays at its terminal.
    init(_ log: LogSystem, daemon: Daemon?) async {
        self.log = log
        self.daemon = daemon
        signals = await UnixSignalsSequence(trapping: .sigusr1)
    }

    func run() async throws {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                for await _ in signals { reopen() }
            }
            try? await gracefulShutdown()
            tasks.cancelAll()
        }
    }

    private func reopen() {
        log.reopen()
        if let error = daemon?.reopen() {
            log.logger.error("the log file cannot be opened again", metadata: ["because": "\(error)"])
        }
        // A line goes to the new file at once, so that the old one is let go.
        log.logger.notice("log file opened again", metadata: ["because": "SIGUSR1"])
    }
}
