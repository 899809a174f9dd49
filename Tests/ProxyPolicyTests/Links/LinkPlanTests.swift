import ProxyPolicy
import Testing

@Suite struct LinkPlanTests {
    typealias LinkID = LinkPlan.LinkID

    /// What a tick opens.
    private func opened(_ plan: inout LinkPlan, _ now: Int64) -> [LinkID] {
        plan.tick(now: now).compactMap { if case .open(let id) = $0 { id } else { nil } }
    }

    /// What a tick closes.
    private func closed(_ plan: inout LinkPlan, _ now: Int64) -> [LinkID] {
        plan.tick(now: now).compactMap { if case .close(let id) = $0 { id } else { nil } }
    }

    private func retry(_ plan: inout LinkPlan, _ now: Int64) -> Int64? {
        plan.tick(now: now).compactMap { if case .retry(let time) = $0 { time } else { nil } }.first
    }

    /// A plan with so many ready links, for which that many clients are there.
    private func ready(_ count: Int, maximum: Int = 8, now: Int64 = 0) throws -> (LinkPlan, [LinkID]) {
        var plan = LinkPlan(maximumLinks: maximum)
        let clients = (count - 1) * LinkPlanTimes.clientsPerLink + 1
        for _ in 0..<clients { plan.clientWaits() }
        var links: [LinkID] = []
        while links.count < count {
            for id in opened(&plan, now) {
                #expect(plan.linkReady(id, now: now) == true)
                links.append(id)
            }
        }
        for _ in 0..<clients {
            plan.clientStopsWaiting(now: now)
            _ = try unwrapped(plan.clientBound(now: now))
        }
        return (plan, links)
    }

    @Test func `Nothing is opened before somebody asks`() {
        var plan = LinkPlan(maximumLinks: 8)
        #expect(plan.tick(now: 0) == [])
        #expect(plan.clientBound(now: 0) == nil)
        plan.clientWaits()
        #expect(opened(&plan, 0).count == 1)
        #expect(opened(&plan, 1).isEmpty)
    }

    @Test func `A warm-up opens one link`() {
        var plan = LinkPlan(maximumLinks: 8)
        plan.warmUp(now: 0)
        #expect(opened(&plan, 0).count == 1)
        #expect(plan.wanted(now: LinkPlanTimes.idleLife) == 0)
    }

    @Test func `A client is bound to the ready link with the fewest clients`() throws {
        var (plan, links) = try ready(2)
        var counts: [LinkID: Int] = [:]
        for _ in 0..<61 { counts[try unwrapped(plan.clientBound(now: 1)), default: 0] += 1 }
        #expect(plan.boundClients == 126)
        #expect(counts.values.allSatisfy { $0 >= 30 })
        for _ in 0..<10 { plan.clientLeft(links[1], now: 2) }
        for _ in 0..<10 { #expect(plan.clientBound(now: 3) == links[1]) }
    }

    @Test func `More clients open more links, up to the maximum`() throws {
        var (plan, _) = try ready(1, maximum: 3)
        for _ in 0..<62 { _ = plan.clientBound(now: 1) }
        #expect(opened(&plan, 1).isEmpty)
        _ = plan.clientBound(now: 1)
        let second = opened(&plan, 1)
        #expect(second.count == 1)
        for _ in 0..<500 { _ = plan.clientBound(now: 1) }
        #expect(plan.wanted(now: 1) == 3)
        #expect(opened(&plan, 1).count == 1)
        #expect(opened(&plan, 1).isEmpty)
        #expect(plan.count == 3)
    }

    @Test func `A crowd opens two links at the same moment, not all of them`() {
        var plan = LinkPlan(maximumLinks: 8)
        for _ in 0..<1_000 { plan.clientWaits() }
        let first = opened(&plan, 0)
        #expect(first.count == LinkPlanTimes.attemptsAtOnce)
        _ = plan.linkReady(first[0], now: 10)
        #expect(opened(&plan, 10).count == 1)
    }

    @Test func `An attempt that hangs gets company after a second`() {
        var plan = LinkPlan(maximumLinks: 2)
        plan.clientWaits()
        #expect(opened(&plan, 0).count == 1)
        #expect(retry(&plan, 0) == LinkPlanTimes.spareAfter)
        #expect(opened(&plan, 999).isEmpty)
        #expect(opened(&plan, 1_000).count == 1)
        #expect(opened(&plan, 5_000).isEmpty)
        var single = LinkPlan(maximumLinks: 1)
        single.clientWaits()
        #expect(opened(&single, 0).count == 1)
        #expect(opened(&single, 5_000).isEmpty)
    }

    @Test func `Failures wait longer and longer, up to twenty seconds and a fifth`() {
        var plan = LinkPlan(maximumLinks: 8)
        plan.clientWaits()
        var now: Int64 = 0
        for expected in [1_000, 1_500, 2_250, 3_375, 5_062, 7_593, 11_389, 17_083, 20_000, 20_000] as [Int64] {
            let ids = opened(&plan, now)
            #expect(ids.count == 1)
            for id in ids { plan.linkFailed(id, now: now, random: 0) }
            #expect(plan.isBackingOff(now: now))
            #expect(opened(&plan, now).isEmpty)
            #expect(retry(&plan, now) == now + expected)
            now += expected
        }
        for id in opened(&plan, now) { plan.linkFailed(id, now: now, random: 4_000) }
        #expect(retry(&plan, now) == now + 24_000)
    }

    @Test func `A link that lived for a moment has failed as well`() throws {
        var plan = LinkPlan(maximumLinks: 8)
        plan.clientWaits()
        var now: Int64 = 0
        for expected in [1_000, 1_500, 2_250] as [Int64] {
            let id = try unwrapped(opened(&plan, now).first)
            _ = plan.linkReady(id, now: now)
            now += LinkPlanTimes.proofOfHealth - 1
            plan.linkLost(id, now: now, random: 0)
            #expect(opened(&plan, now).isEmpty)
            #expect(retry(&plan, now) == now + expected)
            now += expected
        }
        // One that lives long enough makes all well.
        let id = try unwrapped(opened(&plan, now).first)
        _ = plan.linkReady(id, now: now)
        now += LinkPlanTimes.proofOfHealth
        plan.linkLost(id, now: now, random: 0)
        let next = try unwrapped(opened(&plan, now).first)
        plan.linkFailed(next, now: now, random: 0)
        #expect(retry(&plan, now) == now + 1_000)
    }

    @Test func `An old healthy link does not excuse those that fail beside it`() throws {
        var (plan, links) = try ready(2)
        plan.linkLost(links[1], now: 1_000, random: 0)
        for _ in 0..<32 { #expect(plan.clientBound(now: 1_000) == links[0]) }
        var now: Int64 = 60_000
        var waits: [Int64] = []
        for _ in 0..<4 {
            let id = try unwrapped(opened(&plan, now).first)
            _ = plan.linkReady(id, now: now)
            plan.linkLost(id, now: now, random: 0)
            let time = try unwrapped(retry(&plan, now))
            waits.append(time - now)
            now = time
        }
        #expect(waits == [1_500, 2_250, 3_375, 5_062])
    }

    @Test func `After a failure one link has to prove itself before others follow`() throws {
        var plan = LinkPlan(maximumLinks: 8)
        for _ in 0..<1_000 { plan.clientWaits() }
        for id in opened(&plan, 0) { plan.linkFailed(id, now: 5, random: 0) }
        let first = opened(&plan, 1_005)
        #expect(first.count == 1)
        #expect(plan.linkReady(first[0], now: 1_100) == true)
        #expect(retry(&plan, 1_100) == 1_100 + LinkPlanTimes.proofOfHealth)
        #expect(opened(&plan, 11_099).isEmpty)
        #expect(opened(&plan, 11_100).count == LinkPlanTimes.attemptsAtOnce)
    }

    @Test func `The clients of a lost link are bound to nothing`() throws {
        var (plan, links) = try ready(2)
        plan.linkLost(links[0], now: 20_000, random: 0)
        #expect(plan.boundClients == 32)
        #expect(plan.clientBound(now: 20_000) == links[1])
        plan.clientLeft(links[0], now: 20_000)
        #expect(plan.boundClients == 33)
    }

    @Test func `Surplus links run empty and close after a minute`() throws {
        var (plan, links) = try ready(3)
        for id in links { for _ in 0..<40 { plan.clientLeft(id, now: 10) } }
        #expect(plan.wanted(now: 10) == 1)
        #expect(closed(&plan, 10).isEmpty)
        // Newcomers go to the oldest.
        for _ in 0..<5 { #expect(plan.clientBound(now: 20) == links[0]) }
        for _ in 0..<3 { plan.clientLeft(links[2], now: 30) }
        #expect(closed(&plan, 10 + LinkPlanTimes.surplusLife - 1).isEmpty)
        let left = closed(&plan, 10 + LinkPlanTimes.surplusLife)
        #expect(left.contains(links[2]))
        #expect(!left.contains(links[0]))
    }

    @Test func `A surplus that is wanted again stays`() throws {
        var (plan, links) = try ready(2)
        for _ in 0..<40 { for id in links { plan.clientLeft(id, now: 0) } }
        _ = plan.tick(now: 0)
        for _ in 0..<64 { _ = plan.clientBound(now: 30_000) }
        _ = plan.tick(now: 30_000)
        for id in links { for _ in 0..<64 { plan.clientLeft(id, now: 50_000) } }
        #expect(closed(&plan, 60_000).isEmpty)
        #expect(closed(&plan, 119_999).isEmpty)
        #expect(closed(&plan, 120_000) == [links[1]])
    }

    @Test func `The last link closes five minutes after the last client`() throws {
        var (plan, links) = try ready(1)
        plan.clientLeft(links[0], now: 1_000)
        #expect(retry(&plan, 1_000) == 1_000 + LinkPlanTimes.idleLife)
        #expect(closed(&plan, 1_000 + LinkPlanTimes.idleLife - 1).isEmpty)
        #expect(plan.clientBound(now: 200_000) == links[0])
        plan.clientLeft(links[0], now: 200_000)
        #expect(closed(&plan, 200_000 + LinkPlanTimes.idleLife - 1).isEmpty)
        #expect(closed(&plan, 200_000 + LinkPlanTimes.idleLife) == links)
        #expect(plan.tick(now: 200_000 + LinkPlanTimes.idleLife) == [])
        #expect(plan.count == 0)
    }

    @Test func `A link that is ready after it was given up is not taken`() throws {
        var plan = LinkPlan(maximumLinks: 8)
        plan.clientWaits()
        let id = try unwrapped(opened(&plan, 0).first)
        plan.linkFailed(id, now: 5, random: 0)
        #expect(plan.linkReady(id, now: 6) == false)
        #expect(plan.readyCount == 0)
    }

    @Test func `A retired plan takes nobody and closes its links as they run empty`() throws {
        var (plan, links) = try ready(2)
        for _ in 0..<64 { _ = plan.clientBound(now: 0) }
        let attempt = opened(&plan, 0)
        #expect(attempt.count == 1)
        plan.retire()
        #expect(plan.clientBound(now: 1) == nil)
        #expect(closed(&plan, 1) == attempt)
        for _ in 0..<64 { plan.clientLeft(links[0], now: 2) }
        plan.linkLost(links[1], now: 3, random: 0)
        for _ in 0..<100 { plan.clientLeft(links[0], now: 3) }
        #expect(plan.tick(now: 3) == [.close(links[0])])
        plan.clientWaits()
        #expect(plan.tick(now: 1_000_000) == [])
    }

    @Test func `Fewer links let those that are too many run empty, more are opened as clients ask`() throws {
        var (plan, links) = try ready(3)
        plan.maximum = 1
        #expect(closed(&plan, 1) == [])
        #expect(plan.count == 3)
        #expect(plan.clientBound(now: 2) == links[0])
        #expect(plan.wanted(now: 2) == 1)
        plan.maximum = 0
        #expect(plan.maximum == 1)
        plan.maximum = 4
        #expect(plan.wanted(now: 3) == 3)
    }
}
