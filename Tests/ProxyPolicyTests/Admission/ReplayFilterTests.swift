import MTProtoWire
import ProxyPolicy
import Testing

@Suite struct ReplayFilterTests {
    private static let window: UInt32 = 120
    private static let start: UInt32 = 1_700_000_000

    private static func block32(_ number: Int) -> Block32 {
        var block = Block32()
        block.withUnsafeMutableBytes { $0.storeBytes(of: number, as: Int.self) }
        return block
    }

    private static func block16(_ number: Int) -> Block16 {
        var block = Block16()
        block.withUnsafeMutableBytes { $0.storeBytes(of: number, as: Int.self) }
        return block
    }

    private func filter(hellos: Int = 1_000, headers: Int = 1_000, life: Int64 = 3_600_000) -> ReplayFilter {
        ReplayFilter(helloWindow: Self.window, headerLife: life, helloCapacity: hellos, headerCapacity: headers)
    }

    // MARK: - Hellos

    @Test func `A hello is accepted once`() {
        var filter = filter()
        #expect(filter.isReplayedHello(Self.block32(1), timestamp: Self.start, now: Self.start) == false)
        #expect(filter.isReplayedHello(Self.block32(1), timestamp: Self.start, now: Self.start) == true)
        #expect(filter.isReplayedHello(Self.block32(2), timestamp: Self.start, now: Self.start) == false)
        #expect(filter.counters.replayedHellos == 1)
    }

    @Test(arguments: [-120, -119, -60, -1, 0, 1, 60, 119, 120])
    func `A hello stays known for as long as its time is valid`(offset: Int) {
        var filter = filter()
        let timestamp = UInt32(Int(Self.start) + offset)
        #expect(filter.isReplayedHello(Self.block32(1), timestamp: timestamp, now: Self.start) == false)
        for now in Self.start...(timestamp + Self.window) {
            // Others come and go meanwhile.
            _ = filter.isReplayedHello(Self.block32(Int(now)), timestamp: now, now: now)
            let isReplayed = filter.isReplayedHello(Self.block32(1), timestamp: timestamp, now: now)
            #expect(isReplayed, "\(now - Self.start)")
        }
    }

    @Test(arguments: [-121, 121, -100_000, 100_000])
    func `A hello outside the window is refused`(offset: Int) {
        var filter = filter()
        let timestamp = UInt32(Int(Self.start) + offset)
        #expect(filter.isReplayedHello(Self.block32(1), timestamp: timestamp, now: Self.start) == true)
        #expect(filter.counters.hellosOutOfMemory == 1)
    }

    @Test(arguments: [(UInt32(0), UInt32(0)), (0, .max), (.max, 0), (.max, .max)])
    func `The ends of time are survived`(timestamp: UInt32, now: UInt32) {
        var filter = filter()
        #expect(filter.isReplayedHello(Self.block32(1), timestamp: timestamp, now: now) == (timestamp != now))
        #expect(filter.isReplayedHello(Self.block32(1), timestamp: timestamp, now: now) == true)
    }

    @Test func `A full set refuses new hellos instead of forgetting old ones`() {
        var filter = filter(hellos: 10)
        for number in 0..<10 {
            #expect(filter.isReplayedHello(Self.block32(number), timestamp: Self.start, now: Self.start) == false)
        }
        #expect(filter.isReplayedHello(Self.block32(10), timestamp: Self.start, now: Self.start) == true)
        #expect(filter.isReplayedHello(Self.block32(0), timestamp: Self.start, now: Self.start) == true)
        #expect(filter.counters.hellosRefusedWhenFull == 1)
        #expect(filter.counters.replayedHellos == 1)
        // It has room again when they cannot be played back any more.
        let later = Self.start + 3 * Self.window
        #expect(filter.isReplayedHello(Self.block32(11), timestamp: later, now: later) == false)
    }

    @Test func `A clock that goes back does not bring hellos back`() {
        var filter = filter()
        #expect(filter.isReplayedHello(Self.block32(1), timestamp: Self.start, now: Self.start) == false)
        let later = Self.start + 10_000
        #expect(filter.isReplayedHello(Self.block32(2), timestamp: later, now: later) == false)
        // Back to when the first one was valid: what was seen is forgotten, so nothing is accepted.
        #expect(filter.isReplayedHello(Self.block32(1), timestamp: Self.start, now: Self.start) == true)
        #expect(filter.isReplayedHello(Self.block32(3), timestamp: Self.start, now: Self.start) == true)
        #expect(filter.counters.hellosOutOfMemory == 2)
        // And the hello of the other time is still known there.
        #expect(filter.isReplayedHello(Self.block32(2), timestamp: later, now: later) == true)
        #expect(filter.counters.replayedHellos == 1)
    }

    @Test(arguments: UInt64(1)...10)
    func `No hello is ever accepted twice, whatever the clock does`(seed: UInt64) {
        var random = TestGenerator(seed: seed)
        var filter = filter(hellos: 300)
        var accepted: Set<Int> = []
        var timestamps: [Int: UInt32] = [:]
        var now = Self.start
        for _ in 0..<5_000 {
            switch Int.random(in: 0..<100, using: &random) {
            case 0: now = now &+ UInt32.random(in: 0...2_000, using: &random)
            case 1: now = now &- UInt32.random(in: 0...2_000, using: &random)
            default: now += UInt32.random(in: 0...2, using: &random)
            }
            let number = Int.random(in: 0..<2_000, using: &random)
            let fresh = UInt32(Int(now) + Int.random(in: -130...130, using: &random))
            let timestamp = timestamps[number, default: fresh]
            timestamps[number] = timestamp
            if !filter.isReplayedHello(Self.block32(number), timestamp: timestamp, now: now) {
                #expect(accepted.insert(number).inserted, "\(number) at \(now)")
            }
        }
        #expect(accepted.count > 100)
    }

    // MARK: - Headers

    @Test func `A header is refused for its life and forgotten soon after`() {
        var filter = filter(life: 3_600_000)
        #expect(filter.isReplayedHeader(Self.block16(1), now: 0) == false)
        for minute in 0...60 {
            #expect(filter.isReplayedHeader(Self.block16(100 + minute), now: Int64(minute) * 60_000) == false)
            #expect(filter.isReplayedHeader(Self.block16(1), now: Int64(minute) * 60_000) == true)
        }
        #expect(filter.isReplayedHeader(Self.block16(1), now: 3_600_000 * 3 / 2) == false)
        #expect(filter.counters.replayedHeaders == 61)
        #expect(filter.counters.evictedHeaders == 0)
    }

    @Test func `Too many headers drive out the oldest, which is counted`() {
        var filter = filter(headers: 100)
        for number in 0..<1_000 { #expect(filter.isReplayedHeader(Self.block16(number), now: Int64(number)) == false) }
        // At least three quarters of the capacity are known, the newest.
        for number in 925..<1_000 { #expect(filter.isReplayedHeader(Self.block16(number), now: 1_000) == true) }
        #expect((900...925).contains(filter.counters.evictedHeaders))
        #expect(filter.isReplayedHeader(Self.block16(0), now: 1_001) == false)
    }

    @Test(arguments: UInt64(1)...10)
    func `Without eviction no header is accepted twice within its life`(seed: UInt64) {
        var random = TestGenerator(seed: seed)
        var filter = filter(headers: 100_000, life: 10_000)
        var lastAccepted: [Int: Int64] = [:]
        var now: Int64 = 0
        for _ in 0..<20_000 {
            now += Int64.random(in: 0...20, using: &random)
            if Int.random(in: 0..<2_000, using: &random) == 0 { now += 30_000 }
            let number = Int.random(in: 0..<500, using: &random)
            let isReplayed = filter.isReplayedHeader(Self.block16(number), now: now)
            if isReplayed {
                // It was seen, and not much longer ago than its life: the memory is no larger than needed.
                let age = lastAccepted[number].map { now - $0 }
                #expect(age.map { $0 <= 10_000 * 3 / 2 } == true)
            } else {
                #expect(lastAccepted[number].map { now - $0 > 10_000 } ?? true)
                lastAccepted[number] = now
            }
        }
        #expect(filter.counters.evictedHeaders == 0)
    }

    @Test func `A life of zero forgets at the next moment`() {
        var filter = filter(life: 0)
        #expect(filter.isReplayedHeader(Self.block16(1), now: 5) == false)
        #expect(filter.isReplayedHeader(Self.block16(1), now: 5) == true)
        #expect(filter.isReplayedHeader(Self.block16(1), now: 6) == false)
    }
}
