import MTProtoWire
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import ProxyPolicy

/// One try at a route of a session's own: TCP, then for a WebSocket TLS and the upgrade.
final class UpstreamAttempt: RouteAttempt, DeadlineOwner, @unchecked Sendable {
    // Unchecked: confined to the event loop of its context.

    /// How long one try may take. Longer than any head start, so that a slow route is still learned about, and
    /// shorter than the whole budget, so that a hanging one is known to hang before the client gives up.
    static let timeoutMilliseconds: Int64 = 5_000

    let route: Route
    let began = DeadlineWheel.now()
    private let loop: LoopContext
    private(set) var stage = RouteFailure.Stage.tcp
    private var channel: (any Channel)?
    private var completion: Completion?
    private let deadline = Deadline()

    init(route: Route, loop: LoopContext) {
        self.route = route
        self.loop = loop
    }

    func start(_ completion: @escaping Completion) {
        self.completion = completion
        loop.shared.metrics.attempted(route.kind)
        loop.wheel.arm(deadline, for: self, after: Self.timeoutMilliseconds)
        switch route.target {
        case .tcp(let target): connect(to: target, endpoint: nil)
        case .webSocket(let endpoint): connect(to: endpoint.dial, endpoint: endpoint)
        case .middleProxy: fail(.noMiddleProxy)
        }
    }

    func deadlineReached(_ deadline: Deadline) { fail(.timedOut(stage: stage)) }

    // MARK: TCP

    private func connect(to target: SocketTarget, endpoint: WebSocketEndpoint?) {
        let upstream = Upstream(route: route, loop: loop)
        let bootstrap = UpstreamBootstrap.make(loop, isEncrypted: endpoint != nil) { channel in
            // A WebSocket's handlers are put before it once TCP stands.
            try channel.pipeline.syncOperations.addHandler(upstream)
        }
        UpstreamBootstrap.connect(bootstrap, to: target, loop).assumeIsolated().whenComplete { result in
            switch result {
            case .success(let channel): self.tcpStands(channel, upstream, endpoint)
            case .failure(let error): self.fail(RouteFailure(classifying: error))
            }
        }
    }

    private func tcpStands(_ channel: any Channel, _ upstream: Upstream, _ endpoint: WebSocketEndpoint?) {
        self.channel = channel
        guard completion != nil else { return channel.close(promise: nil) }
        guard let endpoint else { return succeed(upstream) }
        upstream.whenUnusable = { [weak self] in self?.fail(.closedEarly) }
        stage = .tls
        do {
            let context = try loop.settings.tls.client()
            let tls = try NIOSSLClientHandler(context: context, serverHostname: endpoint.serverName)
            let upgrade = WebSocketUpgrade(endpoint: endpoint, random: &loop.random) { [weak self] event in
                self?.upgraded(event, upstream)
            }
            let decoder = ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .forwardBytes))
            let encoder = HTTPRequestEncoder()
            upgrade.removeCodec = { pipeline in
                let removed = pipeline.eventLoop.makePromise(of: Void.self)
                pipeline.syncOperations.removeHandler(encoder, promise: nil)
                pipeline.syncOperations.removeHandler(decoder, promise: removed)
                return removed.futureResult
            }
            let socketEnd = ReceiveReturn(loop.encryptedReceive)
            upstream.socketEnd = socketEnd
            try channel.pipeline.syncOperations.addHandlers(
                [socketEnd, tls, encoder, decoder, upgrade], position: .before(upstream))
        } catch {
            fail(RouteFailure(classifying: error))
        }
    }

    // MARK: TLS and upgrade

    private func upgraded(_ event: WebSocketUpgrade.Event, _ upstream: Upstream) {
        switch event {
        case .tlsStands: stage = .upgrade
        case .upgraded: succeed(upstream)
        case .failed(let failure): fail(failure)
        }
    }

    private func succeed(_ upstream: Upstream) {
        guard let done = completion else { return }
        completion = nil
        deadline.cancel()
        upstream.whenUnusable = nil
        done(.success(.stream(upstream)))
    }

    private func fail(_ failure: RouteFailure) {
        guard let done = completion else { return }
        completion = nil
        deadline.cancel()
        channel?.close(promise: nil)
        done(.failure(failure))
    }
}

/// How every connection towards the outside is set up.
enum UpstreamBootstrap {
    static func make(
        _ loop: LoopContext, isEncrypted: Bool = false, prepare: @escaping @Sendable (any Channel) throws -> Void
    ) -> ClientBootstrap {
        let bufferBytes = loop.settings.configuration.relay.socketBufferBytes
        return ClientBootstrap(group: loop.eventLoop)
            .connectTimeout(.milliseconds(UpstreamAttempt.timeoutMilliseconds + 1_000))
            .channelInitializer { channel in
                do {
                    loop.counts.outbound += 1
                    channel.closeFuture.assumeIsolated().whenComplete { _ in loop.counts.outbound -= 1 }
                    channel.applyOptions(of: loop, allocator: isEncrypted ? loop.encryptedAllocator : loop.allocator)
                    channel.enableKeepAlive()
                    channel.setSocketBuffers(bufferBytes)
                    try prepare(channel)
                    return channel.eventLoop.makeSucceededVoidFuture()
                } catch {
                    return channel.eventLoop.makeFailedFuture(error)
                }
            }
    }

    /// Dials a target at once where its host is an address; a name is looked up first.
    static func connect(
        _ bootstrap: ClientBootstrap, to target: SocketTarget, _ loop: LoopContext
    ) -> EventLoopFuture<any Channel> {
        loop.counts.dialled &+= 1
        loop.counts.dialling += 1
        let address = try? SocketAddress(ipAddress: target.host, port: target.port)
        let connected =
            address.map { bootstrap.connect(to: $0) } ?? bootstrap.connect(host: target.host, port: target.port)
        connected.assumeIsolated().whenComplete { result in
            loop.counts.dialling -= 1
            if case .failure = result { loop.counts.dialsFailed &+= 1 }
        }
        return connected
    }
}
