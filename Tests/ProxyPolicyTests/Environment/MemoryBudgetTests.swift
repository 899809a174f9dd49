import ProxyPolicy
import Testing

@Suite struct MemoryBudgetTests {
    private typealias Session = MemoryBudget.Session<String>
    private static let base = MemoryBudget.baseSessionBytes
    private static let much = MemoryBudget.overloadedBytes
    private static let now: Int64 = 10_000_000

    private func session(_ id: String, queued: Int = 0, idle: Int64 = 0, flagged: Bool = false) -> Session {
        Session(id: id, queuedBytes: queued, lastActivity: Self.now - idle, isFlagged: flagged)
    }

    @Test func `Within the budget nobody is closed, and the overloaded are flagged`() {
        let sessions = [
            session("idle", idle: 3_600_000), session("full", queued: Self.much),
            session("nearly", queued: Self.much - 1),
            session("again", queued: Self.much, flagged: true), session("recovered", flagged: true),
        ]
        let cost = 5 * Self.base + 3 * Self.much - 1
        let verdict = MemoryBudget(bytes: cost).look(at: sessions, now: Self.now)
        #expect(verdict.totalBytes == cost)
        #expect(verdict.close == [])
        #expect(verdict.flagged == ["full", "again"])
        // One byte less is over the budget: down to 7/8 of it.
        let over = MemoryBudget(bytes: cost - 1).look(at: sessions, now: Self.now)
        #expect(over.close == ["again"])
        #expect(over.flagged == ["full"])
    }

    @Test func `The order is: overloaded twice, idle for long, expensive`() {
        let sessions = [
            session("active", queued: 500), session("active and full", queued: Self.much + 1),
            session("10 s", queued: 5, idle: 10_001), session("1 min", idle: 60_001),
            session("1 min, more", queued: 10, idle: 100_000), session("5 min", idle: 300_001),
            session("5 min, longer", idle: 400_000), session("not yet 10 s", queued: 400, idle: 10_000),
            session("flagged", queued: Self.much, idle: 0, flagged: true),
            session("flagged, more", queued: Self.much * 2, idle: 0, flagged: true),
            session("was flagged", queued: Self.much - 1, idle: 20_000, flagged: true),
        ]
        let verdict = MemoryBudget(bytes: 0).look(at: sessions, now: Self.now)
        #expect(
            verdict.close == [
                "flagged, more", "flagged", "5 min, longer", "5 min", "1 min, more", "1 min", "was flagged", "10 s",
                "active and full", "active", "not yet 10 s",
            ]
        )
        #expect(verdict.flagged == [])
    }

    @Test func `Closing stops at seven eighths, and begins again only above the budget`() {
        let budget = MemoryBudget(bytes: 800 * Self.base)
        var sessions = (0..<801).map { session("\($0)", idle: Int64($0)) }
        let closed = budget.look(at: sessions, now: Self.now).close
        #expect(closed.count == 101)
        #expect(closed.first == "800")
        sessions.removeAll { closed.contains($0.id) }
        #expect(budget.look(at: sessions, now: Self.now).totalBytes == 700 * Self.base)
        sessions += (0..<100).map { session("new \($0)") }
        #expect(budget.look(at: sessions, now: Self.now).close == [])
        sessions.append(session("one more"))
        #expect(budget.look(at: sessions, now: Self.now).close.count == 101)
    }

    @Test(arguments: UInt64(1)...20)
    func `What is left is within the budget, and nobody better is closed than one who stays`(seed: UInt64) {
        var random = TestGenerator(seed: seed)
        let sessions = (0..<300).map { number in
            MemoryBudget.Session(
                id: number, queuedBytes: Bool.random(using: &random) ? 0 : Int.random(in: 0...300_000, using: &random),
                lastActivity: Self.now - Int64.random(in: 0...400_000, using: &random),
                isFlagged: Bool.random(using: &random)
            )
        }
        let bytes = Int.random(in: 0...60_000_000, using: &random)
        let verdict = MemoryBudget(bytes: bytes).look(at: sessions, now: Self.now)
        let costs = sessions.map { $0.queuedBytes + Self.base }
        #expect(verdict.totalBytes == costs.reduce(0, +))
        let left = verdict.totalBytes - verdict.close.map { costs[$0] }.reduce(0, +)
        #expect(left <= bytes)
        #expect(verdict.close.isEmpty == (verdict.totalBytes <= bytes))
        #expect(Set(verdict.close).count == verdict.close.count)
        // The last one was still needed.
        if let last = verdict.close.last { #expect(left + costs[last] > bytes - bytes / 8) }
        #expect(Set(verdict.flagged).isDisjoint(with: verdict.close))
        let overloaded = sessions.filter { $0.queuedBytes >= Self.much }.map(\.id)
        #expect(Set(verdict.flagged) == Set(overloaded).subtracting(verdict.close))
        let idleStays = sessions.contains { !verdict.close.contains($0.id) && Self.now - $0.lastActivity > 300_000 }
        let activeGoes = verdict.close.contains { id in
            let session = sessions[id]
            return !(session.isFlagged && session.queuedBytes >= Self.much) && Self.now - session.lastActivity < 10_000
        }
        #expect(!(idleStays && activeGoes))
    }

    @Test func `Any numbers are survived`() {
        let sessions = [
            MemoryBudget.Session(id: 1, queuedBytes: .max, lastActivity: .min, isFlagged: true),
            MemoryBudget.Session(id: 2, queuedBytes: .max, lastActivity: .max, isFlagged: false),
            MemoryBudget.Session(id: 3, queuedBytes: .min, lastActivity: 0, isFlagged: false),
        ]
        for now in [Int64.min, 0, .max] {
            for bytes in [Int.min, 0, .max] { _ = MemoryBudget(bytes: bytes).look(at: sessions, now: now) }
        }
        #expect(MemoryBudget(bytes: 0).look(at: [MemoryBudget.Session<Int>](), now: 0).close == [])
    }
}

@Suite struct MemoryLimitTests {
    private static let gib: UInt64 = 1 << 30
    private static let budgets: [(UInt64?, UInt64?, Int)] = [
        (8 * gib, nil, 4 << 30), (8 * gib, gib / 8, 64 << 20), (gib, 0x7FFF_FFFF_FFFF_F000, 512 << 20),
        (nil, gib, 512 << 20), (nil, nil, 256 << 20), (gib / 1_024, nil, 8 << 20), (.max, .max, .max),
    ]

    @Test(arguments: budgets)
    func `The budget is half of what there is`(physical: UInt64?, cgroup: UInt64?, budget: Int) {
        #expect(MemoryLimit.budget(physical: physical, cgroup: cgroup) == budget)
    }

    @Test(arguments: [(24 << 20, 1_024), (256 << 20, 10_922), (0, 16), (-1, 16)])
    func `A budget holds so many sessions at rest`(budget: Int, sessions: Int) {
        #expect(MemoryLimit.sessions(budget: budget) == sessions)
    }

    @Test(arguments: [
        ("max\n", UInt64?.none), ("134217728\n", 134_217_728), ("9223372036854771712", 9_223_372_036_854_771_712),
        ("", nil), ("-1", nil), ("12 MB", nil), ("99999999999999999999999", nil),
    ])
    func `A control group's file is read`(text: String, limit: UInt64?) {
        #expect(MemoryLimit.limit(fileText: text) == limit)
    }
}
