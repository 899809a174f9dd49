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

/// One place that is listened on: a socket per event loop, so that a connection never changes threads; for a Unix socket
/// a single one, whose connections are spread.
struct Listener {
    /// Connections that the kernel holds until they are accepted.
    private static let backlog: Int32 = 4_096

    /// With the port that the system chose.
    let place: ListenPlace
    private let channels: [any Channel]

    /// - Throws: ``ProxyError`` that says what is in the way.
    static func bind(
        _ context: ListenerContext, _ loops: [LoopContext], _ group: any EventLoopGroup
    ) async throws -> Listener {
        switch context.configuration.place {
        case .tcp(let host, let port): try await bindTCP(context, loops, host, port)
        case .unix(let path, let mode): try await bindUnix(context, loops, group, path, mode)
        }
    }

    /// Stops listening; a Unix socket's file goes away with it.
    func close() async {
        for channel in channels { try? await channel.close() }
        if case .unix(let path, _) = place { unlink(path) }
    }

    // MARK: TCP

    private static func bindTCP(
        _ context: ListenerContext, _ loops: [LoopContext], _ host: IPAddress, _ wanted: Int
    ) async throws -> Listener {
        func bind(_ loop: LoopContext, port: Int, shares: Bool) async throws -> any Channel {
            let bootstrap = bootstrap(context, [loop], accepting: loop.eventLoop, children: loop.eventLoop)
                .serverChannelOption(
                    .socketOption(NIOBSDSocket.Option(rawValue: SO_REUSEPORT)), value: shares ? 1 : 0)
            do {
                return try await bootstrap.bind(host: host.description, port: port).get()
            } catch let error as IOError {
                throw ProxyError(errno: error.errnoCode, place: .tcp(host, port: port))
            }
        }
        var channels: [any Channel] = []
        var port = wanted
        if loops.count > 1, port != 0 {
            // Sockets that share a port would also share it with another program's: ask without sharing first.
            let probe = try await bind(loops[0], port: port, shares: false)
            try await probe.close()
        }
        for loop in loops {
            let channel = try await bind(loop, port: port, shares: loops.count > 1)
            port = channel.localAddress?.port ?? port
            channels.append(channel)
        }
        return Listener(place: .tcp(host, port: port), channels: channels)
    }

    // MARK: Unix sockets

    private static func bindUnix(
        _ context: ListenerContext, _ loops: [LoopContext], _ group: any EventLoopGroup, _ path: String, _ mode: UInt16
    ) async throws -> Listener {
        let place = ListenPlace.unix(path: path, mode: mode)
        guard let first = loops.first else { return Listener(place: place, channels: []) }
        do {
            try await removeStale(path, group)
            let bootstrap = bootstrap(context, loops, accepting: first.eventLoop, children: group)
            let channel = try await bootstrap.bind(unixDomainSocketPath: path).get()
            guard chmod(path, mode_t(mode)) == 0 else {
                try await channel.close()
                throw IOError(errnoCode: errno, reason: "chmod")
            }
            return Listener(place: place, channels: [channel])
        } catch let error as IOError {
            throw ProxyError(errno: error.errnoCode, place: place)
        } catch is SocketAddressError {
            throw ProxyError(errno: ENAMETOOLONG, place: place)
        }
    }

    /// A socket on which nobody listens any more was left by a process that was killed.
    private static func removeStale(_ path: String, _ group: any EventLoopGroup) async throws {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & mode_t(S_IFMT) == mode_t(S_IFSOCK) else {
            throw IOError(errnoCode: EEXIST, reason: "bind")
        }
        do {
            try await ClientBootstrap(group: group).connect(unixDomainSocketPath: path).get().close()
        } catch let error as IOError where error.errnoCode == ECONNREFUSED {
            unlink(path)
            return
        } catch let error as IOError where error.errnoCode == EAGAIN {
            // Somebody listens and is busy: his queue is full.
        }
        throw IOError(errnoCode: EADDRINUSE, reason: "bind")
    }

    // MARK: Both

    private static func bootstrap(
        _ context: ListenerContext, _ loops: [LoopContext], accepting: any EventLoop, children: any EventLoopGroup
    ) -> ServerBootstrap {
        let shared = loops[0].shared
        let bufferBytes = shared.configuration.relay.socketBufferBytes
        let options = context.configuration.socket
        let isTCP = if case .tcp = context.configuration.place { true } else { false }
        return ServerBootstrap(group: accepting, childGroup: children)
            .serverChannelOption(.backlog, value: backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: isTCP ? 1 : 0)
            .serverChannelInitializer { channel in
                // Accepted sockets inherit these where it is Linux that accepts, which spares four calls for each.
                if isTCP { channel.apply(options) }
                channel.setSocketBuffers(bufferBytes)
                return channel.eventLoop.makeCompletedFuture {
                    let gate = AcceptGate(shared: shared)
                    try channel.pipeline.syncOperations.addHandler(gate, position: .first)
                    shared.addGate(gate, on: channel.eventLoop)
                }
            }
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard
                        let loop = loops.count == 1
                            ? loops[0] : loops.first(where: { $0.eventLoop === channel.eventLoop })
                    else { throw ChannelError.ioOnClosedChannel }
                    channel.applyOptions(of: loop, allocator: loop.allocator)
                    #if !os(Linux)
                        if isTCP { channel.apply(options) }
                        channel.setSocketBuffers(bufferBytes)
                    #endif
                    try channel.pipeline.syncOperations.addHandler(ClientConnection(loop: loop, listener: context))
                }
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
    private var isScheduled = false
    /// Accepted in the same read as the one that reached a limit: a few at most, and nothing is read from them.
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
        if let opening = shared.acceptsAgain() {
            isHolding = true
            return schedule(opening, context)
        }
        if waiting.isEmpty, !shared.isFull {
            isHolding = false
            context.read()
        } else {
            isHolding = true
            shared.events.full(limit: shared.connectionLimit)
        }
    }

    /// The rate allows more then.
    private func schedule(_ moment: Int64, _ context: ChannelHandlerContext) {
        guard !isScheduled else { return }
        isScheduled = true
        shared.events.acceptingTooFast()
        let delay = TimeAmount.milliseconds(max(moment - DeadlineWheel.now(), 1))
        context.eventLoop.assumeIsolated().scheduleTask(in: delay) {
            self.isScheduled = false
            self.open()
        }
    }

    /// Somebody has left.
    func open() {
        if isHolding, let context { read(context: context) }
    }

    /// Passes clients on as long as there is room. Their place is taken here, before they are set up, since the next
    /// one is accepted before that.
    private func letIn(_ context: ChannelHandlerContext) {
        while let client = waiting.first, shared.acceptsAgain() == nil, shared.takePlace() {
            waiting.removeFirst()
            shared.countAccept()
            unwrapInboundIn(client).closeFuture.whenComplete { [shared] _ in shared.givePlaceBack() }
            context.fireChannelRead(client)
        }
    }
}

extension ProxyError {
    init(errno code: CInt, place: ListenPlace) {
        let isUnix = if case .unix = place { true } else { false }
        func error(_ code: Code, _ why: String, _ hint: String) -> ProxyError {
            ProxyError(code: code, message: "cannot listen on \(place): \(why)", hint: hint)
        }
        switch code {
        case EADDRINUSE:
            self = error(
                .addressInUse, isUnix ? "another program listens there" : "another program has that port",
                isUnix ? "stop it, or choose another path" : "stop it, or choose another port with --port")
        case EADDRNOTAVAIL:
            self = error(
                .addressNotAvailable, "this machine does not have that address",
                "give one of its own with --host, or 0.0.0.0 for all of them")
        case EACCES, EPERM:
            self = error(
                .permissionDenied, "permission denied",
                isUnix
                    ? "choose a directory that this user may write to"
                    : "ports below 1024 need the right to bind them (setcap cap_net_bind_service=+ep), or choose a higher one"
            )
        case EEXIST:
            self = error(.cannotListen, "there is a file of that name that is no socket", "choose another path")
        case ENAMETOOLONG:
            self = error(.cannotListen, "the path is longer than a socket's may be", "choose a shorter one")
        default:
            self = error(
                .cannotListen, String(cString: strerror(code)),
                isUnix ? "check the path" : "check --host and --port")
        }
    }
}
