import ProxyPolicy
import Testing

@Suite struct WarmPoolTests {
    private static let age: Int64 = 60_000

    /// A pool of numbered upstreams that somebody uses, filled one after another.
    private func filled(_ size: Int = 2, at now: Int64 = 0) throws -> WarmPool<Int> {
        var pool = WarmPool<Int>(size: size, maximumAge: Self.age)
        pool.clientsChanged(to: 1, now: now)
        _ = pool.take(now: now)
        for number in 0..<size {
            let opening = try unwrapped(pool.beginOpening(now: now + Int64(number)))
            let isKept = pool.finishOpening(opening, with: number, now: now + Int64(number))
            #expect(isKept)
        }
        return pool
    }

    @Test func `A pool opens one upstream after another until it is full`() throws {
        var pool = WarmPool<Int>(size: 2, maximumAge: Self.age)
        pool.clientsChanged(to: 1, now: 0)
        #expect(pool.take(now: 0) == nil)
        let first = try unwrapped(pool.beginOpening(now: 0))
        #expect(pool.wanted(now: 1) == 0)
        #expect(pool.beginOpening(now: 1) == nil)
        #expect(pool.finishOpening(first, with: 1, now: 2) == true)
        #expect(pool.wanted(now: 2) == 1)
        let second = try unwrapped(pool.beginOpening(now: 2))
        #expect(pool.finishOpening(second, with: 2, now: 3) == true)
        #expect(pool.wanted(now: 3) == 0)
        #expect(pool.count == 2)
    }

    @Test func `The newest upstream is taken first and replaced`() throws {
        var pool = try filled()
        #expect(pool.take(now: 10) == 1)
        #expect(pool.wanted(now: 10) == 1)
        #expect(pool.take(now: 10) == 0)
        #expect(pool.take(now: 10) == nil)
    }

    @Test func `Upstreams that are too old are not taken but closed`() throws {
        var pool = try filled()
        // The second one is a millisecond younger.
        #expect(pool.expire(now: Self.age) == [])
        #expect(pool.expire(now: Self.age + 1) == [0])
        #expect(pool.take(now: Self.age + 2) == nil)
        #expect(pool.expire(now: Self.age + 2) == [1])
        #expect(pool.count == 0)
    }

    @Test func `Upstreams that grow old are replaced while somebody asks, and not for ever`() throws {
        var pool = try filled()
        #expect(pool.wanted(now: Self.age + 2) == 1)
        #expect(pool.wanted(now: 299_999) == 1)
        #expect(pool.wanted(now: 300_000) == 0)
        _ = pool.take(now: 400_000)
        #expect(pool.wanted(now: 400_000) == 1)
    }

    @Test func `A pool empties a minute after the last client left`() throws {
        var pool = try filled(at: 100_000)
        pool.clientsChanged(to: 0, now: 110_000)
        pool.clientsChanged(to: 0, now: 120_000)
        #expect(pool.take(now: 120_000) == 1)
        #expect(pool.wanted(now: 120_000) == 1)
        let late = try unwrapped(pool.beginOpening(now: 169_000))
        #expect(pool.wanted(now: 170_000) == 0)
        #expect(pool.expire(now: 170_000) == [0])
        #expect(pool.finishOpening(late, with: 7, now: 170_000) == false)
        #expect(pool.count == 0)
        // And fills again when somebody comes.
        pool.clientsChanged(to: 1, now: 200_000)
        #expect(pool.take(now: 200_000) == nil)
        #expect(pool.wanted(now: 200_000) == 1)
    }

    @Test func `Before anybody came nothing is wanted, except one warm-up`() throws {
        var pool = WarmPool<Int>(size: 2, maximumAge: Self.age)
        #expect(pool.wanted(now: 0) == 0)
        pool.warmUp(now: 0)
        for number in 0..<2 {
            let opening = try unwrapped(pool.beginOpening(now: 0))
            #expect(pool.finishOpening(opening, with: number, now: 0) == true)
        }
        pool.removeAll { _ in true }
        // The warm-up is used up, however often it is asked for.
        #expect(pool.wanted(now: 1) == 0)
        pool.warmUp(now: 70_000)
        #expect(pool.wanted(now: 70_000) == 0)
    }

    @Test func `A warm-up ends after a minute without clients`() {
        var pool = WarmPool<Int>(size: 2, maximumAge: Self.age)
        pool.warmUp(now: 0)
        #expect(pool.wanted(now: 59_999) == 1)
        #expect(pool.wanted(now: 60_000) == 0)
    }

    @Test func `After a client came there is no warm-up`() {
        var pool = WarmPool<Int>(size: 2, maximumAge: Self.age)
        pool.clientsChanged(to: 1, now: 0)
        pool.clientsChanged(to: 0, now: 1)
        pool.warmUp(now: 2)
        #expect(pool.wanted(now: 2) == 0)
    }

    @Test func `Failed openings wait longer each time, up to an hour, until one succeeds`() throws {
        var pool = WarmPool<Int>(size: 2, maximumAge: Self.age)
        pool.clientsChanged(to: 1, now: 0)
        var now: Int64 = 0
        var waits: [Int64] = []
        for _ in 0..<9 {
            _ = pool.take(now: now)
            let opening = try unwrapped(pool.beginOpening(now: now))
            pool.failOpening(opening, now: now)
            let start = now
            // A minute at a time: all waits are whole minutes.
            while pool.wanted(now: now) == 0 {
                now += 60_000
                _ = pool.take(now: now)
            }
            waits.append((now - start) / 60_000)
        }
        #expect(waits == [1, 2, 4, 8, 16, 32, 60, 60, 60])
        let opening = try unwrapped(pool.beginOpening(now: now))
        #expect(pool.finishOpening(opening, with: 1, now: now) == true)
        let next = try unwrapped(pool.beginOpening(now: now))
        pool.failOpening(next, now: now)
        #expect(pool.wanted(now: now + 59_999) == 0)
        #expect(pool.wanted(now: now + 60_000) == 1)
    }

    @Test func `Draining gives everything back, forgets failures and refuses what is being opened`() throws {
        var pool = try filled(3)
        _ = pool.take(now: 1_000)
        let opening = try unwrapped(pool.beginOpening(now: 1_000))
        #expect(pool.drain() == [0, 1])
        #expect(pool.wanted(now: 1_001) == 1)
        let fresh = try unwrapped(pool.beginOpening(now: 1_001))
        #expect(pool.finishOpening(opening, with: 8, now: 1_002) == false)
        #expect(pool.finishOpening(fresh, with: 9, now: 1_003) == true)
        #expect(pool.take(now: 1_004) == 9)
    }

    @Test func `A failure from before a drain does not hold up the new network`() throws {
        var pool = try filled(1)
        _ = pool.take(now: 0)
        let opening = try unwrapped(pool.beginOpening(now: 0))
        _ = pool.drain()
        pool.failOpening(opening, now: 1)
        #expect(pool.wanted(now: 1) == 1)
    }

    @Test func `An opening that is lost does not block the pool`() throws {
        var pool = WarmPool<Int>(size: 1, maximumAge: Self.age)
        pool.clientsChanged(to: 1, now: 0)
        _ = pool.take(now: 0)
        let lost = try unwrapped(pool.beginOpening(now: 0))
        #expect(pool.wanted(now: 29_999) == 0)
        let next = try unwrapped(pool.beginOpening(now: 30_000))
        #expect(pool.finishOpening(next, with: 1, now: 30_001) == true)
        #expect(pool.finishOpening(lost, with: 2, now: 30_002) == false)
        #expect(pool.count == 1)
    }

    @Test func `Dead upstreams are removed and replaced`() throws {
        var pool = try filled()
        pool.removeAll { $0 == 1 }
        #expect(pool.count == 1)
        #expect(pool.wanted(now: 10) == 1)
        #expect(pool.take(now: 10) == 0)
    }

    @Test(arguments: [0, -1])
    func `A pool of size zero does nothing`(size: Int) {
        var pool = WarmPool<Int>(size: size, maximumAge: Self.age)
        pool.warmUp(now: 0)
        pool.clientsChanged(to: 5, now: 0)
        #expect(pool.take(now: 0) == nil)
        #expect(pool.wanted(now: 0) == 0)
        #expect(pool.beginOpening(now: 0) == nil)
        #expect(pool.expire(now: 0) == [])
    }

    @Test(arguments: UInt64(1)...30)
    func `Every upstream is given back exactly once and the pool never exceeds its size`(seed: UInt64) throws {
        var random = TestGenerator(seed: seed)
        let size = Int.random(in: 0...4, using: &random)
        var pool = WarmPool<Int>(size: size, maximumAge: Self.age)
        var openings: [WarmPool<Int>.Opening] = []
        var inside: Set<Int> = []
        var number = 0
        var now: Int64 = 0
        func leave(_ items: [Int]) {
            for item in items { #expect(inside.remove(item) != nil) }
        }
        for _ in 0..<500 {
            now += Int64.random(in: 0...20_000, using: &random)
            switch Int.random(in: 0..<8, using: &random) {
            case 0: pool.clientsChanged(to: Int.random(in: 0...2, using: &random), now: now)
            case 1: pool.warmUp(now: now)
            case 2: if let item = pool.take(now: now) { leave([item]) }
            case 3: leave(pool.expire(now: now))
            case 4: if Int.random(in: 0..<10, using: &random) == 0 { leave(pool.drain()) }
            case 5:
                guard !openings.isEmpty else { break }
                pool.failOpening(openings.removeFirst(), now: now)
            case 6:
                guard !openings.isEmpty else { break }
                number += 1
                if pool.finishOpening(openings.removeFirst(), with: number, now: now) { inside.insert(number) }
            default:
                let wanted = pool.wanted(now: now)
                #expect((0...1).contains(wanted))
                let opening = pool.beginOpening(now: now)
                #expect((opening != nil) == (wanted == 1))
                if let opening { openings.append(opening) }
            }
            #expect(pool.count == inside.count)
            leave(pool.expire(now: now))
            #expect(pool.count <= size)
        }
    }

    @Test func `A smaller pool gives its oldest back, a larger one opens more`() throws {
        var pool = try filled(3)
        #expect(pool.resize(to: 1, maximumAge: Self.age) == [0, 1])
        #expect(pool.wanted(now: 10) == 0)
        #expect(pool.resize(to: 2, maximumAge: Self.age) == [])
        #expect(pool.wanted(now: 10) == 1)
        #expect(pool.resize(to: 2, maximumAge: 5) == [])
        #expect(pool.take(now: 10) == nil)
        #expect(pool.resize(to: 0, maximumAge: 5) == [2])
        #expect(pool.wanted(now: 10) == 0)
    }
}
