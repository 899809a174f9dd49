import MTProtoWire
package import NIOCore
import ProxyPolicy

/// The path of one client, from accept to the last byte; the file reads in the order in which things happen.
///
///     accept → (PROXY header) → handshake → route → relay → end
///                                   ↘ stranger → mask host, redirect or silence
///
/// It is the only handler of the client's channel. Everything happens on the channel's event loop.
package final class ClientConnection: ChannelInboundHandler, DeadlineOwner, @unchecked Sendable {
    // Unchecked: confined to the event loop of its context.
    package typealias InboundIn = ByteBuffer

    enum Phase {
        case proxyHeader
        case handshake
        case connecting(RouteRunner)
        case relaying(Relay)
        case masked(MaskPipe)
        /// Reads and forgets until the deadline: the answer that all strangers get where there is no mask host.
        case silent
        /// The client's last bytes are on their way.
        case closing
        case ended
    }

    /// How long the rest of a session may take once one side has said that it is done.
    static let closingMilliseconds: Int64 = 30_000

    /// A data center on the other side of the world answers within this; waiting less would blame sound routes.
    private static let shortestAnswerMilliseconds: Int64 = 1_000

    let number: UInt64
    let loop: LoopContext
    var shared: EngineState { loop.shared }
    var channel: (any Channel)?
    var address = IPAddress(v4: 0)
    var phase = Phase.ended
    var handshake: ClientHandshake?
    var greeting: ClientGreeting?
    private var records = TLSRecordReader()
    var early = ByteBuffer()
    var dataCenter = DataCenter(id: 2)
    var route: Route?
    var triedRoutes: Set<Route> = []
    var began: Int64 = 0
    var lastActivity: Int64 = 0
    var bytes = ByteCount()
    var admission: Admission
    var clientHasEnded = false
    var upstreamHasEnded = false
    let deadline = Deadline()
    let answerDeadline = Deadline()

    package init(loop: LoopContext) {
        self.loop = loop
        admission = Admission(loop.shared)
        number = loop.shared.nextConnectionNumber()
    }

    // MARK: Accept

    package func channelActive(context: ChannelHandlerContext) {
        channel = context.channel
        began = DeadlineWheel.now()
        lastActivity = began
        if let peer = IPAddress(context.channel.remoteAddress) { address = peer }
        let listen = shared.configuration.listen
        let expectsHeader = listen.proxyProtocol && listen.trustedSources.contains { $0.contains(address) }
        // A header will say who it is; until then it counts for nobody.
        guard admission.enter(expectsHeader ? nil : address) else { return context.close(promise: nil) }
        loop.connections[number] = self
        loop.wheel.arm(deadline, for: self, after: shared.configuration.handshake.timeoutMilliseconds)
        handshake = ClientHandshake(rules: shared.rules)
        phase = expectsHeader ? .proxyHeader : .handshake
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        switch phase {
        case .relaying(let relay): relayUp(&buffer, relay)
        case .handshake: shakeHands(&buffer)
        case .connecting: keepEarly(&buffer)
        case .proxyHeader: readProxyHeader(&buffer)
        case .masked(let pipe): pipe.up(buffer)
        case .silent, .closing, .ended: break
        }
        loop.receive.giveBack(buffer)
    }

    private func readProxyHeader(_ buffer: inout ByteBuffer) {
        early.writeBuffer(&buffer)
        switch ProxyProtocolHeader.parse(early) {
        case .needMore:
            return
        case .header(let source, let length):
            if case .address(let host, _) = source, let client = IPAddress(host) {
                guard admission.identify(as: client) else { return finish(.refused) }
                address = client
            }
            early.moveReaderIndex(forwardBy: length)
            var rest = ByteBuffer()
            swap(&rest, &early)
            phase = .handshake
            if rest.readableBytes > 0 { shakeHands(&rest) }
        case .invalid:
            meetStranger(.badProxyHeader)
        }
    }

    // MARK: Handshake

    private func shakeHands(_ buffer: inout ByteBuffer) {
        var environment = LoopHandshakeEnvironment(loop)
        while true {
            switch handshake?.receive(&buffer, environment: &environment) {
            case .needMore, nil:
                return
            case .reply(let hello):
                write(hello)
            case .stranger(let reason):
                return meetStranger(reason)
            case .accepted(let greeting):
                return welcome(greeting)
            }
        }
    }

    func meetStranger(_ reason: StrangerReason) {
        shared.metrics.stranger(reason)
        shared.events.stranger(number, reason, address)
        // A broken header of a trusted forwarder is nothing that a mask host should see.
        let prefix = handshake?.bytesRead ?? ByteBuffer()
        let isPastMasking = handshake?.hasReplied ?? false || reason == .badProxyHeader
        handshake = nil
        early = ByteBuffer()
        switch shared.maskPolicy.decide(for: reason, hasReplied: isPastMasking) {
        case .pipe(let target):
            guard let channel, !shared.isOwnMaskConnection(channel.remoteAddress) else { return phase = .silent }
            deadline.cancel()
            admission.handshakeFinished()
            let pipe = MaskPipe(client: channel, target: target, loop: loop)
            phase = .masked(pipe)
            pipe.start(prefix: prefix)
        case .redirect(let host):
            phase = .closing
            write(HTTPRedirect.answer(toHost: host))
            channel?.closeOutputAfterFlush(loop.eventLoop)
        case .silence:
            phase = .silent
        }
    }

    // MARK: Route

    private func welcome(_ greeting: ClientGreeting) {
        handshake = nil
        admission.handshakeFinished()
        deadline.cancel()
        records = greeting.records
        early = greeting.earlyBytes
        self.greeting = greeting
        loop.serving += 1
        dataCenter = shared.routes.withLock { $0.resolve(wire: greeting.header.dataCenterWire) }
        self.greeting?.earlyBytes = ByteBuffer()
        findRoute()
    }

    private func findRoute() {
        let runner = RouteRunner(loop: loop, dataCenter: dataCenter, excluding: triedRoutes, since: began) {
            [weak self] result in self?.routeFound(result)
        }
        phase = .connecting(runner)
        runner.start()
    }

    private func keepEarly(_ buffer: inout ByteBuffer) {
        do throws(WireError) {
            if greeting?.usesFakeTLS == true {
                try records.unwrap(&buffer, into: &early)
            } else {
                early.writeBuffer(&buffer)
            }
        } catch {
            return finish(.clientProtocol)
        }
        if early.readableBytes > Relay.earlyBytes { pauseReading() }
    }

    private func routeFound(_ result: RouteRunner.Result) {
        guard case .connecting = phase, let greeting else { return }
        switch result {
        case .upstream(let upstream):
            let relay = Relay(client: self, upstream: upstream, greeting: greeting, dataCenter: dataCenter)
            route = upstream.route
            if !upstream.wasWarm { triedRoutes.insert(upstream.route) }
            phase = .relaying(relay)
            shared.metrics.sessionBegan(upstream.route.kind)
            let bytes = early
            early = ByteBuffer()
            if bytes.readableBytes > Relay.earlyBytes { resumeReading() }
            lastActivity = DeadlineWheel.now()
            loop.wheel.arm(deadline, for: self, after: shared.configuration.relay.idleTimeoutMilliseconds)
            relay.start(early: bytes)
            if bytes.readableBytes > 0 { awaitAnswer() }
            if clientHasEnded { relay.clientEnded() }
        case .none(let failures):
            shared.metrics.noRoute.add()
            shared.events.noRoute(number, dataCenter, failures)
            finish(.noRoute)
        }
    }

    // MARK: Relay

    private func relayUp(_ buffer: inout ByteBuffer, _ relay: Relay) {
        lastActivity = DeadlineWheel.now()
        loop.hasNewBytes = true
        relay.beginUp(bytes: buffer.readableBytes)
        if greeting?.usesFakeTLS == true {
            buffer.withUnsafeReadableBytes { bytes in
                var rest = bytes
                do throws(WireError) {
                    while rest.count > 0 {
                        let step = try records.next(rest)
                        if case .payload(let range) = step { relay.up(UnsafeRawBufferPointer(rebasing: rest[range])) }
                        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(step.consumed))
                    }
                } catch {
                    finish(.clientProtocol)
                }
            }
        } else {
            buffer.withUnsafeReadableBytes { relay.up($0) }
        }
        relay.endUp()
        if !relay.hasAnswer, !answerDeadline.isArmed { awaitAnswer() }
    }

    /// Half of what is left of the budget at most, so that a silent route leaves time for the next one.
    private func awaitAnswer() {
        let connect = shared.configuration.connect
        let left = connect.budgetMilliseconds - (DeadlineWheel.now() - began)
        let wait = min(connect.firstByteTimeoutMilliseconds, max(left / 2, Self.shortestAnswerMilliseconds))
        loop.wheel.arm(answerDeadline, for: self, after: wait)
    }

    /// The upstream's first packet is an ordinary one: the route is proven.
    func relayAnswered() {
        answerDeadline.cancel()
        triedRoutes = []
        guard let route else { return }
        shared.routes.withLock { $0.succeeded(route, for: dataCenter, now: lastActivity) }
        shared.events.routeWorks(route, dataCenter)
    }

    /// Bytes for the client; false says that it has enough for now.
    @discardableResult
    func write(_ buffer: ByteBuffer) -> Bool {
        guard let channel else { return true }
        lastActivity = DeadlineWheel.now()
        loop.hasNewBytes = true
        channel.writeAndFlush(buffer, promise: nil)
        return channel.isWritable
    }

    func pauseReading() { channel?.setReading(false) }
    func resumeReading() { channel?.setReading(true) }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        switch phase {
        case .relaying(let relay): relay.clientWritabilityChanged(isWritable: context.channel.isWritable)
        case .masked(let pipe): pipe.clientWritabilityChanged()
        default: break
        }
    }

    /// The route let the session down. As long as the upstream has said nothing, another one may take its place.
    func relayFailed(_ failure: RouteFailure) {
        guard case .relaying(let relay) = phase else { return }
        if let route, !relay.hasAnswer, isToBlame(relay, failure) { report(failure, of: route) }
        guard !relay.hasAnswer, let early = relay.early, !isOverBudget, !clientHasEnded else {
            return finish(failure == .reset ? .upstreamReset : .upstreamFailed, flushing: true)
        }
        answerDeadline.cancel()
        deadline.cancel()
        relay.upstream.close()
        self.early = early
        shared.metrics.retries.add()
        findRoute()
    }

    /// An upstream that closes before the client has said anything lets nobody down, and one that was warm may simply
    /// have grown old: neither says anything about the route.
    private func isToBlame(_ relay: Relay, _ failure: RouteFailure) -> Bool {
        guard failure == .closedEarly || failure == .reset else { return true }
        return relay.bytesUp > 0 && !relay.upstream.wasWarm
    }

    func report(_ failure: RouteFailure, of route: Route) {
        let now = DeadlineWheel.now()
        let cooldown = shared.routes.withLock { $0.failed(route, for: dataCenter, because: failure, now: now) }
        shared.metrics.failed(route.kind)
        shared.events.routeFailed(route, dataCenter, failure, cooldown: cooldown)
    }

    var isOverBudget: Bool {
        DeadlineWheel.now() - began > shared.configuration.connect.budgetMilliseconds
    }
}
