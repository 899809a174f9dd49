package import MTProtoWire

/// Remembers which handshakes were seen, so that a recorded one cannot be played back. Exact, with bounded memory.
///
/// Two sets: FakeTLS hellos, which carry a time and are refused outside a window around now, and obfuscated2 headers,
/// which carry none and are remembered for a life. What is remembered goes to the next process with ``memory(now:)``.
package struct ReplayFilter: Sendable {
    /// What happened so far.
    package struct Counters: Sendable, Equatable {
        /// Hellos that had been seen.
        package var replayedHellos = 0
        /// Hellos refused because the set was full of ones that may still be played back.
        package var hellosRefusedWhenFull = 0
        /// Hellos refused because their time lies where the filter has forgotten what it saw (the wall clock went
        /// back), or outside the window.
        package var hellosOutOfMemory = 0
        /// Headers that had been seen.
        package var replayedHeaders = 0
        /// Headers forgotten before their life ended because there were too many.
        package var evictedHeaders = 0
    }

    /// Proven hellos within one window, twice over: 1,048,576 in 4 minutes is 4,300 new clients a second. About 64 MiB
    /// when full, nothing when idle.
    package static let helloCapacity = 1 << 20
    /// Headers within their life (an hour): 290 new clients a second. About 32 MiB when full.
    package static let headerCapacity = 1 << 20

    /// Every accepted hello of this Unix time or later is known here. It is when the process began, or an earlier moment
    /// once the memory of the one before was taken over.
    package private(set) var since: UInt32
    private let window: Int64
    private let capacity: Int
    /// Hellos by time, in stretches as long as the window: at most four hold hellos that are valid at one moment, and
    /// as many that were taken over with other ends.
    private var hellos: [ReplayMemory.Hellos] = []
    private var helloCount = 0
    /// The latest time about which hellos were forgotten. No hello up to it is accepted any more, so that none is
    /// accepted twice even when the wall clock goes back.
    private var horizon: Int64 = -1
    private var lastExpiry: Int64 = -1
    private var headers: AgeingSet<Block16>
    private var counted = Counters()

    /// - Parameters:
    ///   - since: Unix time from which on this filter sees every hello.
    ///   - helloWindow: how far a hello's time may be from ours, seconds either way.
    ///   - headerLife: how long a header is remembered, ms.
    package init(
        since: UInt32 = 0,
        helloWindow: UInt32,
        headerLife: Int64,
        helloCapacity: Int = ReplayFilter.helloCapacity,
        headerCapacity: Int = ReplayFilter.headerCapacity
    ) {
        self.since = since
        window = Int64(helloWindow)
        capacity = helloCapacity
        headers = AgeingSet(life: headerLife, capacity: headerCapacity)
    }

    package var counters: Counters {
        var result = counted
        result.evictedHeaders = headers.evictions
        return result
    }

    /// Asks for a proven hello and remembers it.
    ///
    /// - Parameters:
    ///   - random: the 32 random bytes as received.
    ///   - timestamp: the Unix time that the hello carries.
    ///   - now: Unix time here, of the clock with which the window was checked.
    /// - Returns: true when it must be refused: seen before, or impossible to tell.
    package mutating func isReplayedHello(_ random: Block32, timestamp: UInt32, now: UInt32) -> Bool {
        let time = Int64(timestamp)
        let now = Int64(now)
        expireHellos(now)
        guard abs(time - now) <= window, time > horizon else {
            counted.hellosOutOfMemory += 1
            return true
        }
        if hellos.contains(where: { $0.covers(time) && $0.randoms.contains(random) }) {
            counted.replayedHellos += 1
            return true
        }
        // Forgetting one that may still be played back would be worse than refusing a client.
        guard helloCount < capacity else {
            counted.hellosRefusedWhenFull += 1
            return true
        }
        remember(random, time)
        return false
    }

    /// Asks for a header that decrypted well and remembers it.
    ///
    /// - Parameters:
    ///   - key: bytes 8..<24 of the header as received.
    ///   - now: ms of a clock that never runs backwards.
    package mutating func isReplayedHeader(_ key: Block16, now: Int64) -> Bool {
        let isNew = headers.insert(key, now: now)
        if !isNew { counted.replayedHeaders += 1 }
        return !isNew
    }

    // MARK: - From process to process

    /// Everything that is remembered. `now`: ms of the clock of ``isReplayedHeader(_:now:)``.
    package func memory(now: Int64) -> ReplayMemory {
        ReplayMemory(
            since: since, horizon: horizon, hellos: hellos,
            headers: headers.stretches(now: now).map {
                ReplayMemory.Headers(age: $0.age, newestAge: $0.newestAge, keys: $0.keys)
            }
        )
    }

    /// Takes what an earlier process remembers; this one has not seen anything yet.
    package mutating func adopt(_ memory: ReplayMemory, now: Int64) {
        since = min(since, memory.since)
        horizon = max(horizon, memory.horizon)
        for stretch in memory.hellos {
            hellos.append(stretch)
            helloCount += stretch.randoms.count
        }
        headers.adopt(memory.headers.map { ($0.age, $0.newestAge, $0.keys) }, now: now)
    }

    /// Takes what the earlier process saw after it told its ``memory(now:)``.
    package mutating func adopt(_ mark: ReplayMark, now: Int64) {
        switch mark {
        case .hello(let random, let timestamp): remember(random, Int64(timestamp))
        case .header(let key): _ = headers.insert(key, now: now)
        }
    }

    // MARK: - Hellos

    private mutating func remember(_ random: Block32, _ time: Int64) {
        helloCount += 1
        let length = max(window, 1)
        let (first, last) = (time / length * length, time / length * length + length - 1)
        if let place = hellos.firstIndex(where: { $0.first == first && $0.last == last }) {
            hellos[place].randoms.insert(random)
        } else {
            hellos.append(ReplayMemory.Hellos(first: first, last: last, randoms: [random]))
        }
    }

    /// Forgets the stretches that lie before the window as a whole: once a second at most.
    private mutating func expireHellos(_ now: Int64) {
        guard now != lastExpiry else { return }
        lastExpiry = now
        for stretch in hellos where stretch.last + window < now {
            helloCount -= stretch.randoms.count
            horizon = max(horizon, stretch.last)
        }
        hellos.removeAll { $0.last + window < now }
    }
}

extension ReplayMemory.Hellos {
    fileprivate func covers(_ time: Int64) -> Bool { first <= time && time <= last }
}
