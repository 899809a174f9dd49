package import Logging
import MTProtoWire
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
    package let listeners: [ListenerContext]
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
    let hints = Locked(AddressHints())
    let acceptRate: Locked<RateGate>?
    let ownAddresses: Locked<OwnAddresses>
    let middleProxies = Locked(KnownMiddleProxies())
    let networkSources = Locked<[String: [Network]]>([:])
    /// The group for links with Diffie-Hellman; nil: they do without.
    let diffieHellman: DiffieHellmanGroup?
    private let profile: HandshakeProfile
    private let userTable = Locked(UserTable())
    private let snapshot: Locked<UserSnapshot>
    let loops = Locked<[LoopContext]>([])
    private let linkCount = Atomic<Int>(0)
    private let lastConnection = Atomic<UInt64>(0)
    private let connectionCount = Atomic<Int>(0)
    private let gates = Locked<[(AcceptGate, any EventLoop)]>([])
    /// By their own ends, the mask host's ends.
    private let maskConnections = Locked<[SocketAddress: SocketAddress]>([:])
    /// Grows with every change of network; upstreams of an older generation are not leased any more.
    private let networkGeneration = Atomic<UInt64>(0)

    package init(
        configuration given: ProxyConfiguration, users entries: [UserEntry], logger: Logger, openFileLimit: UInt64?
    ) {
        var configuration = given
        configuration.routes.usesMiddleProxies = configuration.middleProxy.use != .never
        self.configuration = configuration
        var generator = SystemRandomNumberGenerator()
        let handshake = configuration.handshake
        profile = HandshakeProfile.random(using: &generator)
        listeners = configuration.allListeners.enumerated().map { index, listener in
            ListenerContext(
                index: index, configuration: listener, defaultDataCenter: given.routes.defaultDataCenter)
        }
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
        admission = Locked(AdmissionLimits(AdmissionBounds(configuration.limits, connections: connectionLimit)))
        acceptRate = configuration.limits.acceptsPerSecond.map { Locked(RateGate(perSecond: $0)) }
        ownAddresses = Locked(OwnAddresses(configuration.middleProxy))
        diffieHellman = configuration.middleProxy.diffieHellmanPrime.flatMap { DiffieHellmanGroup(prime: $0) }
        snapshot = Locked(UserSnapshot(accounts: [], rules: [], secretNumbers: []))
        replaceUsers(entries)
    }

    // MARK: Users

    /// The users at this moment.
    var users: UserSnapshot { snapshot.withLock { $0 } }
    var accounts: [UserAccount] { userTable.withLock { $0.all } }

    /// Makes a new snapshot, which event loops have to be given.
    @discardableResult
    func replaceUsers(_ entries: [UserEntry]) -> UserSnapshot {
        let (listeners, profile) = (listeners, profile)
        let window = configuration.handshake.timeWindowSeconds
        let new = userTable.withLock { table in
            table.replace(entries) { book in
                listeners.map { listener in
                    HandshakeRules(
                        book: book, transports: listener.configuration.transports, timestampWindow: window,
                        profile: profile)
                }
            }
        }
        snapshot.withLock { $0 = new }
        return new
    }

    func linkCountChanged(by change: Int) {
        metrics.middleProxyLinks.set(linkCount.wrappingAdd(change, ordering: .relaxed).newValue)
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

    /// Counts one accepted connection against the rate.
    func countAccept() {
        let now = DeadlineWheel.now()
        acceptRate?.withLock { _ = $0.take(now: now) }
    }

    /// When the rate lets the next connection in, ms; nil: now.
    func acceptsAgain() -> Int64? {
        guard let acceptRate else { return nil }
        let now = DeadlineWheel.now()
        let moment = acceptRate.withLock { $0.nextOpening(now: now) }
        return moment > now ? moment : nil
    }

    var connections: Int { connectionCount.load(ordering: .relaxed) }

    func addGate(_ gate: AcceptGate, on eventLoop: any EventLoop) {
        gates.withLock { $0.append((gate, eventLoop)) }
    }

    // MARK: Our own connections to the mask host

    /// Whether the peer is ourselves: a mask host whose name leads back here would be a loop without end.
    ///
    /// On loopback a port of ours may be somebody else's, too, on the way to another port than ours: there both ends have
    /// to fit. Elsewhere our own end tells, since on the way through a NAT and back the other one changes.
    func isOwnMaskConnection(_ channel: any Channel) -> Bool {
        guard let peer = channel.remoteAddress, let host = maskConnections.withLock({ $0[peer] }) else { return false }
        return IPAddress(peer)?.isLoopback != true || host == channel.localAddress
    }

    func maskConnectionBegan(_ local: SocketAddress?, to host: SocketAddress?) {
        guard let local, let host else { return }
        maskConnections.withLock { $0[local] = host }
    }

    func maskConnectionEnded(_ local: SocketAddress?) {
        guard let local else { return }
        maskConnections.withLock { $0[local] = nil }
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
