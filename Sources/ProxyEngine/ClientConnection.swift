import MTProtoWire
package import NIOCore
import ProxyPolicy

/// The path of one client, from accept to the last byte; the file reads in the order in which things happen.
///
///     accept → (PROXY header) → handshake → user → route → relay → end
///                                   ↘ stranger → mask host, redirect or silence
///
/// It is the only handler of the client's channel. Everything happens on the channel's event loop.
package final class ClientConnection: ChannelInboundHandler, DeadlineOwner, @unchecked Sendable {
    // Unchecked: confined to the event loop of its context.
    package typealias InboundIn = ByteBuffer

    enum Phase {
        case proxyHeader
        case handshake
        /// An HTTP client has not sent its first request yet.
        case awaitingQuery
        case connecting(RouteRunner)
        case relaying(any SessionRelay)
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
    let listener: ListenerContext
    /// The users as they were when the client came.
    let users: UserSnapshot
    var shared: EngineState { loop.shared }
    var channel: (any Channel)?
    /// Whose connection it is; a Unix socket's is nobody's in particular.
    var address: IPAddress?
    var port: UInt16 = 0
    var phase = Phase.ended
    var handshake: ClientHandshake?
    var isSearching = false
    /// Whether there was no place for it when it came, and its forwarder's header has not been read yet.
    private var isTurnedAway = false
    /// Whether more waited in memory for it, when that was last looked at, than for a client that reads.
    var isOverloaded = false
    var greeting: ClientGreeting?
    var account: UserAccount?
    var holds: Holds = []
    var pacing: Pacing?
    private var records = TLSRecordReader()
    var early = ByteBuffer()
    var dataCenter = DataCenter(id: 2)
    var route: Route?
    var triedRoutes: Set<Route> = []
    var began: Int64 = 0
    /// Since when the client waits for a data center: the start, or of an HTTP client its request.
    var asked: Int64 = 0
    /// Of a client that speaks HTTP.
    var gateway: HTTPGateway?
    var lastActivity: Int64 = 0
    var bytes = ByteCount()
    var admission: Admission
    var clientHasEnded = false
    var upstreamHasEnded = false
    let deadline = Deadline()
    let answerDeadline = Deadline()

    init(loop: LoopContext, listener: ListenerContext) {
        self.loop = loop
        self.listener = listener
        users = loop.users
        admission = Admission(loop.shared)
        number = loop.shared.nextConnectionNumber()
    }

    // MARK: Accept

    package func channelActive(context: ChannelHandlerContext) {
        channel = context.channel
        began = DeadlineWheel.now()
        asked = began
        lastActivity = began
        if let peer = Endpoint(context.channel.remoteAddress) { (address, port) = (peer.address, peer.port) }
        let expectsHeader = listener.expectsHeader(from: address)
        loop.connections[number] = self
        loop.wheel.arm(deadline, for: self, after: loop.settings.configuration.handshake.timeoutMilliseconds)
        handshake = ClientHandshake(rules: users.rules[listener.index])
        phase = expectsHeader ? .proxyHeader : .handshake
        // A header will say who it is; until then it counts for nobody.
        guard admission.enter(expectsHeader ? nil : address, loop.networks) else { return turnAway() }
    }

    /// There is no place for this client; it meets what every stranger meets, if there is one for that.
    ///
    /// - Parameter said: what it has said so far.
    private func turnAway(_ said: ByteBuffer = ByteBuffer()) {
        guard admission.enterRefused(address) else { return finish(.refused) }
        // The forwarder's header comes first, and is nothing that a mask host should see.
        if case .proxyHeader = phase { return isTurnedAway = true }
        meetStranger(.notAdmitted, said: said)
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        loop.counts.read(buffer.readableBytes)
        if gateway != nil { return readRequests(buffer, context) }
        switch phase {
        case .relaying(let relay): relayUp(&buffer, relay)
        case .handshake: shakeHands(&buffer)
        case .connecting: keepEarly(&buffer)
        case .proxyHeader: readProxyHeader(&buffer)
        case .masked(let pipe): pipe.up(buffer)
        case .awaitingQuery, .silent, .closing, .ended: break
        }
        loop.receive.giveBack(buffer)
    }

    private func readProxyHeader(_ buffer: inout ByteBuffer) {
        early.writeBuffer(&buffer)
        switch ProxyProtocolHeader.parse(early) {
        case .needMore:
            return
        case .header(let source, let length):
            early.moveReaderIndex(forwardBy: length)
            var rest = ByteBuffer()
            swap(&rest, &early)
            phase = .handshake
            var hasPlace = !isTurnedAway
            if case .address(let host, let sourcePort) = source, let client = IPAddress(host) {
                (address, port) = (client, UInt16(clamping: sourcePort))
                hasPlace = hasPlace && admission.identify(as: client, loop.networks)
            }
            guard hasPlace else {
                // Refused ones count under their own address, too, so that one subnet's are not in everybody's way.
                admission.leave()
                return turnAway(rest)
            }
            if rest.readableBytes > 0 { shakeHands(&rest) }
        case .invalid:
            meetStranger(.badProxyHeader)
        }
    }

    // MARK: Handshake

    private func shakeHands(_ buffer: inout ByteBuffer) {
        var environment = ClientHandshakeEnvironment(self)
        guard var outcome = handshake?.receive(&buffer, environment: &environment) else { return }
        while case .reply(let hello) = outcome {
            write(hello)
            guard let next = handshake?.receive(&buffer, environment: &environment) else { return }
            outcome = next
        }
        proceed(outcome)
    }

    /// Tries some of many secrets.
    ///
    /// - Returns: whether the search goes on.
    func search(atMost trials: Int) -> Bool {
        guard case .handshake = phase, isSearching else { return false }
        var environment = ClientHandshakeEnvironment(self)
        guard let outcome = handshake?.search(atMost: trials, environment: &environment) else { return false }
        if case .search = outcome { return true }
        isSearching = false
        release(.route)
        var nothing = ByteBuffer()
        if case .reply(let hello) = outcome {
            write(hello)
            shakeHands(&nothing)
        } else {
            proceed(outcome)
        }
        return false
    }

    private func proceed(_ outcome: ClientHandshake.Outcome) {
        switch outcome {
        case .needMore, .reply: break
        case .search:
            guard !isSearching else { return }
            isSearching = loop.searches.add(self)
            guard isSearching else { return meetStranger(.searchFull) }
            hold(.route)
        case .stranger(let reason): meetStranger(reason)
        case .accepted(let greeting): welcome(greeting)
        }
    }

    /// - Parameter said: what the client said that the handshake has not read.
    func meetStranger(_ reason: StrangerReason, said: ByteBuffer = ByteBuffer()) {
        shared.metrics.stranger(reason)
        shared.events.stranger(number, reason, address)
        endSearch()
        // A broken header of a trusted forwarder is nothing that a mask host should see.
        let prefix = said.readableBytes > 0 ? said : handshake?.bytesRead ?? ByteBuffer()
        let isPastMasking = handshake?.hasReplied ?? false || reason == .badProxyHeader
        handshake = nil
        early = ByteBuffer()
        switch loop.settings.maskPolicy.decide(for: reason, hasReplied: isPastMasking) {
        case .pipe(let target):
            guard let channel, !shared.isOwnMaskConnection(channel), admission.mask() else {
                return phase = .silent
            }
            deadline.cancel()
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
        guard userEnters(greeting) else { return phase = .silent }
        admission.handshakeFinished()
        shared.metrics.handshakeDone(milliseconds: DeadlineWheel.now() - began)
        deadline.cancel()
        records = greeting.records
        early = greeting.earlyBytes
        self.greeting = greeting
        loop.serving += 1
        let wire = greeting.dataCenterWire ?? listener.defaultWire(loop.settings)
        dataCenter = shared.routes.withLock { $0.resolve(wire: wire) }
        self.greeting?.earlyBytes = ByteBuffer()
        if greeting.isHTTP { openGateway() } else { findRoute() }
    }

    func findRoute() {
        let runner = RouteRunner(for: self) { [weak self] result in self?.routeFound(result) }
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
        if early.readableBytes > Relay.earlyBytes { hold(.route) }
    }

    private func routeFound(_ result: RouteRunner.Result) {
        guard case .connecting = phase, let greeting else { return }
        switch result {
        case .found(let open, let route):
            let relay = relay(over: open, route, greeting)
            self.route = route
            if !relay.wasWarm { triedRoutes.insert(route) }
            phase = .relaying(relay)
            shared.metrics.sessionBegan(route.kind)
            let bytes = early
            early = ByteBuffer()
            release(.route)
            lastActivity = DeadlineWheel.now()
            loop.wheel.arm(deadline, for: self, after: loop.settings.configuration.relay.idleTimeoutMilliseconds)
            relay.start(early: bytes)
            if relay.awaitsAnswer { awaitAnswer() }
            if clientHasEnded { relay.clientEnded() }
        case .none(let failures):
            shared.metrics.noRoute.add()
            shared.events.noRoute(number, dataCenter, failures)
            finish(.noRoute)
        }
    }

    private func relay(over open: OpenRoute, _ route: Route, _ greeting: ClientGreeting) -> any SessionRelay {
        switch open {
        case .stream(let upstream):
            Relay(client: self, upstream: upstream, greeting: greeting, dataCenter: dataCenter)
        case .link(let link):
            MiddleProxyRelay(client: self, link: link, route: route, greeting: greeting)
        }
    }

    // MARK: Relay

    func relayUp(_ buffer: inout ByteBuffer, _ relay: any SessionRelay) {
        lastActivity = DeadlineWheel.now()
        loop.activity &+= 1
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
        if account?.isMetered == true { meterUp() }
        if !relay.hasAnswer, relay.awaitsAnswer, !answerDeadline.isArmed { awaitAnswer() }
    }

    /// Half of what is left of the budget at most, so that a silent route leaves time for the next one.
    private func awaitAnswer() {
        let connect = loop.settings.configuration.connect
        let left = connect.budgetMilliseconds - (DeadlineWheel.now() - asked)
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
        loop.activity &+= 1
        if let gateway, case .relaying = phase { return gateway.answer(buffer) }
        loop.counts.wrote(buffer.readableBytes)
        channel.writeAndFlush(buffer, promise: nil)
        return channel.isWritable
    }

    var isWritable: Bool { channel?.isWritable ?? true }

    /// What waits in memory to be sent to the client, bytes.
    var queuedBytes: Int {
        (try? channel?.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { gateway?.clientTakesMore() }
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
        relay.close(flushing: false)
        self.early = early
        shared.metrics.retries.add()
        findRoute()
    }

    /// An upstream that closes before the client has said anything lets nobody down, and one that was warm may simply
    /// have grown old: neither says anything about the route.
    private func isToBlame(_ relay: any SessionRelay, _ failure: RouteFailure) -> Bool {
        guard failure == .closedEarly || failure == .reset else { return true }
        return relay.bytesUp > 0 && !relay.wasWarm
    }

    func report(_ failure: RouteFailure, of route: Route) {
        let now = DeadlineWheel.now()
        let cooldown = shared.routes.withLock { $0.failed(route, for: dataCenter, because: failure, now: now) }
        shared.metrics.failed(route.kind)
        shared.events.routeFailed(route, dataCenter, failure, cooldown: cooldown)
    }

    var isOverBudget: Bool {
        DeadlineWheel.now() - asked > loop.settings.configuration.connect.budgetMilliseconds
    }
}
