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
    package let listeners: [ListenerContext]
    package let events: EventLog
    package let metrics: ProxyMetrics
    /// Unix time at which this process began.
    package let startTime: UInt32

    let openFileLimit: UInt64?
    private let current: Locked<EngineSettings>
    /// A copy of the current settings': every connection asks for it.
    private let placeLimit: Atomic<Int>
    let routes: Locked<RouteBook>
    package let replays: ReplayGuard
    /// The sockets that clients connect to.
    let listening = ListenerDesk()
    let admission: Locked<AdmissionLimits>
    let hints = Locked(AddressHints())
    private let acceptRate: Locked<RateGate?>
    let ownAddresses: Locked<OwnAddresses>
    let middleProxies = Locked(KnownMiddleProxies())
    let networkSources = Locked(KnownNetworks())
    let lists = ListRestarts()
    private let profile: HandshakeProfile
    private let userTable = Locked(UserTable())
    private let snapshot: Locked<UserSnapshot>
    let loops = Locked<[LoopContext]>([])
    let stage = ServingStage()
    let routeProbe = SharedAnswer<ProbeOutcome>(life: ProbeOutcome.interval)
    /// Nil where nobody would ask for what it knows.
    let loopWatch: LoopWatch?
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
        let settings = EngineSettings(given, openFileLimit: openFileLimit)
        let configuration = settings.configuration
        current = Locked(settings)
        placeLimit = Atomic(settings.connectionLimit)
        self.openFileLimit = openFileLimit
        var generator = SystemRandomNumberGenerator()
        let handshake = configuration.handshake
        profile = HandshakeProfile.random(using: &generator)
        listeners = configuration.allListeners.enumerated().map { index, listener in
            ListenerContext(index: index, configuration: listener)
        }
        events = EventLog(logger: logger)
        metrics = ProxyMetrics()
        loopWatch = configuration.admin.place == nil ? nil : LoopWatch()
        startTime = Self.unixTime()
        routes = Locked(RouteBook(configuration.routes))
        replays = ReplayGuard(
            ReplayFilter(
                since: startTime, helloWindow: handshake.timeWindowSeconds,
                headerLife: handshake.replayLifeSeconds * 1_000))
        let bounds = AdmissionBounds(configuration.limits, connections: settings.connectionLimit)
        admission = Locked(AdmissionLimits(bounds))
        acceptRate = Locked(configuration.limits.acceptsPerSecond.map { RateGate(perSecond: $0) })
        ownAddresses = Locked(OwnAddresses(configuration.middleProxy))
        snapshot = Locked(UserSnapshot(accounts: [], rules: [], secretNumbers: []))
        replaceUsers(entries)
    }

    // MARK: Settings

    /// What is in force. Event loops have a copy of their own: ``LoopContext/settings``.
    package var settings: EngineSettings { current.withLock { $0 } }
    package var configuration: ProxyConfiguration { settings.configuration }
    /// Clients at once, over all event loops.
    package var connectionLimit: Int { placeLimit.load(ordering: .relaxed) }

    /// - Returns: the settings before.
    func replaceSettings(_ new: EngineSettings) -> EngineSettings {
        let old = current.withLock { current in
            defer { current = new }
            return current
        }
        placeLimit.store(new.connectionLimit, ordering: .relaxed)
        return old
    }

    // MARK: Users

    /// The users at this moment.
    var users: UserSnapshot { snapshot.withLock { $0 } }
    var accounts: [UserAccount] { userTable.withLock { $0.all } }
    /// Whether sessions of anybody may have to end as time goes by.
    var watchesUsers: Bool { userTable.withLock { $0.watchesAnybody() } }

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

    /// Counts one more client; false when there is no room for it. `orBeyond`: it comes in all the same.
    func takePlace(orBeyond isForced: Bool = false) -> Bool {
        var count = connectionCount.load(ordering: .relaxed)
        while isForced || count < connectionLimit {
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
        if before >= connectionLimit { openGates() }
    }

    /// Lets in those who wait, as far as limits allow.
    func openGates() {
        for (gate, eventLoop) in gates.withLock({ $0 }) { eventLoop.execute { gate.open() } }
    }

    /// Counts one accepted connection against the rate.
    func countAccept() {
        let now = DeadlineWheel.now()
        acceptRate.withLock { _ = $0?.take(now: now) }
    }

    func setAcceptRate(_ perSecond: Int?) {
        acceptRate.withLock { $0 = perSecond.map { RateGate(perSecond: $0) } }
    }

    /// When the rate lets the next connection in, ms; nil: now.
    func acceptsAgain() -> Int64? {
        let now = DeadlineWheel.now()
        let moment = acceptRate.withLock { $0?.nextOpening(now: now) }
        return moment.flatMap { $0 > now ? $0 : nil }
    }

    /// How many more the rate lets in at this moment; nil: it is not limited.
    var acceptsLeft: Int? {
        let now = DeadlineWheel.now()
        return acceptRate.withLock { $0?.left(now: now) }
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
