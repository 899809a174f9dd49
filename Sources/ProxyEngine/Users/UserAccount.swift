import MTProtoWire
package import ProxyPolicy
import Synchronization

/// One user while the program runs: the limits, the open sessions, the bytes.
///
/// Lives as long as the program, whatever happens to the user's settings meanwhile; sessions hold on to it.
package final class UserAccount: Sendable {
    private struct State: Sendable {
        var user: User
        var usage: UserUsage
        var gate = UserGate()
        var bucketUp: TokenBucket?
        var bucketDown: TokenBucket?
        var unsaved = UsageDelta()
        var isRevoked = false
        /// When sessions that are open have to end, ms; nil: they may stay.
        var drainsAt: Int64?
        /// By process that has handed over, his sessions there and until when they count, ms.
        var elsewhere: [Int32: (sessions: Int, until: Int64)] = [:]

        mutating func sessionsElsewhere() -> Int {
            guard !elsewhere.isEmpty else { return 0 }
            let now = DeadlineWheel.now()
            elsewhere = elsewhere.filter { $0.value.until > now }
            return elsewhere.values.reduce(0) { $0 + $1.sessions }
        }
    }

    /// How long sessions in another process count that says nothing more of them, ms: three of its reports.
    private static let elsewhereLife: Int64 = 15_000

    /// How long sessions of a user who was removed or disabled may go on.
    package static let drainMilliseconds: Int64 = 30_000

    /// What a session has to ask for at every read; nil: bytes are only counted now and then.
    struct Meter: Sendable {
        /// The quota is used up: the session is over.
        var isExhausted: Bool
        /// How long to wait before more may be taken in that direction, ms.
        var pause: Int64
    }

    package let name: String
    private let state: Locked<State>
    private let metered: Atomic<Bool>
    private let watched = Atomic(false)

    package init(_ entry: UserEntry) {
        name = entry.user.name
        metered = Atomic(Self.isMetered(entry.user))
        state = Locked(State(user: entry.user, usage: entry.usage))
        update(entry)
    }

    private static func isMetered(_ user: User) -> Bool {
        user.quota != nil || user.rateUp != nil || user.rateDown != nil
    }

    // MARK: Settings

    package var user: User { state.withLock { $0.user } }

    /// What may be done and what has been, at one moment.
    var settingsAndUsage: (User, UserUsage) {
        let now = Int64(EngineState.unixTime())
        return state.withLock { state in
            state.usage.rollOver(state.user.quota, now: now)
            return (state.user, state.usage)
        }
    }

    /// The ad tag of the user's own.
    var adTag: AdTag? { state.withLock { $0.user.adTag } }

    /// Takes new settings. Counters stay, unless the quota was reset after they were counted.
    func update(_ entry: UserEntry) {
        let now = DeadlineWheel.now()
        state.withLock { state in
            func bucket(_ old: TokenBucket?, _ rate: Int?, _ oldRate: Int?) -> TokenBucket? {
                guard let rate else { return nil }
                if let old, rate == oldRate { return old }
                return TokenBucket(bytesPerSecond: rate, now: now)
            }
            state.bucketUp = bucket(state.bucketUp, entry.user.rateUp, state.user.rateUp)
            state.bucketDown = bucket(state.bucketDown, entry.user.rateDown, state.user.rateDown)
            if entry.usage.quotaSince > state.usage.quotaSince {
                state.usage.quotaSince = entry.usage.quotaSince
                state.usage.quotaUsed = entry.usage.quotaUsed
            }
            state.user = entry.user
            state.isRevoked = false
            state.drainsAt = entry.user.isEnabled ? nil : state.drainsAt ?? now + Self.drainMilliseconds
        }
        metered.store(Self.isMetered(entry.user), ordering: .relaxed)
        let user = entry.user
        watched.store(!user.isEnabled || user.expires != nil || user.quota != nil, ordering: .relaxed)
    }

    /// The user was removed: nobody comes in any more.
    func revoke() {
        let now = DeadlineWheel.now()
        state.withLock { state in
            state.isRevoked = true
            state.drainsAt = state.drainsAt ?? now + Self.drainMilliseconds
        }
        watched.store(true, ordering: .relaxed)
    }

    /// The user was removed and is there again.
    ///
    /// - Parameter usage: what is on record.
    func takeBack(_ usage: UserUsage) {
        state.withLock { $0.usage = usage }
    }

    /// Whether open sessions may have to end as time goes by.
    var isWatched: Bool { watched.load(ordering: .relaxed) }

    // MARK: Sessions

    var hasSessions: Bool { state.withLock { $0.gate.connections > 0 } }

    /// Why the user may not come in from there now; nil: he may.
    func refusal(from address: IPAddress) -> UserRefusal? {
        let now = Int64(EngineState.unixTime())
        return state.withLock { state in
            if state.isRevoked { return .disabled }
            state.usage.rollOver(state.user.quota, now: now)
            return state.gate.refusal(
                of: state.user, usage: state.usage, from: address, elsewhere: state.sessionsElsewhere(), now: now)
        }
    }

    /// Counts a session in, unless a limit was reached meanwhile.
    func enter(from address: IPAddress) -> UserRefusal? {
        let now = Int64(EngineState.unixTime())
        return state.withLock { state in
            if state.isRevoked { return .disabled }
            state.usage.rollOver(state.user.quota, now: now)
            let refusal = state.gate.refusal(
                of: state.user, usage: state.usage, from: address, elsewhere: state.sessionsElsewhere(), now: now)
            if let refusal { return refusal }
            state.gate.enter(from: address, user: state.user, now: now)
            state.usage.add(up: 0, down: 0, sessions: 1)
            state.unsaved.sessions &+= 1
            return nil
        }
    }

    func leave(from address: IPAddress) {
        let now = Int64(EngineState.unixTime())
        state.withLock { $0.gate.leave(from: address, now: now) }
    }

    /// Why sessions of the user have to end now; nil: they may go on. Limits that concern newcomers alone do not count.
    func reasonToEnd(from address: IPAddress) -> UserRefusal? {
        let now = DeadlineWheel.now()
        let unix = Int64(EngineState.unixTime())
        return state.withLock { state in
            if let end = state.drainsAt { return end <= now ? .disabled : nil }
            state.usage.rollOver(state.user.quota, now: unix)
            return state.user.refusal(usage: state.usage, from: address, now: unix)
        }
    }

    // MARK: Bytes

    /// Whether every read has to be metered, because there is a quota or a rate.
    var isMetered: Bool { metered.load(ordering: .relaxed) }

    /// Counts bytes that were moved.
    func count(up: Int, down: Int) {
        guard up > 0 || down > 0 else { return }
        let (up, down) = (UInt64(clamping: up), UInt64(clamping: down))
        let now = Int64(EngineState.unixTime())
        state.withLock { state in
            state.usage.rollOver(state.user.quota, now: now)
            state.usage.add(up: up, down: down, sessions: 0)
            state.unsaved.up &+= up
            state.unsaved.down &+= down
        }
    }

    /// What a metered session has to know after it moved these bytes, which ``count(up:down:)`` counted.
    func meterUp(_ bytes: Int) -> Meter { meter(\.bucketUp, bytes) }
    func meterDown(_ bytes: Int) -> Meter { meter(\.bucketDown, bytes) }

    private func meter(_ bucket: any WritableKeyPath<State, TokenBucket?> & Sendable, _ bytes: Int) -> Meter {
        let now = DeadlineWheel.now()
        let unix = Int64(EngineState.unixTime())
        return state.withLock { state in
            Meter(
                isExhausted: state.usage.isExhausted(state.user.quota, now: unix),
                pause: state[keyPath: bucket]?.take(bytes, now: now) ?? 0
            )
        }
    }

    /// Counts what the user does in a process that has handed over, whose bytes are written down already.
    func countElsewhere(_ delta: UsageDelta, _ sessions: Int, _ process: Int32) {
        let (now, unix) = (DeadlineWheel.now(), Int64(EngineState.unixTime()))
        state.withLock { state in
            state.usage.rollOver(state.user.quota, now: unix)
            state.usage.add(up: delta.up, down: delta.down, sessions: delta.sessions)
            state.elsewhere[process] = sessions > 0 ? (sessions, now + Self.elsewhereLife) : nil
        }
    }

    /// Whether sessions of the user may go on, as far as it does not depend on where they come from.
    var mayStay: Bool {
        let unix = Int64(EngineState.unixTime())
        return state.withLock { state in
            guard !state.isRevoked, state.user.isEnabled else { return false }
            state.usage.rollOver(state.user.quota, now: unix)
            return !state.usage.isExhausted(state.user.quota, now: unix) && state.user.expires.map { $0 > unix } ?? true
        }
    }

    /// What was counted since the last call.
    func takeUnsaved() -> UsageDelta {
        state.withLock { state in
            defer { state.unsaved = UsageDelta() }
            return state.unsaved
        }
    }

    var live: UserLive {
        let now = Int64(EngineState.unixTime())
        return state.withLock { state in
            UserLive(
                connections: state.gate.connections,
                addresses: state.gate.addresses(now: now, window: state.user.addressWindowSeconds)
            )
        }
    }
}
