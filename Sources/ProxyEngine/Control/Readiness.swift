import MTProtoWire
import NIOCore
import ProxyPolicy

/// Whether a client that comes now would most likely be served.
package struct Readiness: Sendable, Equatable {
    /// Why not; empty: ready.
    package var reasons: [String]
    /// What says that a route works, for people.
    package var evidence: String?

    package var isReady: Bool { reasons.isEmpty }
}

extension ProxyControl {
    /// A route that worked within this time is believed to work, ms. A warm upstream is opened more often than that.
    private static let proofLife: Int64 = 60_000

    /// Ready is who listens and has a route to a data center that worked a moment ago. Where nobody has used one, the
    /// default data center is asked; that counts for everybody who wants to know for the next seconds.
    package func readiness() async -> Readiness {
        switch state.stage.now {
        case .starting: return Readiness(reasons: ["not listening yet"])
        case .draining: return Readiness(reasons: ["stopping: nobody is let in any more"])
        case .handedOver: return Readiness(reasons: ["another process lets newcomers in"])
        case .listening: break
        }
        if let proof = proof() { return Readiness(reasons: [], evidence: proof) }
        let outcome = await state.routeProbe.get { await probeDefaultDataCenter() }
        // Somebody may have been served meanwhile.
        if let proof = outcome.proof ?? proof() { return Readiness(reasons: [], evidence: proof) }
        return Readiness(reasons: outcome.problems)
    }

    private func proof() -> String? {
        let now = DeadlineWheel.now()
        guard let proven = state.routes.withLock({ $0.provenRoute(now: now, within: Self.proofLife) }) else {
            return nil
        }
        return "\(proven.route) to data center \(proven.dataCenter) worked \(proven.age / 1_000) s ago"
    }

    private func probeDefaultDataCenter() async -> ProbeOutcome {
        let silent = ProbeOutcome(problems: ["no event loop has answered in time"])
        guard let loop = state.loops.withLock({ $0.first }) else { return silent }
        let (outcomes, send) = AsyncStream<ProbeOutcome>.makeStream()
        let asked = loop.eventLoop.scheduleTask(in: .zero) {
            RouteProbeRun(loop) { outcome in
                send.yield(outcome)
                send.finish()
            }.start()
        }
        asked.futureResult.whenFailure { _ in send.finish() }
        return await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                try? await Task.sleep(for: ProbeOutcome.patience)
                send.finish()
            }
            defer { tasks.cancelAll() }
            return await outcomes.first { _ in true } ?? silent
        }
    }
}

/// What came of a probe. One is made at a time, however many ask, and not too often: it opens connections to Telegram.
struct ProbeOutcome: Sendable {
    var proof: String?
    var problems: [String] = []

    /// For one probe; somebody waits for it with a request of his own.
    static let patience = Duration.seconds(6)
    /// Between the beginnings of two probes.
    static let interval = Duration.seconds(10)
}

/// Tries the routes to the default data center one after the other until one opens.
private final class RouteProbeRun {
    /// Beyond these a probe takes longer than anybody waits for it.
    private static let maximumTries = 6

    private let loop: LoopContext
    private let dataCenter: DataCenter
    private let report: @Sendable (ProbeOutcome) -> Void
    private var untried: ArraySlice<Route> = []
    private var problems: [String] = []

    init(_ loop: LoopContext, report: @escaping @Sendable (ProbeOutcome) -> Void) {
        self.loop = loop
        self.report = report
        let routes = loop.settings.configuration.routes
        dataCenter = DataCenter(id: routes.defaultDataCenter, isTest: routes.forceTest)
    }

    func start() {
        let usesMiddleProxies = loop.settings.configuration.middleProxy.use == .always
        let plan = loop.shared.routes.withLock {
            $0.plan(
                for: dataCenter, usesMiddleProxies: usesMiddleProxies, now: DeadlineWheel.now(), shuffle: &loop.random)
        }
        untried = plan.tries.prefix(Self.maximumTries)
        next()
    }

    private func next() {
        guard let route = untried.popFirst() else {
            let none = ["no route to data center \(dataCenter) is configured"]
            return report(ProbeOutcome(problems: problems.isEmpty ? none : problems))
        }
        RouteAttempts.make(route, loop: loop).start { self.ended(route, $0) }
    }

    private func ended(_ route: Route, _ result: Result<OpenRoute, RouteFailure>) {
        let now = DeadlineWheel.now()
        switch result {
        case .success(let open):
            loop.shared.routes.withLock { $0.succeeded(route, for: dataCenter, now: now, evidence: .connection) }
            open.putAside(for: dataCenter, loop)
            report(ProbeOutcome(proof: "\(route) to data center \(dataCenter) was opened just now"))
        case .failure(let failure):
            loop.shared.routes.withLock { _ = $0.failed(route, for: dataCenter, because: failure, now: now) }
            loop.shared.metrics.failed(route.kind)
            problems.append("\(route) to data center \(dataCenter): \(failure.code)")
            next()
        }
    }
}
