/// What is known about the failures of one route, or of one host behind many routes.
///
/// Two states, sound and ailing; ailing rests until a moment, then may be tried again. Every failure is forgotten by a
/// success, and a rest is never longer than ``maximumRetryAfter``.
struct RouteHealth: Sendable {
    /// Failures in a row, each counted once per rest: ten clients that fail at the same moment are one failure.
    private(set) var failures = 0
    /// Why it ails; nil: sound.
    private(set) var reason: RouteFailure?
    /// End of the rest, ms; meaningless while sound.
    private(set) var until: Int64 = 0
    /// A probe is out and may report until then, ms.
    private var probeDeadline: Int64?
    private var restStart: Int64 = 0
    /// When the route worked last, ms; nil: never, as far as is known.
    var lastSuccess: Int64?

    /// Longest rest by doubling: an outage that ended is noticed within this time even without Retry-After.
    static let maximumRest: Int64 = 15 * 60_000
    /// Longest Retry-After that is honoured: a mistaken answer must not switch a route off for days.
    static let maximumRetryAfter: Int64 = 3_600_000
    /// A failure this long after the end of the last rest starts a new row.
    static let forgetsAfter: Int64 = 3_600_000
    /// How long a route whose rest ended waits for its probe before clients try it themselves. A probe takes at most
    /// the connect budget of 8 s; probes are asked for every second or so.
    static let probeGrace: Int64 = 10_000
    /// After this time a probe that did not report is taken for lost.
    static let probeLease: Int64 = 60_000

    /// 2^10 times the shortest base is beyond `maximumRest`; counting further has no use.
    private static let maximumFailures = 11

    func isResting(at now: Int64) -> Bool { reason != nil && now < until }

    /// When clients try a route of that kind again; nil: it is sound.
    func eligibleTime(isProbed: Bool) -> Int64? {
        guard let reason else { return nil }
        return isProbed && !reason.isSeenOnlyInSession ? until + Self.probeGrace : until
    }

    /// Ailing, rested, curable by opening a connection, and not being probed.
    func isDueForProbe(at now: Int64) -> Bool {
        guard let reason, !reason.isSeenOnlyInSession, now >= until else { return false }
        guard let probeDeadline else { return true }
        return now >= probeDeadline
    }

    mutating func probeStarted(at now: Int64) { probeDeadline = now + Self.probeLease }

    /// - Returns: the rest that is left, ms.
    mutating func failed(because failure: RouteFailure, at now: Int64) -> Int64 {
        probeDeadline = nil
        if isResting(at: now) {
            // Tries that began before the rest, or that had no better route: not another failure in the row.
            let end = max(restStart + rest(for: failure), retryTime(of: failure, at: now))
            if end > until {
                until = end
                reason = failure
            }
        } else {
            if reason != nil, now - until > Self.forgetsAfter { failures = 0 }
            failures = min(failures + 1, Self.maximumFailures)
            restStart = now
            until = max(now + rest(for: failure), retryTime(of: failure, at: now))
            reason = failure
        }
        return until - now
    }

    mutating func succeeded(_ evidence: RouteEvidence) {
        probeDeadline = nil
        switch evidence {
        case .session: self = RouteHealth()
        case .connection: if reason?.isSeenOnlyInSession != true { self = RouteHealth() }
        }
    }

    private func rest(for failure: RouteFailure) -> Int64 {
        min(failure.baseCooldown << Int64(max(failures - 1, 0)), Self.maximumRest)
    }

    private func retryTime(of failure: RouteFailure, at now: Int64) -> Int64 {
        guard case .status(_, let retryAfter?) = failure else { return now }
        // Clamped before it is multiplied: the number is the server's.
        return now + min(Int64(clamping: max(retryAfter, 0)), Self.maximumRetryAfter / 1_000) * 1_000
    }
}
