import ProxyPolicy
import Testing

@Suite struct TokenBucketTests {
    @Test func `A burst is free, and what comes after it waits`() {
        var bucket = TokenBucket(bytesPerSecond: 1_000, now: 0)
        #expect(bucket.take(250, now: 0) == 0)
        #expect(bucket.take(1, now: 0) == 1)
        #expect(bucket.take(99, now: 0) == 100)
        #expect(bucket.take(0, now: 40) == 60)
        #expect(bucket.take(0, now: 100) == 0)
    }

    @Test func `Silence earns one burst and no more`() {
        var bucket = TokenBucket(bytesPerSecond: 1_000, now: 0)
        #expect(bucket.take(0, now: 1_000_000) == 0)
        #expect(bucket.take(250, now: 1_000_000) == 0)
        #expect(bucket.take(1_000, now: 1_000_000) == 1_000)
    }

    @Test func `A slow rate loses nothing to rounding`() {
        var bucket = TokenBucket(bytesPerSecond: 3, now: 0)
        // The burst is three quarters of a byte.
        #expect(bucket.take(1, now: 0) == 84)
        for now in 1...83 as ClosedRange<Int64> { #expect(bucket.take(0, now: now) == 84 - now) }
        #expect(bucket.take(0, now: 84) == 0)
    }

    @Test func `A clock that stands still or runs back earns nothing`() {
        var bucket = TokenBucket(bytesPerSecond: 1_000, now: 1_000)
        #expect(bucket.take(350, now: 1_000) == 100)
        #expect(bucket.take(0, now: 500) == 100)
        #expect(bucket.take(0, now: 1_050) == 50)
    }

    @Test(arguments: [Int.min, -1, 0, 1, 1_000, 1 << 40, .max])
    func `No number traps`(rate: Int) {
        for start in [Int64.min, -1, 0, .max] {
            var bucket = TokenBucket(bytesPerSecond: rate, now: start)
            for bytes in [0, 1, Int.max, .min, Int.max, .max] {
                for now in [start, 0, .max, .min] { #expect(bucket.take(bytes, now: now) >= 0) }
            }
            for _ in 0..<5_000 { _ = bucket.take(.max, now: start) }
            #expect(bucket.take(0, now: .max) >= 0)
        }
    }

    @Test(arguments: UInt64(1)...30)
    func `Sessions that wait as told get the rate, and never more`(seed: UInt64) {
        var random = TestGenerator(seed: seed)
        let rate = Int.random(in: 1_000...50_000_000, using: &random)
        let greatest = Int.random(in: 1...max(rate / 4, 1), using: &random)
        var bucket = TokenBucket(bytesPerSecond: rate, now: 0)
        var sessions = [Int64](repeating: 0, count: Int.random(in: 1...8, using: &random))
        var taken = 0
        var isWithinRate = true
        var longestWait: Int64 = 0
        for now in 0..<20_000 as Range<Int64> {
            for index in sessions.indices where sessions[index] <= now {
                let bytes = Int.random(in: 0...greatest, using: &random)
                taken += bytes
                let wait = bucket.take(bytes, now: now)
                sessions[index] = now + wait
                longestWait = max(longestWait, wait)
                // What was taken before is within rate and burst; only the sessions' last takes are not paid yet.
                isWithinRate =
                    isWithinRate && taken <= rate * Int(now) / 1_000 + rate / 4 + greatest * sessions.count + 1
            }
        }
        #expect(isWithinRate)
        // Nobody is told to wait for longer than what was taken costs.
        #expect(longestWait <= Int64(greatest * sessions.count * 1_000 / rate + 2))
        // Busy sessions used what there was, but for a millisecond's rounding at every wait.
        let isBusy = greatest * sessions.count >= rate / 100
        if isBusy { #expect(taken >= rate * 20 * 8 / 10) }
    }
}
