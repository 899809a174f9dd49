/// A set whose keys live for a time, with bounded memory and constant work: keys lie in a few generations, and a whole
/// generation is forgotten at once.
///
/// A key lives at least `life` and at most about a third longer, unless the set is full: then the oldest generation
/// goes early. Times are of any clock that never runs backwards.
struct AgeingSet<Key: Hashable & Sendable>: Sendable {
    private struct Generation: Sendable {
        var start: Int64
        var newest: Int64
        var keys: Set<Key> = []
    }

    private let life: Int64
    private let capacity: Int
    /// Oldest first. At most 4 full ones fit in `capacity`, and about 5 begin within `life`.
    private var generations: [Generation] = []
    private(set) var count = 0
    /// Keys forgotten before their life ended.
    private(set) var evictions = 0

    /// Generations that fill `capacity`, and one more than those that divide `life`.
    private static var divisor: Int { 4 }

    init(life: Int64, capacity: Int) {
        self.life = max(life, 0)
        self.capacity = max(capacity, Self.divisor)
    }

    /// - Returns: false when the key was there already.
    mutating func insert(_ key: Key, now: Int64) -> Bool {
        while let oldest = generations.first, now - oldest.newest > life { dropOldest() }
        guard !generations.contains(where: { $0.keys.contains(key) }) else { return false }
        if needsGeneration(now) {
            if count > capacity - capacity / Self.divisor { evictOldest(now) }
            generations.append(Generation(start: now, newest: now))
        }
        generations[generations.count - 1].keys.insert(key)
        generations[generations.count - 1].newest = now
        count += 1
        return true
    }

    /// All keys, by when they came: how long ago a stretch of them began and ended, ms; oldest first.
    func stretches(now: Int64) -> [(age: Int64, newestAge: Int64, keys: Set<Key>)] {
        generations.map { (now - $0.start, now - $0.newest, $0.keys) }
    }

    /// Takes keys of another set, oldest first, before any of its own.
    mutating func adopt(_ stretches: [(age: Int64, newestAge: Int64, keys: Set<Key>)], now: Int64) {
        for stretch in stretches {
            let age = max(stretch.age, 0)
            let newest = now - min(max(stretch.newestAge, 0), age)
            generations.append(Generation(start: now - age, newest: newest, keys: stretch.keys))
            count += stretch.keys.count
        }
    }

    private func needsGeneration(_ now: Int64) -> Bool {
        guard let last = generations.last else { return true }
        return now - last.start > life / Int64(Self.divisor - 1) || last.keys.count >= capacity / Self.divisor
    }

    private mutating func evictOldest(_ now: Int64) {
        evictions += generations.first?.keys.count ?? 0
        dropOldest()
    }

    private mutating func dropOldest() {
        count -= generations.removeFirst().keys.count
    }
}
