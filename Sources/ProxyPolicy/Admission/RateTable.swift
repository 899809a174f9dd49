/// How often each of many keys does something: a token bucket for each, in bounded memory.
///
/// Keys lie in two generations. Whoever is not heard of for as long as a bucket takes to fill up is forgotten, since
/// nothing is lost by it: a new bucket is full. When there are too many keys at once the older generation is forgotten
/// early, which errs on the side of letting in.
struct RateTable<Key: Hashable & Sendable>: Sendable {
    private struct Bucket: Sendable {
        /// Thousandths of a token: the rate per second is then that per millisecond, without a remainder.
        var thousandths: Int64
        var time: Int64
    }

    /// Keys at once: 65,536 subnets that begin a handshake within seconds are no crowd that a rate per subnet can hold
    /// back. About 4 MiB when full.
    static var capacity: Int { 1 << 16 }
    /// What every key may do at once, whatever its rate: one app opens up to 8 connections when it starts.
    static var smallestBurst: Int64 { 8 }

    private let perSecond: Int64
    private let full: Int64
    /// How long an empty bucket takes to fill up, ms.
    private let life: Int64
    private let half: Int
    private var young: [Key: Bucket] = [:]
    private var old: [Key: Bucket] = [:]
    private var began: Int64?

    /// - Parameters:
    ///   - perSecond: at least 1; also what may come at once, if that is more than ``smallestBurst``.
    ///   - capacity: keys at once.
    init(perSecond: Int, capacity: Int = Self.capacity) {
        // No rate beyond a million times a million means anything, and this one's thousandths fit.
        self.perSecond = Int64(min(max(perSecond, 1), 1_000_000_000))
        full = max(self.perSecond, Self.smallestBurst) * 1_000
        life = full / self.perSecond + 1
        half = max(capacity / 2, 1)
    }

    var count: Int { young.count + old.count }

    /// - Returns: false when the key did it too often.
    mutating func take(_ key: Key, now: Int64) -> Bool {
        age(now)
        var bucket = young[key] ?? old.removeValue(forKey: key) ?? Bucket(thousandths: full, time: now)
        let elapsed = min(max(now &- bucket.time, 0), life)
        bucket.thousandths = min(bucket.thousandths + elapsed * perSecond, full)
        bucket.time = now
        let isAllowed = bucket.thousandths >= 1_000
        if isAllowed { bucket.thousandths -= 1_000 }
        young[key] = bucket
        return isAllowed
    }

    private mutating func age(_ now: Int64) {
        guard let began else {
            began = now
            return
        }
        guard now &- began > life || young.count >= half else { return }
        old = young
        young = [:]
        self.began = now
    }
}
