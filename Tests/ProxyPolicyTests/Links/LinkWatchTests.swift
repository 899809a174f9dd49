import ProxyPolicy
import Testing

/// When a link's peer is asked whether it is there, and when it is given up.
@Suite struct LinkWatchTests {
    @Test func `What meets silence is asked about after two seconds, and given up six seconds later`() {
        var watch = LinkWatch(now: 0)
        watch.sent(at: 10_000)
        #expect(watch.check(at: 11_999) == .wait(milliseconds: 1))
        #expect(watch.check(at: 12_000) == .ping)
        #expect(watch.check(at: 12_000) == .wait(milliseconds: 6_000))
        #expect(watch.check(at: 17_999) == .wait(milliseconds: 1))
        #expect(watch.check(at: 18_000) == .lost)
    }

    @Test func `Whatever comes is a sign of life`() {
        var watch = LinkWatch(now: 0)
        watch.sent(at: 10_000)
        #expect(watch.check(at: 12_000) == .ping)
        watch.received(at: 17_000)
        #expect(watch.check(at: 18_000) != .lost)
        // The ping stays unanswered, which is no reason to give up a link that speaks.
        #expect(watch.confirmedUntil == 0)
    }

    @Test func `A pong proves that everything before its ping was read`() {
        var watch = LinkWatch(now: 0)
        watch.sent(at: 10_000)
        #expect(watch.check(at: 12_000) == .ping)
        watch.sent(at: 12_500)
        watch.ponged(at: 12_600)
        #expect(watch.confirmedUntil == 12_000)
        // There is something unconfirmed: the next ping follows at the busy pace.
        watch.received(at: 12_700)
        #expect(watch.check(at: 16_999) == .wait(milliseconds: 1))
        #expect(watch.check(at: 17_000) == .ping)
    }

    @Test func `An idle link is asked twice a minute`() {
        var watch = LinkWatch(now: 0)
        #expect(watch.check(at: 0) == .wait(milliseconds: 30_000))
        #expect(watch.check(at: 30_000) == .ping)
        watch.ponged(at: 30_100)
        #expect(watch.check(at: 30_100) == .wait(milliseconds: 30_000))
    }

    @Test func `While we do not read, silence says nothing, and what was sent meanwhile is not proven`() {
        var watch = LinkWatch(now: 0)
        watch.sent(at: 10_000)
        #expect(watch.check(at: 12_000) == .ping)
        watch.paused()
        #expect(watch.check(at: 60_000) != .lost)
        watch.sent(at: 60_000)
        watch.resumed(at: 61_000)
        #expect(watch.check(at: 66_999) != .lost)
        watch.ponged(at: 66_999)
        #expect(watch.confirmedUntil == 12_000)
    }

    @Test func `A link that stays silent after a pause is given up all the same`() {
        var watch = LinkWatch(now: 0)
        watch.sent(at: 10_000)
        #expect(watch.check(at: 12_000) == .ping)
        watch.paused()
        watch.resumed(at: 20_000)
        #expect(watch.check(at: 26_000) == .lost)
    }
}
