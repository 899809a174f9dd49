package import MTProtoWire

/// Whose secret is searched for next, where there are more secrets than can be tried at once: trial work is shared
/// fairly between groups of addresses, and is bounded per second.
///
/// A search waits here until it is removed. Every turn goes to the group that has waited longest, and in it to the search
/// that has waited longest; both then stand at the end. Who has no group (loopback, Unix sockets) stands for himself.
/// Times are ms of a clock that never runs backwards.
package struct SecretSearchQueue<Key: Hashable & Sendable>: Sendable {
    /// One turn: the search, and how many secrets may be tried now.
    package struct Turn: Sendable, Equatable {
        package var id: Key
        package var trials: Int
    }

    private enum Group: Hashable, Sendable {
        case subscriber(IPAddress)
        case nobody(Key)
    }

    /// Trials per second on one event loop. One is an HMAC over half a KiB, 1 to 2 µs: a tenth to a fifth of a core.
    package static var trialsPerSecond: Int { 100_000 }
    /// Trials of one turn: about half a millisecond, in which nobody else on the event loop is served.
    package static var slice: Int { 256 }
    /// Searches at once; the handshake's deadline ends those that wait too long.
    package static var waitingLimit: Int { 4_096 }
    /// Searches at once of one IPv4 address or IPv6 /64.
    package static var waitingLimitPerGroup: Int { 64 }

    /// Trials that may be saved up: those of 100 ms, so that a timer that is 50 ms late costs none.
    private static var mostSaved: Int64 { Int64(trialsPerSecond / 10) }

    private let limit: Int
    /// Searches at once of one group; a lower one concerns those who come.
    package var limitPerGroup: Int
    private var groups = LinkedTable<Group, LinkedTable<Key, Void>>()
    private var members: [Key: Group] = [:]
    /// Thousandths of a trial.
    private var budget = mostSaved * 1_000
    private var time: Int64?

    package init(limit: Int = Self.waitingLimit, limitPerGroup: Int = Self.waitingLimitPerGroup) {
        self.limit = limit
        self.limitPerGroup = limitPerGroup
    }

    package var count: Int { members.count }
    package var isEmpty: Bool { members.isEmpty }

    /// Adds a search at the end of its group; one that waits already stays where it is.
    ///
    /// - Returns: false when too many wait, in total or of that group.
    package mutating func enqueue(_ id: Key, group address: IPAddress?) -> Bool {
        guard members[id] == nil else { return true }
        guard members.count < limit else { return false }
        let group = AddressGroups(of: address).map { Group.subscriber($0.subscriber) } ?? .nobody(id)
        let isAdded = groups.update(group) { searches in
            guard searches.count < limitPerGroup else { return false }
            searches.append(id, ())
            return true
        }
        if isAdded == nil {
            var searches = LinkedTable<Key, Void>()
            searches.append(id, ())
            groups.append(group, searches)
        }
        guard isAdded != false else { return false }
        members[id] = group
        return true
    }

    /// Whose turn it is; nil when nobody waits or the trials of this moment are used up (see ``nextTurn(now:)``).
    /// The caller tries that many secrets, and then removes the search if it is finished.
    package mutating func next(atMost trials: Int = Self.slice, now: Int64) -> Turn? {
        let trials = min(max(trials, 1), Self.slice)
        refill(now)
        guard budget >= Int64(trials) * 1_000, let group = groups.first else { return nil }
        let id = groups.update(group) { searches in
            let id = searches.first
            if let id { searches.moveToEnd(id) }
            return id
        }
        groups.moveToEnd(group)
        guard case let id?? = id else { return nil }
        budget -= Int64(trials) * 1_000
        return Turn(id: id, trials: trials)
    }

    /// A turn needed fewer trials than it was given.
    package mutating func giveBack(_ trials: Int) {
        budget = min(budget + Int64(min(max(trials, 0), Self.slice)) * 1_000, Self.mostSaved * 1_000)
    }

    /// When a whole turn can be had: `now` if at once; nil when nobody waits.
    package func nextTurn(now: Int64) -> Int64? {
        guard !isEmpty else { return nil }
        let missing = Int64(Self.slice) * 1_000 - filled(now)
        guard missing > 0 else { return now }
        let perMillisecond = Int64(Self.trialsPerSecond)
        return now &+ (missing + perMillisecond - 1) / perMillisecond
    }

    /// The search is finished, or its client is gone.
    package mutating func remove(_ id: Key) {
        guard let group = members.removeValue(forKey: id) else { return }
        let isLast = groups.update(group) { searches in
            searches.remove(id)
            return searches.isEmpty
        }
        if isLast == true { groups.remove(group) }
    }

    private mutating func refill(_ now: Int64) {
        budget = filled(now)
        time = now
    }

    private func filled(_ now: Int64) -> Int64 {
        guard let time else { return budget }
        let elapsed = min(max(now &- time, 0), 1_000)
        return min(budget + elapsed * Int64(Self.trialsPerSecond), Self.mostSaved * 1_000)
    }
}
