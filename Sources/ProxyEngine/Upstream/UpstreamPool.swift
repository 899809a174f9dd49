import MTProtoWire
import NIOCore
import ProxyPolicy

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The warm upstreams of one event loop: connected and upgraded, waiting for a client.
///
/// ``WarmPool`` decides how many and for how long; this opens, checks and closes them. Only WebSocket routes of
/// Telegram's are kept warm: they are slow to open, while a Worker's owner pays for each connection.
final class UpstreamPool: DeadlineOwner {
    /// How often ages are looked at while anything is kept.
    private static let tickMilliseconds: Int64 = 2_500

    private unowned let context: LoopContext
    private var pools: [DataCenter: WarmPool<Upstream>] = [:]
    private let deadline = Deadline()

    init(context: LoopContext) {
        self.context = context
    }

    private var isOff: Bool {
        let configuration = context.settings.configuration
        return configuration.pool.size == 0 || !configuration.routes.usesWebSocket
    }

    /// The loop's settings have changed: what does not fit them any more is closed. What was handed out is a session's.
    ///
    /// - Parameter closesAll: nothing fits: other certificates are trusted now.
    func reconfigure(closesAll: Bool) {
        if closesAll || isOff { drain() }
        let settings = context.settings.configuration.pool
        for dataCenter in Array(pools.keys) {
            let book = context.shared.routes.withLock { $0 }
            withPool(dataCenter) { pool, _ in
                var leaving = pool.resize(to: settings.size, maximumAge: settings.maximumAgeMilliseconds)
                pool.removeAll { upstream in
                    guard !book.has(upstream.route, for: dataCenter) else { return false }
                    leaving.append(upstream)
                    return true
                }
                for upstream in leaving { upstream.close() }
            }
        }
        armTick()
    }

    /// Warm upstreams that wait, and those that are being opened.
    var idleCount: Int { pools.values.reduce(0) { $0 + $1.count } }
    var openingCount: Int { pools.values.count { $0.isOpening } }

    /// A warm upstream that is alive, and the opening of its successor.
    func lease(_ dataCenter: DataCenter) -> Upstream? {
        guard !isOff else { return nil }
        var found: Upstream?
        withPool(dataCenter) { pool, now in
            while found == nil, let candidate = pool.take(now: now) {
                if isAlive(candidate) { found = candidate } else { candidate.close() }
            }
        }
        found?.wasWarm = true
        let metrics = context.shared.metrics
        if found == nil { metrics.poolMisses.add() } else { metrics.poolHits.add() }
        refill(dataCenter)
        return found
    }

    /// Opens upstreams of each of these data centers, before anybody asks.
    func warmUp(_ dataCenters: [DataCenter]) {
        guard !isOff else { return }
        for dataCenter in dataCenters {
            withPool(dataCenter) { pool, now in pool.warmUp(now: now) }
            refill(dataCenter)
        }
    }

    /// Keeps what a race or a probe left over, where it may be kept.
    func adopt(_ upstream: Upstream, for dataCenter: DataCenter) {
        guard !isOff, isPoolable(upstream.route), isInForce(upstream.route, for: dataCenter), upstream.isUsable else {
            return upstream.close()
        }
        var opening: WarmPool<Upstream>.Opening?
        withPool(dataCenter) { pool, now in opening = pool.beginOpening(now: now) }
        guard let opening else { return upstream.close() }
        keep(upstream, opening, for: dataCenter)
    }

    /// Closes everything: the network changed or the server stops.
    func drain() {
        for dataCenter in pools.keys {
            withPool(dataCenter) { pool, _ in for upstream in pool.drain() { upstream.close() } }
        }
    }

    private func keep(_ upstream: Upstream, _ opening: WarmPool<Upstream>.Opening, for dataCenter: DataCenter) {
        upstream.whenUnusable = { [weak self, weak upstream] in
            self?.withPool(dataCenter) { pool, _ in pool.removeAll { $0 === upstream } }
        }
        withPool(dataCenter) { pool, now in
            if !pool.finishOpening(opening, with: upstream, now: now) { upstream.close() }
        }
        armTick()
    }

    private func refill(_ dataCenter: DataCenter) {
        var wanted = 0
        withPool(dataCenter) { pool, now in wanted = pool.wanted(now: now) }
        guard wanted > 0 else { return armTick() }
        let now = DeadlineWheel.now()
        let plan = context.shared.routes.withLock { $0.plan(for: dataCenter, now: now, shuffle: &context.random) }
        var opening: WarmPool<Upstream>.Opening?
        guard let route = plan.tries.first, isPoolable(route) else { return }
        withPool(dataCenter) { pool, now in opening = pool.beginOpening(now: now) }
        guard let opening else { return }
        let attempt = UpstreamAttempt(route: route, loop: context)
        attempt.start { [weak self] result in self?.opened(dataCenter, opening, route, result) }
    }

    private func opened(
        _ dataCenter: DataCenter,
        _ opening: WarmPool<Upstream>.Opening,
        _ route: Route,
        _ result: Result<OpenRoute, RouteFailure>
    ) {
        let shared = context.shared
        switch result {
        case .success(.stream(let upstream)):
            shared.routes.withLock {
                $0.succeeded(route, for: dataCenter, now: DeadlineWheel.now(), evidence: .connection)
            }
            guard isInForce(route, for: dataCenter) else {
                withPool(dataCenter) { pool, now in pool.failOpening(opening, now: now) }
                return upstream.close()
            }
            keep(upstream, opening, for: dataCenter)
            refill(dataCenter)
        case .success(.link):
            // Never planned here: middle proxies have a place of their own.
            withPool(dataCenter) { pool, now in pool.failOpening(opening, now: now) }
        case .failure(let failure):
            withPool(dataCenter) { pool, now in pool.failOpening(opening, now: now) }
            shared.routes.withLock {
                _ = $0.failed(route, for: dataCenter, because: failure, now: DeadlineWheel.now())
            }
            shared.metrics.failed(route.kind)
            shared.events.poolFailed(route, dataCenter, failure)
            armTick()
        }
    }

    private func isPoolable(_ route: Route) -> Bool { route.kind == .webSocket }

    /// Whether the route is in force: a reload may have taken it away since it was dialled.
    private func isInForce(_ route: Route, for dataCenter: DataCenter) -> Bool {
        context.shared.routes.withLock { $0.has(route, for: dataCenter) }
    }

    /// Whether the connection still stands: not closed, opened on this network, and nothing waiting to be read, since
    /// an endpoint that speaks before it is spoken to is saying goodbye.
    private func isAlive(_ upstream: Upstream) -> Bool {
        guard upstream.isUsable, upstream.generation == context.shared.generation, let channel = upstream.channel,
            channel.isActive
        else { return false }
        let isQuiet = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: CInt.self) { socket in
            var byte: UInt8 = 0
            return recv(socket, &byte, 1, Self.peek) == -1 && errno == EAGAIN
        }
        return isQuiet ?? true
    }

    private static let peek = CInt(MSG_PEEK) | CInt(MSG_DONTWAIT)

    private func withPool(_ dataCenter: DataCenter, _ body: (inout WarmPool<Upstream>, _ now: Int64) -> Void) {
        let settings = context.settings.configuration.pool
        let now = DeadlineWheel.now()
        // Out of the table while it is changed: closing an upstream may lead back here.
        var pool =
            pools.removeValue(forKey: dataCenter)
            ?? WarmPool(size: settings.size, maximumAge: settings.maximumAgeMilliseconds)
        pool.clientsChanged(to: context.serving, now: now)
        body(&pool, now)
        pools[dataCenter] = pool
    }

    private func armTick() {
        guard !deadline.isArmed, pools.values.contains(where: { $0.count > 0 }) || context.serving > 0 else { return }
        context.wheel.arm(deadline, for: self, after: Self.tickMilliseconds)
    }

    func deadlineReached(_ deadline: Deadline) {
        for dataCenter in Array(pools.keys) {
            withPool(dataCenter) { pool, now in
                for old in pool.expire(now: now) {
                    context.counts.unusedClosed &+= 1
                    old.close()
                }
            }
            refill(dataCenter)
        }
        armTick()
    }
}
