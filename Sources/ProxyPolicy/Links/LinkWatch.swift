/// When to ask a link's peer whether it is still there, and when to give the link up.
///
/// Times are milliseconds of a clock that never runs backwards.
package struct LinkWatch: Sendable, Equatable {
    package enum Action: Sendable, Equatable {
        /// Look again then.
        case wait(milliseconds: Int64)
        /// Send a ping now and look again.
        case ping
        /// Nothing came for too long: the link is dead whatever TCP says.
        case lost
    }

    /// Silence after something was sent that makes a ping due. A data center answers most messages within a second.
    static let askAfter: Int64 = 2_000
    /// Silence after a ping that makes the link a dead one; with `askAfter` it is found out within 8 s, before clients
    /// give up by themselves.
    static let patience: Int64 = 6_000
    /// While there is traffic both ways, so that what was read by the peer is known.
    static let busyInterval: Int64 = 5_000
    /// While there is none: often enough to keep a NAT's entry and to notice a peer that is gone.
    static let idleInterval: Int64 = 30_000

    /// Everything sent before this moment was read by the peer.
    package private(set) var confirmedUntil: Int64
    private var lastSent: Int64
    private var lastReceived: Int64
    /// Since when what was sent has met silence; nil: something came after it.
    private var silentSince: Int64?
    private var lastPing: Int64
    /// When the ping that is out was sent.
    private var pingOut: Int64?
    /// Since when it is waited for: later than `pingOut` where we did not read meanwhile.
    private var waitsSince: Int64 = 0
    private var isPaused = false

    package init(now: Int64) {
        confirmedUntil = now
        lastSent = now
        lastReceived = now
        lastPing = now
    }

    package mutating func sent(at now: Int64) {
        lastSent = now
        if silentSince == nil { silentSince = now }
    }

    package mutating func received(at now: Int64) {
        lastReceived = now
        silentSince = nil
    }

    /// Some of what was queued went out: the other end takes it.
    package mutating func progressed(at now: Int64) {
        if silentSince != nil { silentSince = now }
        waitsSince = now
    }

    package mutating func ponged(at now: Int64) {
        if let pingOut { confirmedUntil = max(confirmedUntil, pingOut) }
        pingOut = nil
        received(at: now)
    }

    /// We do not read for a while: silence says nothing.
    package mutating func paused() { isPaused = true }

    package mutating func resumed(at now: Int64) {
        isPaused = false
        if silentSince != nil { silentSince = now }
        waitsSince = now
    }

    package mutating func check(at now: Int64) -> Action {
        if isPaused { return .wait(milliseconds: Self.askAfter) }
        if let ping = pingOut {
            if lastReceived >= ping {
                // It speaks, only not of our ping: alive.
                if now - waitsSince >= Self.patience { pingOut = nil }
                return .wait(milliseconds: Self.askAfter)
            }
            let left = waitsSince + Self.patience - now
            return left > 0 ? .wait(milliseconds: left) : .lost
        }
        let due = nextPing
        guard now >= due else { return .wait(milliseconds: due - now) }
        pingOut = now
        waitsSince = now
        lastPing = now
        return .ping
    }

    private var nextPing: Int64 {
        if let silentSince { return max(silentSince, lastPing) + Self.askAfter }
        if lastSent > confirmedUntil { return max(lastPing, confirmedUntil) + Self.busyInterval }
        return max(lastPing, lastReceived) + Self.idleInterval
    }
}
