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

/// The opening of one link: TCP, nonces, handshake. Reports exactly once.
final class LinkOpening: ChannelInboundHandler, RemovableChannelHandler, DeadlineOwner, @unchecked Sendable {
    // Unchecked: confined to the event loop of its context.
    typealias InboundIn = ByteBuffer
    typealias Completion = (Result<MiddleProxyLink, RouteFailure>) -> Void

    private let group: LinkGroup
    private let id: LinkPlan.LinkID
    private let secret: MiddleProxySecret
    private var hub: MiddleProxyHub { group.hub }
    private var loop: LoopContext { group.hub.loop }
    private var handshake: MiddleProxyHandshake?
    private var stage = RouteFailure.Stage.tcp
    private var channel: (any Channel)?
    private var completion: Completion?
    private let deadline = Deadline()

    init(group: LinkGroup, id: LinkPlan.LinkID, secret: MiddleProxySecret) {
        self.group = group
        self.id = id
        self.secret = secret
    }

    func start(_ completion: @escaping Completion) {
        self.completion = completion
        loop.wheel.arm(deadline, for: self, after: loop.settings.configuration.middleProxy.openingMilliseconds)
        let bootstrap = UpstreamBootstrap.make(loop) { channel in
            try channel.pipeline.syncOperations.addHandler(self)
        }
        let place = SocketTarget(host: group.target.host, port: group.target.port)
        UpstreamBootstrap.connect(bootstrap, to: place, loop).assumeIsolated().whenComplete { result in
            switch result {
            case .success(let channel): self.connected(channel)
            case .failure(let error): self.fail(RouteFailure(classifying: error))
            }
        }
    }

    func cancel() { fail(.closedEarly) }

    func deadlineReached(_ deadline: Deadline) { fail(.timedOut(stage: stage)) }

    // MARK: Handshake

    private func connected(_ channel: any Channel) {
        self.channel = channel
        guard completion != nil else { return channel.close(promise: nil) }
        guard let local = Endpoint(channel.localAddress), let remote = Endpoint(channel.remoteAddress) else {
            return fail(.other("no-address"))
        }
        let own = loop.shared.ownAddresses.withLock { $0.global(of: local.address, towards: remote.address) }
        stage = .upgrade
        let handshake = MiddleProxyHandshake(
            setup(local: Endpoint(address: own ?? local.address, port: local.port), remote: remote, socket: local))
        channel.writeAndFlush(handshake.start(), promise: nil)
        self.handshake = handshake
    }

    private func setup(local: Endpoint, remote: Endpoint, socket: Endpoint) -> MiddleProxyHandshake.Setup {
        var nonce = Block16()
        nonce.withUnsafeMutableBytes { loop.random.fill($0) }
        var setup = MiddleProxyHandshake.Setup(
            secret: secret, local: local, remote: remote,
            // 65535: no port of ours takes part in it.
            process: ProcessID(
                ip: socket.address.v4 ?? 0, port: .max, pid: UInt16(truncatingIfNeeded: getpid()),
                startTime: loop.shared.startTime),
            nonce: nonce, unixTime: EngineState.unixTime()
        )
        if let group = loop.settings.diffieHellman {
            var exponent = [UInt8](repeating: 0, count: DiffieHellmanGroup.exponentLength)
            exponent.withUnsafeMutableBytes { loop.random.fill($0) }
            setup.diffieHellman = (group, exponent)
        }
        return setup
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        defer { loop.receive.giveBack(buffer) }
        guard var handshake, completion != nil else { return }
        do throws(MiddleProxyError) {
            while true {
                let step = try handshake.receive(&buffer, unixTime: EngineState.unixTime())
                self.handshake = handshake
                switch step {
                case .needMore: return
                case .send(let answer): context.writeAndFlush(NIOAny(answer), promise: nil)
                case .established(let link): return succeed(link, context)
                }
            }
        } catch {
            hub.noteSkew(handshake.skewSeconds)
            switch error {
            case .clockSkew(let seconds): fail(.clockSkew(seconds))
            // What cannot be deciphered was made with other keys.
            case .badFrame where handshake.sentHandshake: closed(.closedEarly)
            default: fail(.other("middle-proxy-\(error.code)"))
            }
        }
    }

    private func succeed(_ established: EstablishedLink, _ context: ChannelHandlerContext) {
        guard let done = completion, let channel else { return }
        completion = nil
        deadline.cancel()
        hub.noteSkew(established.skewSeconds)
        if loop.settings.diffieHellman != nil { loop.counts.agreements &+= 1 }
        let link = MiddleProxyLink(channel: channel, established: established, group: group, id: id)
        do {
            try context.pipeline.syncOperations.addHandler(link, position: .after(self))
        } catch {
            channel.close(promise: nil)
            return done(.failure(.other("no-pipeline")))
        }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
        done(.success(link))
        link.receiveLeftover(established.leftover)
    }

    private func fail(_ failure: RouteFailure) {
        guard let done = completion else { return }
        completion = nil
        deadline.cancel()
        channel?.close(promise: nil)
        done(.failure(failure))
    }

    /// Closed while we waited: after our handshake was sent that means that the keys did not fit.
    private func closed(_ failure: RouteFailure) {
        hub.noteSkew(handshake?.skewSeconds)
        if let handshake, handshake.sentHandshake { return fail(.middleProxyRefused(skew: handshake.skewSeconds ?? 0)) }
        fail(failure)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { closed(.closedEarly) }
    }

    func channelInactive(context: ChannelHandlerContext) { closed(.closedEarly) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { closed(RouteFailure(classifying: error)) }
}

extension Endpoint {
    /// nil for Unix sockets.
    init?(_ address: SocketAddress?) {
        guard let address, let ip = IPAddress(address), let port = address.port else { return nil }
        self.init(address: ip, port: UInt16(clamping: port))
    }
}
