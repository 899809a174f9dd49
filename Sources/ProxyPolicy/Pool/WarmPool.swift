/// Bookkeeping of the idle upstreams of one (data center, media): when to open, which to hand out, what to close.
///
/// Connections are opened one at a time, handed out newest first, and only kept while somebody is there to use them.
/// Times are milliseconds of one clock that never runs backwards.
package struct WarmPool<Item> {
    /// Permission to open one upstream; brought back by `finishOpening` or `failOpening`.
    package struct Opening: Hashable, Sendable {
        fileprivate var number: UInt64
        fileprivate var generation: UInt64
    }

    fileprivate struct Entry {
        var item: Item
        var since: Int64
    }

    private var size: Int
    private var maximumAge: Int64
    /// Oldest first.
    private var entries: [Entry] = []
    private var generation: UInt64 = 0
    private var openings: UInt64 = 0
    private var current: (opening: Opening, since: Int64)?
    private var failures = 0
    private var retryTime: Int64?
    private var clients = 0
    /// When the last client left, or the warm-up began; nil before both and while somebody is connected.
    private var idleSince: Int64?
    private var lastTake: Int64?
    /// Openings that the warm-up still allows; nil: no warm-up in progress.
    private var warmUpLeft: Int?
    private var wasStarted = false

    /// - Parameters:
    ///   - size: upstreams kept; 0 switches the pool off.
    ///   - maximumAge: ms after which an idle upstream is not handed out any more.
    package init(size: Int, maximumAge: Int64) {
        self.size = max(size, 0)
        self.maximumAge = max(maximumAge, 0)
    }

    package var count: Int { entries.count }
    package var isOpening: Bool { current != nil }

    /// Takes another size and another age.
    ///
    /// - Returns: what is too much now, oldest first, to be closed.
    package mutating func resize(to size: Int, maximumAge: Int64) -> [Item] {
        self.size = max(size, 0)
        self.maximumAge = max(maximumAge, 0)
        return drop(max(entries.count - self.size, 0))
    }

    // MARK: - Clients

    /// How many clients are connected now; the pool empties when there is none for ``WarmPoolTimes/idleAfter``.
    package mutating func clientsChanged(to count: Int, now: Int64) {
        if count > 0 {
            idleSince = nil
            warmUpLeft = nil
            wasStarted = true
        } else if clients > 0 {
            idleSince = now
        }
        clients = max(count, 0)
    }

    /// Fills the pool once before the first client; later calls change nothing.
    package mutating func warmUp(now: Int64) {
        guard !wasStarted else { return }
        wasStarted = true
        idleSince = now
        warmUpLeft = size
    }

    // MARK: - Items

    /// The newest upstream that is not too old; nil: the client opens its own. Both count as use. The caller checks
    /// that the upstream is alive, and asks again when it is not.
    package mutating func take(now: Int64) -> Item? {
        lastTake = now
        guard let newest = entries.last, now - newest.since <= maximumAge else { return nil }
        entries.removeLast()
        return newest.item
    }

    /// Takes out upstreams to close: too old, or all when nobody is connected any more.
    package mutating func expire(now: Int64) -> [Item] {
        guard !entries.isEmpty else { return [] }
        guard isAwake(now) else { return drop(entries.count) }
        let fresh = entries.firstIndex { now - $0.since <= maximumAge } ?? entries.count
        return drop(fresh)
    }

    /// Takes out upstreams that closed by themselves.
    package mutating func removeAll(where isDead: (Item) -> Bool) {
        entries.removeAll { isDead($0.item) }
    }

    /// Takes out everything, and refuses what is being opened: another network, or the end.
    package mutating func drain() -> [Item] {
        generation += 1
        current = nil
        failures = 0
        retryTime = nil
        return drop(entries.count)
    }

    // MARK: - Opening

    /// How many upstreams to open now: 0 or 1, since several handshakes at once look like an attack to some networks
    /// (observed: all but one of them time out).
    package func wanted(now: Int64) -> Int {
        guard size > 0, isAwake(now), isInDemand(now) else { return 0 }
        if let current, now - current.since < WarmPoolTimes.openingLease { return 0 }
        if let retryTime, now < retryTime { return 0 }
        let fresh = entries.count(where: { now - $0.since <= maximumAge })
        return fresh < size ? 1 : 0
    }

    /// Permission to open one upstream; nil: none is wanted.
    package mutating func beginOpening(now: Int64) -> Opening? {
        guard wanted(now: now) > 0 else { return nil }
        openings += 1
        let opening = Opening(number: openings, generation: generation)
        current = (opening, now)
        if let left = warmUpLeft { warmUpLeft = left - 1 }
        return opening
    }

    /// Takes the opened upstream in.
    ///
    /// - Returns: false when it is not wanted any more and the caller closes it.
    package mutating func finishOpening(_ opening: Opening, with item: Item, now: Int64) -> Bool {
        end(opening)
        guard opening.generation == generation else { return false }
        failures = 0
        retryTime = nil
        let fresh = entries.count(where: { now - $0.since <= maximumAge })
        guard isAwake(now), fresh < size else { return false }
        entries.append(Entry(item: item, since: now))
        return true
    }

    /// Opening failed: the next one waits, longer each time.
    package mutating func failOpening(_ opening: Opening, now: Int64) {
        end(opening)
        guard opening.generation == generation else { return }
        let wait = min(WarmPoolTimes.firstBackoff << Int64(min(failures, 10)), WarmPoolTimes.maximumBackoff)
        failures += 1
        retryTime = now + wait
    }

    // MARK: - Parts

    /// Somebody is connected, was until a moment ago, or is expected at the start.
    private func isAwake(_ now: Int64) -> Bool {
        if clients > 0 { return true }
        guard let idleSince else { return false }
        return now - idleSince < WarmPoolTimes.idleAfter
    }

    /// Somebody asked lately, or the warm-up is not complete: without it, upstreams that grow old would be replaced for
    /// as long as a client holds a single quiet session.
    private func isInDemand(_ now: Int64) -> Bool {
        if let warmUpLeft, warmUpLeft > 0 { return true }
        guard let lastTake else { return false }
        return now - lastTake < WarmPoolTimes.refillsAfterUse
    }

    private mutating func end(_ opening: Opening) {
        if current?.opening == opening { current = nil }
    }

    private mutating func drop(_ count: Int) -> [Item] {
        let dropped = entries.prefix(count).map(\.item)
        entries.removeFirst(count)
        return dropped
    }
}

extension WarmPool: Sendable where Item: Sendable {}
extension WarmPool.Entry: Sendable where Item: Sendable {}

/// Times of every ``WarmPool``, milliseconds.
package enum WarmPoolTimes {
    /// The pool empties when nobody was connected for this long: a client that changes networks is back within it.
    package static let idleAfter: Int64 = 60_000
    /// Upstreams that grew old are replaced for this long after the last use.
    package static let refillsAfterUse: Int64 = 5 * 60_000
    /// Wait after the first failed opening; doubles up to ``maximumBackoff``.
    package static let firstBackoff: Int64 = 60_000
    package static let maximumBackoff: Int64 = 3_600_000
    /// An opening that was not brought back in this time does not hold up the next one; connecting takes 8 s at most.
    package static let openingLease: Int64 = 30_000
}
