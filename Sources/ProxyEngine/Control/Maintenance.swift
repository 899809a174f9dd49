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

/// What goes on besides serving: warm-up, probing of routes that rest, counting, the clock, the network, the list of
/// community domains.
struct Maintenance: Sendable {
    /// Often enough for probes and a clock that jumped, seldom enough to cost nothing.
    private static let tick = Duration.seconds(5)

    let state: EngineState
    let loops: [LoopContext]

    /// What has to be known before the first client is served: what is on disk.
    func prepare() async {
        await NetworkLists(state: state, isStart: true).loadFiles()
        if let lists = MiddleProxyLists(state: state) { await lists.loadStored() }
        if let list = CommunityList(state: state) { list.loadStored() }
    }

    func run() async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await tickUntilCancelled() }
            if let loop = loops.first {
                if state.settings.configuration.connect.watchesNetwork {
                    tasks.addTask { await watchNetwork(loop) }
                }
                tasks.addTask { await MemoryGuard(state: state, loops: loops).runUntilCancelled() }
                tasks.addTask { await keepListsFresh(loop) }
                await loop.on { $0.pool.warmUp(warmDataCenters) }
            }
        }
    }

    /// Where nearly every account lives: one connection for each that has a WebSocket address.
    private var warmDataCenters: [DataCenter] {
        guard state.configuration.routes.usesWebSocket else { return [] }
        let table =
            state.configuration.routes.forceTest
            ? state.configuration.routes.testWebSocketAddresses : state.configuration.routes.webSocketAddresses
        return table.keys.sorted().map { DataCenter(id: $0, isTest: state.configuration.routes.forceTest) }
    }

    /// Those who keep lists fresh know their settings from the beginning on: after a reload they begin anew.
    private func keepListsFresh(_ loop: LoopContext) async {
        var isStart = true
        while !Task.isCancelled {
            let networks = NetworkLists(state: state, isStart: isStart)
            let middleProxies = MiddleProxyLists(state: state)
            let community = CommunityList(state: state)
            if !isStart { community?.loadStored() }
            isStart = false
            await withTaskGroup(of: Void.self) { tasks in
                tasks.addTask { await networks.refreshUntilCancelled(loop) }
                tasks.addTask { await middleProxies?.refreshUntilCancelled(loop) }
                tasks.addTask { await community?.refreshUntilCancelled(loop) }
                await state.lists.wait()
                tasks.cancelAll()
            }
        }
    }

    // MARK: Every few seconds

    private func tickUntilCancelled() async {
        var clock = ClockWatch()
        while (try? await Task.sleep(for: Self.tick, tolerance: .seconds(1))) != nil {
            if clock.note(wall: Self.wallMilliseconds(), monotonic: DeadlineWheel.now()) {
                await networkChanged("the wall clock jumped: sleep, or a new time")
            }
            await count()
            await probe()
        }
    }

    private func count() async {
        var sessions = 0
        let watchesUsers = state.watchesUsers
        for loop in loops {
            sessions +=
                await loop.on { loop in
                    loop.countBytes()
                    if watchesUsers { loop.checkUsers(all: false) }
                    return loop.serving
                } ?? 0
        }
        state.metrics.sessionsActive.set(sessions)
    }

    /// Tries routes whose rest is over, so that clients find them working rather than find out.
    private func probe() async {
        guard let loop = loops.first else { return }
        await loop.on { loop in
            let due = loop.shared.routes.withLock { $0.dueProbes(now: DeadlineWheel.now()) }
            for (route, dataCenter) in due {
                let attempt = RouteAttempts.make(route, loop: loop)
                attempt.start { result in Self.probed(route, dataCenter, result, loop) }
            }
        }
    }

    private static func probed(
        _ route: Route, _ dataCenter: DataCenter, _ result: Result<OpenRoute, RouteFailure>, _ loop: LoopContext
    ) {
        let now = DeadlineWheel.now()
        switch result {
        case .success(let open):
            loop.shared.routes.withLock { $0.succeeded(route, for: dataCenter, now: now, evidence: .connection) }
            loop.shared.events.routeHealed(route, dataCenter)
            open.putAside(for: dataCenter, loop)
        case .failure(let failure):
            loop.shared.routes.withLock { _ = $0.failed(route, for: dataCenter, because: failure, now: now) }
            loop.shared.metrics.failed(route.kind)
        }
    }

    // MARK: The network

    /// Until cancelled. The kernel ends a watch that could not keep up with a flood of changes; then a new one starts,
    /// and what was missed counts as a change.
    private func watchNetwork(_ loop: LoopContext) async {
        do {
            while !Task.isCancelled {
                for try await change in try await NetworkWatch.changes(on: loop.eventLoop) {
                    await networkChanged(change)
                }
                guard (try? await Task.sleep(for: Self.tick)) != nil else { return }
                await networkChanged("the watch for changes had to start again")
            }
        } catch is CancellationError {
            return
        } catch {
            state.events.problem("changes of the network are not noticed", "\(error)")
        }
    }

    private func networkChanged(_ why: String) async {
        state.networkChanged(why)
        for loop in loops { await loop.on { $0.pool.drain() } }
    }

    private static func wallMilliseconds() -> Int64 {
        var moment = timespec()
        clock_gettime(CLOCK_REALTIME, &moment)
        return Int64(moment.tv_sec) * 1_000 + Int64(moment.tv_nsec) / 1_000_000
    }
}
