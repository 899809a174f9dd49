import ProxyPolicy
import Testing

@Suite struct UserUsageTests {
    private let monthly = TrafficQuota(bytes: 1_000, period: .month(startingOn: 1))
    private let march: Int64 = 1_709_251_200
    private let april: Int64 = 1_711_929_600

    @Test func `Bytes of both directions count against the quota`() {
        var usage = UserUsage()
        usage.add(up: 3, down: 4, sessions: 1)
        usage.add(up: 10, down: 0, sessions: 0)
        #expect(usage.up == 13)
        #expect(usage.down == 4)
        #expect(usage.sessions == 1)
        #expect(usage.quotaUsed == 17)
    }

    @Test func `Counters stay at the greatest number`() {
        var usage = UserUsage()
        usage.add(up: .max, down: .max, sessions: .max)
        usage.add(up: 1, down: 1, sessions: 1)
        #expect(usage.up == .max)
        #expect(usage.down == .max)
        #expect(usage.sessions == .max)
        #expect(usage.quotaUsed == .max)
    }

    @Test func `A new period begins at nothing and keeps the totals`() {
        var usage = UserUsage()
        usage.rollOver(monthly, now: march + 5)
        #expect(usage.quotaSince == march)
        usage.add(up: 500, down: 500, sessions: 1)
        usage.rollOver(monthly, now: april - 1)
        #expect(usage.quotaUsed == 1_000)
        #expect(usage.isExhausted(monthly, now: april - 1))
        #expect(!usage.isExhausted(monthly, now: april))
        usage.rollOver(monthly, now: april)
        #expect(usage.quotaUsed == 0)
        #expect(usage.quotaSince == april)
        #expect(usage.up == 500)
    }

    @Test func `A reset gives the whole quota until the period ends`() {
        var usage = UserUsage()
        usage.rollOver(monthly, now: march)
        usage.add(up: 1_000, down: 0, sessions: 0)
        usage.resetQuota(now: march + 100)
        #expect(!usage.isExhausted(monthly, now: march + 100))
        usage.add(up: 999, down: 0, sessions: 0)
        usage.rollOver(monthly, now: april - 1)
        #expect(usage.quotaUsed == 999)
        #expect(usage.quotaSince == march + 100)
        usage.rollOver(monthly, now: april)
        #expect(usage.quotaUsed == 0)
    }

    @Test func `A quota without periods ends for good`() {
        let total = TrafficQuota(bytes: 10, period: .never)
        var usage = UserUsage()
        usage.rollOver(total, now: march)
        usage.add(up: 9, down: 0, sessions: 0)
        #expect(!usage.isExhausted(total, now: april))
        usage.add(up: 1, down: 0, sessions: 0)
        usage.rollOver(total, now: .max)
        #expect(usage.isExhausted(total, now: .max))
        usage.resetQuota(now: april)
        usage.rollOver(total, now: april)
        #expect(!usage.isExhausted(total, now: april))
    }

    @Test func `Without a quota nothing is used up and nothing rolls over`() {
        var usage = UserUsage()
        usage.add(up: .max, down: 0, sessions: 0)
        usage.rollOver(nil, now: april)
        #expect(!usage.isExhausted(nil, now: april))
        #expect(usage.quotaUsed == .max)
        // A quota that is set now starts with its period.
        usage.rollOver(monthly, now: april)
        #expect(usage.quotaUsed == 0)
    }

    @Test func `A period that began while the clock was ahead is not waited for`() {
        var usage = UserUsage()
        usage.rollOver(monthly, now: april + 400 * 86_400)
        usage.add(up: 1_000, down: 0, sessions: 0)
        usage.rollOver(monthly, now: march + 5)
        #expect(usage.quotaSince == march)
        #expect(usage.isExhausted(monthly, now: march + 5))
        #expect(!usage.isExhausted(monthly, now: april))
    }
}
