import Logging
import NIOPosix
import ProxyStore
import ServiceLifecycle

/// The control socket of a running server, which goes from process to process. A server that cannot have it, because
/// another one of the same state directory does, serves its clients all the same.
actor ControlDoor {
    /// What is asked when the server ends is answered within this time, or not at all.
    private static let farewellMilliseconds: Int64 = 2_000

    private let server: ControlServer
    private let logger: Logger
    private var listening: ControlServer.Listening?
    private var isOpen = false

    init(directory: String, logger: Logger, answer: @escaping ControlServer.Handler) {
        server = ControlServer(directory: directory, group: MultiThreadedEventLoopGroup.singleton, handler: answer)
        self.logger = logger
    }

    func open() async {
        guard !isOpen else { return }
        do throws(StoreError) {
            listening = try await server.start()
            isOpen = true
        } catch {
            logger.warning(
                "commands such as `martlet users` cannot reach this server", metadata: ["because": "\(error)"])
        }
    }

    /// Makes room for another process's. Who is connected may go on.
    func giveWay() async {
        isOpen = false
        await listening?.stopListening()
    }

    /// Whoever waits for an answer, as one does who asked for a restart, gets it.
    func close() async {
        await listening?.closeAfterAnswers(withinMilliseconds: Self.farewellMilliseconds)
        listening = nil
    }
}

/// Keeps the control socket open.
struct ControlSocketService: Service {
    let door: ControlDoor
    /// Ends when the socket may be opened; at once, where no other server has it.
    let opening: AsyncStream<Void>

    func run() async throws {
        await cancelWhenGracefulShutdown { for await _ in opening {} }
        if !Task.isCancelled, !Task.isShuttingDownGracefully { await door.open() }
        try? await gracefulShutdown()
        // Shielded: cancellation may have brought us here.
        await Task { await door.close() }.value
    }
}
