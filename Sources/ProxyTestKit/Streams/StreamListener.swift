import NIOCore
import NIOPosix
import Synchronization

/// How a listener treats the sockets that it accepts.
package struct ListenOptions: Sendable {
    /// Address to bind, such as 127.0.0.1 or ::1.
    package var host: String
    /// Port to bind; 0: any free one.
    package var port: Int
    /// SO_RCVBUF of accepted sockets in bytes; nil: the system chooses.
    package var receiveBufferBytes: Int?
    /// SO_SNDBUF of accepted sockets in bytes; nil: the system chooses.
    package var sendBufferBytes: Int?
    /// Keeps a copy of every byte that comes out of the socket.
    package var captures: Bool

    package init(
        host: String = "127.0.0.1",
        port: Int = 0,
        receiveBufferBytes: Int? = nil,
        sendBufferBytes: Int? = nil,
        captures: Bool = false
    ) {
        self.host = host
        self.port = port
        self.receiveBufferBytes = receiveBufferBytes
        self.sendBufferBytes = sendBufferBytes
        self.captures = captures
    }
}

/// Accepts connections and runs one task for each, until stopped.
final class StreamListener: Sendable {
    let port: Int
    private let task: Mutex<Task<Void, Never>?>
    private let acceptedCount: Atomic<Int>

    private init(port: Int) {
        self.port = port
        task = Mutex(nil)
        acceptedCount = Atomic(0)
    }

    /// Connections accepted so far.
    var accepted: Int { acceptedCount.load(ordering: .relaxed) }

    /// - Parameters:
    ///   - security: handlers between socket and stream, made on the connection's event loop.
    ///   - serve: the conversation; when it returns or throws, the connection closes.
    static func start(
        _ options: ListenOptions,
        security: @escaping @Sendable (any Channel) throws -> [any ChannelHandler] = { _ in [] },
        serve: @escaping @Sendable (ByteStream) async throws -> Void
    ) async throws -> StreamListener {
        var bootstrap = ServerBootstrap(group: KitLoops.group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 1024)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 2048, initial: 16384, maximum: 1 << 18)
            )
        if let bytes = options.receiveBufferBytes {
            bootstrap = bootstrap.serverChannelOption(.socketOption(.so_rcvbuf), value: .init(bytes))
        }
        if let bytes = options.sendBufferBytes {
            bootstrap = bootstrap.serverChannelOption(.socketOption(.so_sndbuf), value: .init(bytes))
        }
        let captures = options.captures
        let server = try await bootstrap.bind(host: options.host, port: options.port) { channel in
            channel.eventLoop.makeCompletedFuture {
                try ByteStream(channel: channel, captures: captures, security: security(channel))
            }
        }
        let listener = StreamListener(port: server.channel.localAddress?.port ?? 0)
        listener.task.withLock {
            $0 = Task { await listener.run(server, serve) }
        }
        return listener
    }

    /// Closes the listening socket and every connection.
    func stop() async {
        let task = task.withLock { $0 }
        task?.cancel()
        await task?.value
    }

    private func run(
        _ server: NIOAsyncChannel<ByteStream, Never>,
        _ serve: @escaping @Sendable (ByteStream) async throws -> Void
    ) async {
        try? await server.executeThenClose { streams in
            try await withThrowingDiscardingTaskGroup { group in
                for try await stream in streams {
                    acceptedCount.add(1, ordering: .relaxed)
                    group.addTask {
                        await withTaskCancellationHandler {
                            try? await serve(stream)
                            await stream.close()
                        } onCancel: {
                            stream.closeSocket(reset: true)
                        }
                    }
                }
            }
        }
    }
}
