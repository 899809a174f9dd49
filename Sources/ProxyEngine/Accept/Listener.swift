import MTProtoWire
import NIOCore
import NIOPosix
import ProxyPolicy

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The listening sockets, one per event loop, so that a connection never changes threads.
struct Listener {
    /// Connections that the kernel holds until they are accepted.
    private static let backlog: Int32 = 4_096

    /// Binds on every event loop; with port 0 the first one's port serves for all.
    ///
    /// - Throws: ``ProxyError`` that says what is in the way.
    static func bind(_ loops: [LoopContext], host: IPAddress, port: Int) async throws -> [any Channel] {
        var channels: [any Channel] = []
        var port = port
        if loops.count > 1, port != 0 {
            // Sockets that share a port would also share it with another program's: ask without sharing first.
            let probe = try await bind(loops[0], host: host, port: port, shares: false)
            try await probe.close()
        }
        for loop in loops {
            let channel = try await bind(loop, host: host, port: port, shares: loops.count > 1)
            port = channel.localAddress?.port ?? port
            channels.append(channel)
        }
        return channels
    }

    private static func bind(
        _ loop: LoopContext, host: IPAddress, port: Int, shares: Bool
    ) async throws -> any Channel {
        let bufferBytes = loop.shared.configuration.relay.socketBufferBytes
        let bootstrap = ServerBootstrap(group: loop.eventLoop, childGroup: loop.eventLoop)
            .serverChannelOption(.backlog, value: backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.socketOption(NIOBSDSocket.Option(rawValue: SO_REUSEPORT)), value: shares ? 1 : 0)
            .serverChannelInitializer { channel in
                // Accepted sockets inherit these where it is Linux that accepts, which spares four calls for each.
                channel.enableKeepAlive()
                channel.setSocketBuffers(bufferBytes)
                return channel.eventLoop.makeCompletedFuture {
                    let gate = AcceptGate(shared: loop.shared)
                    try channel.pipeline.syncOperations.addHandler(gate, position: .first)
                    loop.shared.addGate(gate, on: loop.eventLoop)
                }
            }
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    channel.applyOptions(of: loop, allocator: loop.allocator)
                    #if !os(Linux)
                        channel.enableKeepAlive()
                        channel.setSocketBuffers(bufferBytes)
                    #endif
                    try channel.pipeline.syncOperations.addHandler(ClientConnection(loop: loop))
                }
            }
        do {
            return try await bootstrap.bind(host: host.description, port: port).get()
        } catch let error as IOError {
            throw ProxyError(errno: error.errnoCode, host: host, port: port)
        }
    }
}

/// Holds accepting back while the connection limit is reached: newcomers wait in the kernel's queue, as they would at
/// any busy host, and go on as soon as somebody leaves.
final class AcceptGate: ChannelDuplexHandler, @unchecked Sendable {
    // Unchecked: confined to its channel's event loop; `EngineState` only carries the reference there.
    typealias InboundIn = any Channel
    typealias OutboundIn = Never

    private let shared: EngineState
    private var context: ChannelHandlerContext?
    private var isHolding = false
    /// Accepted in the same read as the one that reached the limit: a few at most, and nothing is read from them.
    private var waiting: [NIOAny] = []

    init(shared: EngineState) {
        self.shared = shared
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        for client in waiting { unwrapInboundIn(client).close(promise: nil) }
        waiting = []
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        waiting.append(data)
        letIn(context)
    }

    func read(context: ChannelHandlerContext) {
        letIn(context)
        if waiting.isEmpty, !shared.isFull {
            isHolding = false
            context.read()
        } else {
            isHolding = true
            shared.events.full(limit: shared.connectionLimit)
        }
    }

    /// Somebody has left.
    func open() {
        if isHolding, let context { read(context: context) }
    }

    /// Passes clients on as long as there is room. Their place is taken here, before they are set up, since the next
    /// one is accepted before that.
    private func letIn(_ context: ChannelHandlerContext) {
        while let client = waiting.first, shared.takePlace() {
            waiting.removeFirst()
            unwrapInboundIn(client).closeFuture.whenComplete { [shared] _ in shared.givePlaceBack() }
            context.fireChannelRead(client)
        }
    }
}

extension ProxyError {
    init(errno code: CInt, host: IPAddress, port: Int) {
        let place = host.isIPv4 ? "\(host):\(port)" : "[\(host)]:\(port)"
        switch code {
        case EADDRINUSE:
            self.init(
                code: .addressInUse,
                message: "cannot listen on \(place): another program has that port",
                hint: "stop it, or choose another port with --port"
            )
        case EADDRNOTAVAIL:
            self.init(
                code: .addressNotAvailable,
                message: "cannot listen on \(place): this machine does not have that address",
                hint: "give one of its own with --host, or 0.0.0.0 for all of them"
            )
        case EACCES, EPERM:
            self.init(
                code: .permissionDenied,
                message: "cannot listen on \(place): permission denied",
                hint:
                    "ports below 1024 need the right to bind them (setcap cap_net_bind_service=+ep), or choose a higher one"
            )
        default:
            self.init(
                code: .cannotListen,
                message: "cannot listen on \(place): \(String(cString: strerror(code)))",
                hint: "check --host and --port"
            )
        }
    }
}
