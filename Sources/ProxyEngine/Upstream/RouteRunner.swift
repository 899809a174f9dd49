import MTProtoWire
import NIOCore
import ProxyPolicy

/// Finds an upstream for one client: a warm one at once, else the planned routes one after another, each with a head
/// start before the next one joins in. The first that works wins; what the others come to is learned all the same.
final class RouteRunner: DeadlineOwner {
    enum Result {
        case found(OpenRoute, Route)
        /// Nothing worked within the budget: each try with what became of it.
        case none([(Route, RouteFailure)])
    }

    private let loop: LoopContext
    private let dataCenter: DataCenter
    /// The number in the client's header.
    private let wire: Int16?
    private let usesMiddleProxies: Bool
    private let excluded: Set<Route>
    /// When the client came: the budget counts from there, over all tries.
    private let since: Int64
    private var completion: ((Result) -> Void)?
    private var untried: ArraySlice<Route> = []
    private var running: [ObjectIdentifier: any RouteAttempt] = [:]
    private var failures: [(Route, RouteFailure)] = []
    /// Up to when the newest try is left alone.
    private var headStartEnds: Int64 = 0
    private let deadline = Deadline()

    init(for client: ClientConnection, completion: @escaping (Result) -> Void) {
        loop = client.loop
        dataCenter = client.dataCenter
        wire = client.greeting?.dataCenterWire
        usesMiddleProxies = client.usesMiddleProxies
        excluded = client.triedRoutes
        since = client.asked
        self.completion = completion
    }

    func start() {
        if excluded.isEmpty, !usesMiddleProxies, let upstream = loop.pool.lease(dataCenter) {
            return succeed(.stream(upstream), upstream.route)
        }
        let plan = loop.shared.routes.withLock {
            $0.plan(
                for: dataCenter, usesMiddleProxies: usesMiddleProxies, now: DeadlineWheel.now(), shuffle: &loop.random)
        }
        untried = plan.tries.filter { !excluded.contains($0) }[...]
        startNext()
    }

    /// The client is gone. Tries that are under way go on to their end, so that their outcome is learned.
    func cancel() {
        completion = nil
        deadline.cancel()
        untried = []
    }

    private func startNext() {
        guard completion != nil else { return }
        guard let route = untried.popFirst() else {
            if running.isEmpty { return fail() }
            return armBudget()
        }
        let attempt = RouteAttempts.make(route, wire: wire, loop: loop)
        running[ObjectIdentifier(attempt)] = attempt
        headStartEnds = DeadlineWheel.now() + loop.settings.configuration.connect.headStartMilliseconds
        attempt.start { result in self.ended(attempt, result) }
        if completion != nil, running[ObjectIdentifier(attempt)] != nil { armHeadStart() }
    }

    private func armHeadStart() {
        let now = DeadlineWheel.now()
        loop.wheel.arm(deadline, for: self, after: min(headStartEnds, budgetEnds) - now)
    }

    private func armBudget() {
        loop.wheel.arm(deadline, for: self, after: budgetEnds - DeadlineWheel.now())
    }

    private var budgetEnds: Int64 { since + loop.settings.configuration.connect.budgetMilliseconds }

    func deadlineReached(_ deadline: Deadline) {
        if DeadlineWheel.now() >= budgetEnds { return fail() }
        startNext()
    }

    private func ended(_ attempt: any RouteAttempt, _ result: Swift.Result<OpenRoute, RouteFailure>) {
        running[ObjectIdentifier(attempt)] = nil
        let now = DeadlineWheel.now()
        switch result {
        case .success(let open):
            loop.shared.metrics.connected(attempt.route.kind, milliseconds: now - attempt.began)
            if completion != nil {
                succeed(open, attempt.route)
            } else {
                open.putAside(for: dataCenter, loop)
            }
        case .failure(let failure):
            failures.append((attempt.route, failure))
            learn(failure, of: attempt.route, now: now)
            if completion != nil { startNext() }
        }
    }

    private func learn(_ failure: RouteFailure, of route: Route, now: Int64) {
        let cooldown = loop.shared.routes.withLock { $0.failed(route, for: dataCenter, because: failure, now: now) }
        loop.shared.metrics.failed(route.kind)
        loop.shared.events.routeFailed(route, dataCenter, failure, cooldown: cooldown)
    }

    private func succeed(_ open: OpenRoute, _ route: Route) {
        deadline.cancel()
        let done = completion
        completion = nil
        done?(.found(open, route))
    }

    private func fail() {
        deadline.cancel()
        let done = completion
        completion = nil
        let pending = running.values.map { ($0.route, RouteFailure.timedOut(stage: $0.stage)) }
        done?(.none(failures + pending))
    }
}
