import ProxyPolicy
import Testing

@Suite struct LinkPaceTests {
    private let soft = LinkPace.softBound
    private let hard = 4 << 20
    private let nothing = LinkPace.Verdict()
    private let pause = LinkPace.Verdict(reading: .pause)
    private let resume = LinkPace.Verdict(reading: .resume)

    /// A pace with so many clients, named from 1.
    private func pace(_ count: Int) -> LinkPace {
        var pace = LinkPace(hardBound: hard)
        for id in 0..<count { pace.join(UInt64(id + 1), now: 0) }
        return pace
    }

    @Test func `A lone client pauses the link above its bound and resumes it below half of it`() {
        var pace = pace(1)
        #expect(pace.queued(1, queue: soft, now: 0) == nothing)
        #expect(pace.queued(1, queue: soft + 1, now: 1) == pause)
        #expect(pace.queued(1, queue: soft + 9, now: 2) == nothing)
        #expect(pace.drained(1, queue: soft / 2, now: 3) == nothing)
        #expect(pace.drained(1, queue: soft / 2 - 1, now: 4) == resume)
        #expect(!pace.isPaused)
    }

    @Test func `One slow client among three pauses nobody`() {
        var pace = pace(3)
        for id in 2...3 as ClosedRange<UInt64> { #expect(pace.queued(id, queue: 0, now: 0) == nothing) }
        for queue in stride(from: 0, through: hard, by: 100_000) {
            #expect(pace.queued(1, queue: queue, now: 1) == nothing)
        }
        #expect(pace.queued(1, queue: hard, now: 2) == nothing)
        #expect(pace.queued(1, queue: hard + 1, now: 3) == LinkPace.Verdict(letGo: [1]))
        #expect(pace.clientCount == 2)
        #expect(pace.queued(1, queue: hard + 2, now: 4) == nothing)
    }

    @Test func `Two slow clients among three pause the link`() {
        var pace = pace(3)
        _ = pace.queued(3, queue: 0, now: 0)
        #expect(pace.queued(1, queue: hard, now: 0) == nothing)
        #expect(pace.queued(2, queue: soft, now: 0) == nothing)
        #expect(pace.queued(2, queue: soft + 1, now: 0) == pause)
    }

    @Test func `Clients that were active a second ago count no more`() {
        var pace = pace(3)
        for id in 2...3 as ClosedRange<UInt64> { _ = pace.queued(id, queue: 0, now: 0) }
        #expect(pace.queued(1, queue: 2 * soft, now: 999) == nothing)
        #expect(pace.queued(1, queue: 2 * soft, now: 1_250) == pause)
    }

    @Test func `Somebody who was not active and sends something has the link read`() {
        var pace = pace(2)
        #expect(pace.queued(1, queue: soft + 1, now: 0) == pause)
        #expect(pace.sent(1, now: 1) == nothing)
        #expect(pace.sent(2, now: 2) == resume)
        // Now there are two to share the bound.
        #expect(pace.queued(1, queue: 2 * soft, now: 3) == nothing)
    }

    @Test func `A client that takes nothing for a second of the pause is let go`() {
        var pace = pace(1)
        #expect(pace.queued(1, queue: soft + 1, now: 100) == pause)
        for now in stride(from: 350 as Int64, to: 1_100, by: 250) { #expect(pace.tick(now: now) == nothing) }
        #expect(pace.tick(now: 1_100) == LinkPace.Verdict(reading: .resume, letGo: [1]))
    }

    @Test func `A client that takes a little is not stalled`() {
        var pace = pace(1)
        #expect(pace.queued(1, queue: 2 << 20, now: 0) == pause)
        for step in 1...60 as ClosedRange<Int> {
            let now = Int64(step) * LinkPace.tickMilliseconds
            let verdict = pace.drained(1, queue: (2 << 20) - step, now: now)
            #expect(verdict.letGo.isEmpty)
            #expect(pace.tick(now: now).letGo.isEmpty)
        }
    }

    @Test func `Others wait for two seconds at most, and what lies in front of their answers is read then`() {
        var pace = pace(3)
        for id in 1...3 as ClosedRange<UInt64> { _ = pace.queued(id, queue: 10, now: 0) }
        #expect(pace.queued(2, queue: 2 * soft, now: 0) == nothing)
        #expect(pace.queued(1, queue: 2 * soft, now: 0) == pause)
        var last = nothing
        var now: Int64 = 0
        while pace.isPaused, now < 10_000 {
            now += LinkPace.tickMilliseconds
            for id in 1...2 as ClosedRange<UInt64> { _ = pace.drained(id, queue: 2 * soft - Int(now), now: now) }
            last = pace.tick(now: now)
        }
        #expect(now <= LinkPace.longestPauseMilliseconds)
        #expect(last == resume)
        #expect(pace.queued(1, queue: 2 * soft + 5, now: now + LinkPace.breathMilliseconds - 1) == nothing)
        #expect(pace.queued(1, queue: 2 * soft + 9, now: now + LinkPace.breathMilliseconds) == pause)
    }

    @Test func `The fullest goes when others wait and it is near its end anyway`() {
        var pace = pace(3)
        for id in 1...3 as ClosedRange<UInt64> { _ = pace.queued(id, queue: 10, now: 0) }
        #expect(pace.queued(2, queue: hard / 2 + 100_000, now: 0) == nothing)
        #expect(pace.queued(1, queue: hard / 2 + 200_000, now: 0) == pause)
        var verdict = nothing
        for now in stride(from: 250 as Int64, through: 2_000, by: 250) where pace.isPaused {
            for id in 1...2 as ClosedRange<UInt64> {
                _ = pace.drained(id, queue: hard / 2 + 100_000 * Int(3 - id) - Int(now), now: now)
            }
            verdict = pace.tick(now: now)
        }
        #expect(verdict == LinkPace.Verdict(reading: .resume, letGo: [1]))
    }

    @Test func `Who leaves takes what waited along`() {
        var pace = pace(2)
        _ = pace.queued(2, queue: 0, now: 0)
        #expect(pace.queued(1, queue: 2 * soft, now: 0) == nothing)
        #expect(pace.queued(2, queue: 1, now: 0) == pause)
        #expect(pace.leave(1, now: 1) == resume)
        #expect(pace.leave(1, now: 1) == nothing)
        #expect(pace.leave(2, now: 1) == nothing)
        #expect(pace.clientCount == 0)
    }

    @Test func `Strangers change nothing`() {
        var pace = pace(0)
        #expect(pace.queued(9, queue: .max, now: 0) == nothing)
        #expect(pace.drained(9, queue: .min, now: 1) == nothing)
        #expect(pace.sent(9, now: 2) == nothing)
        #expect(pace.leave(9, now: 3) == nothing)
        #expect(pace.tick(now: .max) == nothing)
        #expect(pace.tick(now: .min) == nothing)
    }

    @Test func `A small hard bound makes the soft one smaller`() {
        var pace = LinkPace(hardBound: 1_000)
        pace.join(1, now: 0)
        #expect(pace.queued(1, queue: 500, now: 0) == nothing)
        #expect(pace.queued(1, queue: 501, now: 0) == pause)
        #expect(pace.queued(1, queue: 1_001, now: 0) == LinkPace.Verdict(reading: .resume, letGo: [1]))
    }

    @Test func `A new bound holds from the next look on`() {
        var pace = pace(5)
        for id in 2...5 as ClosedRange<UInt64> { #expect(pace.queued(id, queue: 0, now: 0) == nothing) }
        #expect(pace.queued(1, queue: 2_000_000, now: 0) == nothing)
        pace.setHardBound(1_000_000)
        #expect(pace.queued(1, queue: 2_000_001, now: 1).letGo == [1])
        pace.setHardBound(hard)
        #expect(pace.queued(2, queue: 2_000_000, now: 2) == nothing)
    }
}
