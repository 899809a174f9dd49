import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import ProxyPolicy

/// A connection that is talked over step by step. Whoever opens it closes it: closing ends every step that waits.
final class Conversation: Sendable {
    /// What may wait unread, bytes: no answer that is wanted is longer.
    fileprivate static let maximumUnread = 1 << 20

    let channel: any Channel
    private let ear: Ear

    private init(channel: any Channel, ear: Ear) {
        self.channel = channel
        self.ear = ear
    }

    /// - Throws: what the system says, or `ChannelError.connectTimeout`.
    static func open(_ target: SocketTarget, within limit: Duration) async throws -> Conversation {
        let ear = Ear()
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.milliseconds(Int64(Figures.milliseconds(limit)) + 1))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(ear) }
            }
        let channel =
            if let address = try? SocketAddress(ipAddress: target.host, port: target.port) {
                try await bootstrap.connect(to: address).get()
            } else {
                try await bootstrap.connect(host: target.host, port: target.port).get()
            }
        return Conversation(channel: channel, ear: ear)
    }

    /// Goes on in TLS; returns when its handshake is done.
    func secure(_ context: NIOSSLContext, serverName: String) async throws {
        // A literal address is no server name (RFC 6066, section 3).
        let name = (try? SocketAddress(ipAddress: serverName, port: 0)) == nil ? serverName : nil
        try await channel.eventLoop.flatSubmit { [channel, ear] in
            let done = channel.eventLoop.makePromise(of: Void.self)
            do {
                let handler = try NIOSSLClientHandler(context: context, serverHostname: name)
                ear.secured = done
                try channel.pipeline.syncOperations.addHandler(handler, position: .before(ear))
            } catch {
                ear.secured = nil
                done.fail(error)
            }
            return done.futureResult
        }.get()
    }

    func send(_ bytes: ByteBuffer) async throws {
        try await channel.writeAndFlush(bytes).get()
    }

    /// What comes next; nil at the end.
    func receive() async throws -> ByteBuffer? {
        try await channel.eventLoop.flatSubmit { [channel, ear] in
            let next = channel.eventLoop.makePromise(of: ByteBuffer?.self)
            ear.hear(next)
            return next.futureResult
        }.get()
    }

    func close() { channel.close(promise: nil) }
}

/// Keeps what arrives until somebody asks for it.
private final class Ear: ChannelInboundHandler, @unchecked Sendable {
    // Unchecked: confined to the event loop of its context.
    typealias InboundIn = ByteBuffer

    /// Waits for the end of a TLS handshake.
    var secured: EventLoopPromise<Void>?
    private var unread = ByteBuffer()
    private var waiting: EventLoopPromise<ByteBuffer?>?
    private var ending: Result<ByteBuffer?, any Error>?

    func hear(_ next: EventLoopPromise<ByteBuffer?>) {
        if unread.readableBytes > 0 {
            next.succeed(unread)
            unread = ByteBuffer()
        } else if let ending {
            next.completeWith(ending)
        } else {
            // One who asked before and was not waited for any more gets nothing.
            waiting?.succeed(nil)
            waiting = next
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if let next = waiting {
            waiting = nil
            next.succeed(bytes)
            return
        }
        unread.writeBuffer(&bytes)
        if unread.readableBytes > Conversation.maximumUnread { context.close(promise: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            secured?.succeed(())
            secured = nil
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(.failure(error))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(.success(nil))
    }

    private func end(_ result: Result<ByteBuffer?, any Error>) {
        if ending == nil { ending = result }
        waiting?.completeWith(result)
        waiting = nil
        switch result {
        case .success: secured?.fail(RouteFailure.closedEarly)
        case .failure(let error): secured?.fail(error)
        }
        secured = nil
    }
}
