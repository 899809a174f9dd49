import CoreMetrics
import NIOCore
import NIOHTTP1
import ProxyEngine

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Finds out what pages show. Whatever is asked, and by however many, the engine is bothered once a second at most.
final class AdminDesk: Sendable {
    private let control: ProxyControl
    private let registry: MetricsRegistry
    private let version: String
    private let showsUsers: Bool
    private let history: LoadHistory
    private let lags: CoreMetrics.Timer
    private let facts: SharedAnswer<Collected>
    private let health: SharedAnswer<[Bool]>

    private struct Collected: Sendable {
        var facts: EngineFacts
        /// How long it took, seconds.
        var seconds: Double
    }

    /// - Parameter life: how long what was found out is good for.
    init(control: ProxyControl, registry: MetricsRegistry, version: String, showsUsers: Bool, life: Duration) {
        self.control = control
        self.registry = registry
        self.version = version
        self.showsUsers = showsUsers
        history = LoadHistory(start: Self.sample(idleNanoseconds: 0))
        lags = CoreMetrics.Timer(label: "martlet_event_loop_lag_seconds", dimensions: [], factory: registry)
        facts = SharedAnswer(life: life)
        health = SharedAnswer(life: life)
    }

    /// Until cancelled: takes a sample now and then, so that "lately" has a meaning when somebody asks.
    func sampleUntilCancelled() async {
        while (try? await Task.sleep(for: LoadHistory.interval)) != nil {
            let facts = await collect().facts
            history.note(sample(facts), loops: facts.loops.count)
        }
    }

    func reply(to page: AdminPage, asJSON: Bool) async -> AdminReply {
        switch page {
        case .stats: await stats()
        case .metrics: await metrics()
        case .health: await healthReply()
        case .readiness: Self.reply(to: await control.readiness(), asJSON: asJSON)
        }
    }

    // MARK: Numbers

    private func collect() async -> Collected {
        let (control, withUsers, lags) = (control, showsUsers, lags)
        return await facts.get {
            let start = NIODeadline.now()
            let facts = await control.facts(withUsers: withUsers)
            for loop in facts.loops.compactMap({ $0 }) { lags.recordNanoseconds(Int64(loop.lag * 1e9)) }
            return Collected(facts: facts, seconds: Double((NIODeadline.now() - start).nanoseconds) / 1e9)
        }
    }

    private func stats() async -> AdminReply {
        let collected = await collect()
        let facts = collected.facts
        let turn = facts.activity?.lastTurn
        let page = StatsPage(
            facts: facts, registry: registry, process: .read(),
            load: history.report(at: sample(facts), loops: facts.loops.count), version: version, now: Self.unixTime(),
            sinceTurn: turn.map { Double((NIODeadline.now() - $0).nanoseconds) / 1e9 } ?? 0,
            generation: collected.seconds
        )
        return AdminReply(.ok, page.text)
    }

    private func metrics() async -> AdminReply {
        let facts = await collect().facts
        let looked = FactMetrics(facts: facts, process: .read(), version: version, dropped: registry.dropped).families
        let names = Set(looked.map(\.name))
        // What is looked up now goes before what was counted a while ago.
        let families = registry.families().filter { !names.contains($0.name) } + looked
        var reply = AdminReply(
            .ok, Exposition.text(of: families.sorted { $0.name < $1.name }, help: MetricCatalog.help))
        reply.contentType = Exposition.contentType
        return reply
    }

    private func sample(_ facts: EngineFacts) -> LoadHistory.Sample {
        Self.sample(idleNanoseconds: facts.activity?.idleNanoseconds ?? 0)
    }

    private static func sample(idleNanoseconds: UInt64) -> LoadHistory.Sample {
        let (user, system) = ProcessFacts.processorSeconds()
        return LoadHistory.Sample(time: .now(), idleNanoseconds: idleNanoseconds, user: user, system: system)
    }

    private static func unixTime() -> Int {
        var moment = timespec()
        clock_gettime(CLOCK_REALTIME, &moment)
        return Int(moment.tv_sec)
    }

    // MARK: Health

    private func healthReply() async -> AdminReply {
        let control = control
        let answers = await health.get { await control.answers() }
        let missing = answers.count { !$0 }
        guard missing > 0 else { return AdminReply(.ok, "ok\n") }
        return AdminReply(.serviceUnavailable, "\(missing) of \(answers.count) event loops do not answer\n")
    }

    private struct ReadinessText: Encodable {
        var ready: Bool
        var reasons: [String]
        var evidence: String?
    }

    private static func reply(to readiness: Readiness, asJSON: Bool) -> AdminReply {
        let status = readiness.isReady ? HTTPResponseStatus.ok : .serviceUnavailable
        guard asJSON else {
            let lines = readiness.isReady ? ["ready"] + [readiness.evidence].compactMap { $0 } : readiness.reasons
            return AdminReply(status, lines.map { "\($0)\n" }.joined())
        }
        let text = ReadinessText(
            ready: readiness.isReady, reasons: readiness.reasons, evidence: readiness.evidence)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let bytes = (try? encoder.encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
        var reply = AdminReply(status, bytes + "\n")
        reply.contentType = "application/json"
        return reply
    }
}
