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

/// One place that is listened on: a socket per event loop, so that a connection never changes threads; where there are
/// fewer sockets, as for a Unix socket or one of the service manager's, their connections are spread.
///
/// The sockets are open from the beginning to the end; accepting begins later, and may pause. What comes meanwhile waits
/// in the kernel's queue.
final class Listener: Sendable {
    /// With the port that the system chose.
    let place: ListenPlace
    let sockets: [ListeningSocket]
    private let context: ListenerContext
    /// Whether a Unix socket's file goes with this listener: not while it is still the server's before this one.
    private let ownsFile: Locked<Bool>
    private let accepting = Locked<[(channel: any Channel, gate: AcceptGate)]>([])

    private init(
        _ context: ListenerContext, _ place: ListenPlace, _ sockets: [ListeningSocket], isInherited: Bool = false
    ) {
        ownsFile = Locked(!isInherited)
        self.context = context
        self.place = place
        self.sockets = sockets
    }

    /// Opens what is missing.
    ///
    /// - Parameter inherited: sockets of this place; they are closed with this listener.
    /// - Throws: ``ProxyError`` that says what is in the way.
    static func open(
        _ context: ListenerContext, inherited: [ListeningSocket], loops: Int
    ) throws(ProxyError) -> Listener {
        switch context.configuration.place {
        case .tcp(let host, let port):
            let sockets = try tcpSockets(host, port, inherited, loops)
            return Listener(context, sockets.first?.place ?? context.configuration.place, sockets)
        case .unix(let path, let mode):
            guard let socket = inherited.first else {
                let socket = try ListeningSocket.unix(path: path, mode: mode)
                return Listener(context, socket.place, [socket])
            }
            if !socket.isManaged, chmod(path, mode_t(mode)) != 0 {
                throw ProxyError(errno: errno, place: context.configuration.place)
            }
            return Listener(context, context.configuration.place, inherited, isInherited: true)
        }
    }

    private static func tcpSockets(
        _ host: IPAddress, _ wanted: Int, _ inherited: [ListeningSocket], _ loops: Int
    ) throws(ProxyError) -> [ListeningSocket] {
        var sockets = inherited
        var port = wanted
        do throws(ProxyError) {
            if let first = inherited.first {
                // One that does not share its port, or is of another account, stays alone: its connections are spread.
                guard first.sharesPort, case .tcp(_, let port) = first.place else { return sockets }
                while sockets.count < loops, let more = try? ListeningSocket.tcp(host, port: port, shares: true) {
                    sockets.append(more)
                }
                return sockets
            }
            if loops > 1, port != 0 {
                // Sockets that share a port would also share it with another program's: ask without sharing first.
                try ListeningSocket.tcp(host, port: port, shares: false).close()
            }
            for _ in 0..<loops {
                let socket = try ListeningSocket.tcp(host, port: port, shares: loops > 1)
                sockets.append(socket)
                if case .tcp(_, let chosen) = socket.place { port = chosen }
            }
            return sockets
        } catch {
            for socket in sockets.dropFirst(inherited.count) { socket.close() }
            throw error
        }
    }

    /// Begins to accept, or goes on.
    func accept(_ loops: [LoopContext], _ group: any EventLoopGroup) async throws {
        ownsFile.withLock { $0 = sockets.allSatisfy { !$0.isManaged } }
        for (index, socket) in sockets.enumerated() {
            let loop = loops[index % loops.count]
            let spreads = sockets.count < loops.count
            let gate = AcceptGate(shared: loop.shared)
            let bootstrap = bootstrap(
                gate, spreads ? loops : [loop], accepting: loop.eventLoop, children: spreads ? group : loop.eventLoop)
            // The channel gets a descriptor of its own: closing it ends nothing but the accepting.
            let descriptor = fcntl(socket.descriptor, F_DUPFD_CLOEXEC, 0)
            guard descriptor >= 0 else { throw ProxyError(errno: errno, place: place) }
            do {
                let channel = try await bootstrap.withBoundSocket(descriptor).get()
                accepting.withLock { $0.append((channel, gate)) }
            } catch let error as IOError {
                throw ProxyError(errno: error.errnoCode, place: place)
            }
        }
    }

    /// Accepts nobody any more; who was accepted is served. Newcomers wait in the kernel's queue.
    func pause() async {
        let paused = accepting.withLock { accepting in
            defer { accepting = [] }
            return accepting
        }
        for (channel, gate) in paused {
            // A loop that is gone has accepted nobody.
            _ = try? await channel.eventLoop.submit { gate.stop() }.get()
            try? await channel.close()
        }
    }

    /// Stops listening; a Unix socket's file goes away with it.
    func close() async {
        for (channel, _) in accepting.withLock({ $0 }) { try? await channel.close() }
        if case .unix(let path, _) = place, ownsFile.withLock({ $0 }) { unlink(path) }
        for socket in sockets { socket.close() }
    }

    /// Leaves listening to the process that has taken over: the sockets stay open there.
    func letGo() {
        for socket in sockets { socket.close() }
    }

    private func bootstrap(
        _ gate: AcceptGate, _ loops: [LoopContext], accepting: any EventLoop, children: any EventLoopGroup
    ) -> ServerBootstrap {
        let shared = loops[0].shared
        let context = context
        let bufferBytes = shared.configuration.relay.socketBufferBytes
        let options = context.configuration.socket
        let isTCP = if case .tcp = context.configuration.place { true } else { false }
        return ServerBootstrap(group: accepting, childGroup: children)
            .serverChannelInitializer { channel in
                // Accepted sockets inherit these where it is Linux that accepts, which spares four calls for each.
                if isTCP { channel.apply(options) }
                channel.setSocketBuffers(bufferBytes)
                return channel.eventLoop.makeCompletedFuture {
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
