package import Logging
package import MTProtoWire
import NIOCore
package import ProxyPolicy
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What all event loops share: the configuration and the tables that decisions are made from.
///
/// Decisions are made under a lock, acts follow outside it. Nothing here blocks for longer than a table look-up.
package final class EngineState: Sendable {
    package let configuration: ProxyConfiguration
    package let rules: HandshakeRules
    package let events: EventLog
    package let metrics: ProxyMetrics
    package let tls: TLSContexts
    package let maskPolicy: MaskPolicy
    /// Clients at once, over all event loops.
    package let connectionLimit: Int
    /// Unix time at which this process began: hellos from before it may be replays that it cannot know.
    package let startTime: UInt32

    /// Six data centers, with and without media: what a client's app may use at once.
    private static let pooledDataCenters = 12

    let routes: Locked<RouteBook>
    let replays: Locked<ReplayFilter>
    let admission: Locked<AdmissionLimits>
    private let lastConnection = Atomic<UInt64>(0)
    private let connectionCount = Atomic<Int>(0)
    private let gates = Locked<[(AcceptGate, any EventLoop)]>([])
    private let maskConnections = Locked<Set<SocketAddress>>([])
    /// Grows with every change of network; upstreams of an older generation are not leased any more.
    private let networkGeneration = Atomic<UInt64>(0)

    package init(configuration: ProxyConfiguration, logger: Logger, openFileLimit: UInt64?) {
        self.configuration = configuration
        var generator = SystemRandomNumberGenerator()
        let handshake = configuration.handshake
        rules = HandshakeRules(
            secrets: configuration.secrets,
            timestampWindow: handshake.timeWindowSeconds,
            profile: HandshakeProfile.random(using: &generator)
        )
        events = EventLog(logger: logger)
        metrics = ProxyMetrics()
        tls = TLSContexts(caFile: configuration.connect.caFile)
        maskPolicy = MaskPolicy(
            host: configuration.mask.host,
            target: configuration.mask.target,
            redirectsHTTP: configuration.mask.httpAnswer == .redirect
        )
        connectionLimit =
            configuration.limits.connections
            ?? FileLimit.connections(
                descriptors: openFileLimit, pooled: configuration.pool.size * Self.pooledDataCenters)
        startTime = Self.unixTime()
        routes = Locked(RouteBook(configuration.routes))
        replays = Locked(
            ReplayFilter(helloWindow: handshake.timeWindowSeconds, headerLife: handshake.replayLifeSeconds * 1_000)
        )
        admission = Locked(
            AdmissionLimits(
                connections: connectionLimit,
                halfOpen: min(configuration.limits.halfOpen, connectionLimit),
                halfOpenPerAddress: configuration.limits.halfOpenPerAddress
            )
        )
    }

    func nextConnectionNumber() -> UInt64 {
        lastConnection.wrappingAdd(1, ordering: .relaxed).newValue
    }

    var generation: UInt64 { networkGeneration.load(ordering: .relaxed) }

    // MARK: Counting connections

    /// Whether no further client may be accepted now.
    var isFull: Bool { connectionCount.load(ordering: .relaxed) >= connectionLimit }

    /// Counts one more client; false when there is no room for it.
    func takePlace() -> Bool {
        var count = connectionCount.load(ordering: .relaxed)
        while count < connectionLimit {
            let (isTaken, found) = connectionCount.compareExchange(
                expected: count, desired: count + 1, ordering: .relaxed)
            if isTaken {
                metrics.connections.add()
                metrics.connectionsActive.set(count + 1)
                return true
            }
            count = found
        }
        return false
    }

    /// A client is gone: whoever waits may come in.
    func givePlaceBack() {
        let (before, after) = connectionCount.wrappingSubtract(1, ordering: .relaxed)
        metrics.connectionsActive.set(after)
        guard before >= connectionLimit else { return }
        for (gate, eventLoop) in gates.withLock({ $0 }) { eventLoop.execute { gate.open() } }
    }

    var connections: Int { connectionCount.load(ordering: .relaxed) }

    func addGate(_ gate: AcceptGate, on eventLoop: any EventLoop) {
        gates.withLock { $0.append((gate, eventLoop)) }
    }

    // MARK: Our own connections to the mask host

    /// Whether the peer is ourselves: a mask host whose name leads back here would be a loop without end.
    func isOwnMaskConnection(_ peer: SocketAddress?) -> Bool {
        guard let peer else { return false }
        return maskConnections.withLock { $0.contains(peer) }
    }

    func maskConnectionBegan(_ local: SocketAddress?) {
        guard let local else { return }
        maskConnections.withLock { _ = $0.insert(local) }
    }

    func maskConnectionEnded(_ local: SocketAddress?) {
        guard let local else { return }
        maskConnections.withLock { _ = $0.remove(local) }
    }

    // MARK: The network

    /// Forgets what was learned about routes on the network before.
    func networkChanged(_ why: String) {
        networkGeneration.wrappingAdd(1, ordering: .relaxed)
        routes.withLock { $0.networkChanged() }
        metrics.networkChanges.add()
        events.networkChanged(why)
    }

    /// Seconds since 1970.
    package static func unixTime() -> UInt32 {
        var moment = timespec()
        clock_gettime(CLOCK_REALTIME, &moment)
        return UInt32(clamping: moment.tv_sec)
    }
}

/// The clock, the shared tables and the random source that a handshake asks.
struct LoopHandshakeEnvironment: HandshakeEnvironment {
    let context: LoopContext
    let unixTime: UInt32

    init(_ context: LoopContext) {
        self.context = context
        unixTime = EngineState.unixTime()
    }

    var startTime: UInt32 { context.shared.startTime }

    mutating func isReplayedHello(_ random: Block32, timestamp: UInt32) -> Bool {
        context.shared.replays.withLock { $0.isReplayedHello(random, timestamp: timestamp, now: unixTime) }
    }

    mutating func isReplayedHeader(_ key: Block16) -> Bool {
        context.shared.replays.withLock { $0.isReplayedHeader(key, now: DeadlineWheel.now()) }
    }

    mutating func fillRandom(_ bytes: UnsafeMutableRawBufferPointer) {
        context.random.fill(bytes)
    }
}
