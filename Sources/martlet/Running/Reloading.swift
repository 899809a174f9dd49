import ServiceLifecycle
import UnixSignals

/// Reloads the configuration at SIGHUP and when its files change, until the server stops.
struct Reloading: Service {
    /// A change is taken when two looks in a row found the same.
    private static let lookInterval = Duration.seconds(2)

    private let reloader: Reloader
    /// Kept for as long as the services are, so that the signal never ends the program.
    private let signals: UnixSignalsSequence

    init(_ reloader: Reloader) async {
        self.reloader = reloader
        signals = await UnixSignalsSequence(trapping: .sighup)
    }

    func run() async throws {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                for await _ in signals { _ = await reloader.reload(.signal) }
            }
            tasks.addTask {
                while (try? await Task.sleep(for: Self.lookInterval, tolerance: .milliseconds(500))) != nil {
                    await reloader.look()
                }
            }
            try? await gracefulShutdown()
            tasks.cancelAll()
        }
    }
}
