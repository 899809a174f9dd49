package import NIOCore
import NIOPosix
import ServiceLifecycle

/// Takes commands on the state directory's Unix socket: one JSON object per line, one answer per line.
///
/// Who may open the socket may do everything, so it is open to its owner alone. A connection that asks nothing for the
/// time of a request is closed; another one costs nothing.
package final class ControlServer: Service {
    package typealias Handler = @Sendable (ControlRequest) async -> ControlReply

    /// What a client of the socket may cost.
    package struct Bounds: Sendable {
        /// Bytes in one request: an import of some fifty thousand users goes in one piece, so that it happens
        /// completely or not at all.
        package var lineBytes = 16 << 20
        /// Commands are short; a panel needs one connection.
        package var connections = 16
        /// From the first moment of waiting for a request to the last byte of its answer.
        package var requestMilliseconds: Int64 = 10_000

        package init() {}
    }

    private let files: StateFiles
    private let group: any EventLoopGroup
    private let bounds: Bounds
    private let handler: Handler

    /// - Parameters:
    ///   - directory: the state directory, absolute; the socket is `martlet.sock` in it.
    ///   - group: one of its event loops is used; requests are done outside of them.
    package init(
        directory: String, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        bounds: Bounds = Bounds(), handler: @escaping Handler
    ) {
        files = StateFiles(directory: directory)
        self.group = group
        self.bounds = bounds
        self.handler = handler
    }

    /// Serves until the service group shuts down or the task is cancelled.
    ///
    /// - Throws: ``StoreError``: another server listens there, the path is too long, or the directory cannot be used.
    package func run() async throws {
        let socket = try await start()
        await withGracefulShutdownHandler {
            await withTaskCancellationHandler {
                try? await socket.closed()
            } onCancel: {
                socket.close()
            }
        } onGracefulShutdown: {
            socket.close()
        }
    }

    /// Listens.
    package func start() async throws(StoreError) -> Listening {
        let file = try ControlSocket.bind(files)
        let loop = group.next()
        let registry = ControlConnection.Registry(maximum: bounds.connections)
        let (bounds, handler) = (bounds, handler)
        let bootstrap = ServerBootstrap(group: loop)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let connection = ControlConnection(registry: registry, bounds: bounds, handler: handler)
                    try channel.pipeline.syncOperations.addHandler(connection)
                }
            }
        do {
            // The children run on the listener's loop, which is why the registry needs no lock.
            let channel = try await bootstrap.withBoundSocket(file).get()
            let path = files.socket
            // The file goes after the socket: then it is known whether another process has put its own there.
            let finished = channel.closeFuture.map { ControlSocket.remove(path) }
            return Listening(channel: channel, registry: registry, finished: finished)
        } catch {
            throw StoreError(.unusable, "\(files.socket) cannot be listened on", hint: "\(error)")
        }
    }

    /// The socket while it is open.
    package struct Listening: Sendable {
        fileprivate let channel: any Channel
        fileprivate let registry: ControlConnection.Registry
        fileprivate let finished: EventLoopFuture<Void>

        /// Makes the place free for another process. Connections go on; only what a file's name leads to is gone.
        package func stopListening() async {
            try? await channel.close()
            try? await finished.get()
        }

        /// Closes the socket, and its connections when they have the answers that they wait for, or after that time.
        package func closeAfterAnswers(withinMilliseconds limit: Int64) async {
            await stopListening()
            let (loop, registry) = (channel.eventLoop, registry)
            guard let left = try? await loop.submit({ registry.closeAfterAnswers() }).get() else { return }
            let expiry = loop.scheduleTask(in: .milliseconds(limit)) { registry.closeAll() }
            for connection in left { try? await connection.closeFuture.get() }
            expiry.cancel()
        }

        /// Closes the socket and its connections, and removes its file.
        package func close() {
            let (channel, registry) = (channel, registry)
            channel.eventLoop.execute {
                registry.closeAll()
                channel.close(promise: nil)
            }
        }

        /// Ends when the socket is closed and its file is gone.
        package func closed() async throws {
            try await finished.get()
        }
    }
}
