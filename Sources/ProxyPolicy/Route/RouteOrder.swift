import MTProtoWire

/// Puts the rungs of a ladder into the order of a plan. Lives for one plan; works on indices, since this runs for every
/// client under a lock.
struct RouteOrder {
    private let ladder: RouteLadder
    private let hosts: [HostID: RouteHealth]
    private let now: Int64
    private let usesMiddleProxies: Bool
    private var indices: [Int]

    /// - Parameter usesMiddleProxies: whether the client is one who is to have them.
    init(_ ladder: RouteLadder, hosts: [HostID: RouteHealth], now: Int64, usesMiddleProxies: Bool) {
        self.ladder = ladder
        self.hosts = hosts
        self.now = now
        self.usesMiddleProxies = usesMiddleProxies
        indices = Array(ladder.rungs.indices)
    }

    /// Shuffles Workers and domains, the preferred domain first.
    mutating func shuffle(seed: UInt64, preferred: HostID?) {
        var generator = SplitMix(state: seed)
        shuffle(ladder.workers, with: &generator)
        shuffle(moveToFront(preferred, in: ladder.ownDomains), with: &generator)
        shuffle(moveToFront(preferred, in: ladder.community), with: &generator)
    }

    func plan(for dataCenter: DataCenter) -> RoutePlan {
        let ownEnd = ladder.community.lowerBound
        var own = sort(indices[(usesMiddleProxies ? 0 : ladder.middleProxies.upperBound)..<ownEnd])
        let community = sort(indices[ownEnd...])
        if let winner = ladder.winner(at: now), let place = own.sound.firstIndex(of: winner) {
            own.sound.remove(at: place)
            // What works best for others does not take the middle proxies' place.
            let first = own.sound.first.map(ladder.middleProxies.contains) == true ? 1 : 0
            own.sound.insert(winner, at: first)
        }
        var tries: [Route] = []
        tries.reserveCapacity(indices.count)
        func append(_ sorted: some Sequence<Int>) {
            for index in sorted { tries.append(ladder.rungs[index].route) }
        }
        append(own.sound)
        if own.sound.isEmpty { append(community.sound) }
        append(own.resting.lazy.map(\.index))
        if !own.sound.isEmpty { append(community.sound) }
        append(community.resting.lazy.map(\.index))
        let skipped = (own.resting + community.resting).map { resting in
            RoutePlan.Skipped(
                route: ladder.rungs[resting.index].route, until: resting.until, because: resting.reason
            )
        }
        return RoutePlan(dataCenter: dataCenter, tries: tries, skipped: skipped)
    }

    private struct Resting {
        var index: Int
        var until: Int64
        var reason: RouteFailure
    }

    /// Sound rungs in their order; resting ones by the end of their rest.
    private func sort(_ indices: ArraySlice<Int>) -> (sound: [Int], resting: [Resting]) {
        var sound: [Int] = []
        sound.reserveCapacity(indices.count)
        var resting: [Resting] = []
        for index in indices {
            if let rest = rest(of: ladder.rungs[index], index) {
                resting.append(rest)
            } else {
                sound.append(index)
            }
        }
        // `sort` is stable: equal times keep the order of the kinds.
        if resting.count > 1 { resting.sort { $0.until < $1.until } }
        return (sound, resting)
    }

    /// The later of the route's own rest and that of its host; nil: clients may try it now.
    private func rest(of rung: RouteLadder.Rung, _ index: Int) -> Resting? {
        let isProbed = rung.route.kind.isProbed
        var result: Resting?
        if let until = rung.health.eligibleTime(isProbed: isProbed), until > now, let reason = rung.health.reason {
            result = Resting(index: index, until: until, reason: reason)
        }
        guard let host = rung.host, !hosts.isEmpty, let health = hosts[host] else { return result }
        if let until = health.eligibleTime(isProbed: isProbed), until > result?.until ?? now, let reason = health.reason
        {
            result = Resting(index: index, until: until, reason: reason)
        }
        return result
    }

    /// - Returns: the rest of the range, to be shuffled.
    private mutating func moveToFront(_ host: HostID?, in range: Range<Int>) -> Range<Int> {
        guard let host, let place = range.first(where: { ladder.rungs[indices[$0]].host == host }) else { return range }
        indices.swapAt(range.lowerBound, place)
        return (range.lowerBound + 1)..<range.upperBound
    }

    private mutating func shuffle(_ range: Range<Int>, with generator: inout SplitMix) {
        guard range.count > 1 else { return }
        for place in range.dropLast() {
            indices.swapAt(place, Int.random(in: place..<range.upperBound, using: &generator))
        }
    }
}

/// Steele, Lea and Flood's SplitMix64: spreads one random number over a shuffle, so that a plan asks the random source
/// once. Orders of tries are no secret.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
