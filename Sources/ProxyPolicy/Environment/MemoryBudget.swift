/// Keeps what all sessions cost together within a budget, by choosing whom to close.
///
/// While the cost is above the budget, sessions are closed until it is down to 7/8 of it, so that closing is not begun
/// anew for every session that comes:
/// 1. those that hold too many bytes and did so at the look before, the most expensive first: their clients do not read;
/// 2. the others by how long nothing moved in them (over 5 minutes, over 1 minute, over 10 seconds, less), the most
///    expensive first among equals.
package struct MemoryBudget: Sendable, Equatable {
    /// What a session at rest costs: 9 KiB in this process (over TLS 32), and about 4 KiB in the kernel for each of its
    /// two sockets.
    package static let baseSessionBytes = 24 << 10
    /// Queued bytes from which a session is overloaded; a client that reads has less between two events, and one that
    /// is caught with more twice in a row does not keep up.
    package static let overloadedBytes = 128 << 10

    /// A session as it is looked at.
    package struct Session<ID: Hashable & Sendable>: Sendable, Equatable {
        package var id: ID
        /// Bytes that wait in the proxy for either side.
        package var queuedBytes: Int
        /// When a byte last moved, ms.
        package var lastActivity: Int64
        /// Was in ``Verdict/flagged`` at the look before.
        package var isFlagged: Bool

        package init(id: ID, queuedBytes: Int, lastActivity: Int64, isFlagged: Bool) {
            self.id = id
            self.queuedBytes = queuedBytes
            self.lastActivity = lastActivity
            self.isFlagged = isFlagged
        }
    }

    /// What comes of a look.
    package struct Verdict<ID: Hashable & Sendable>: Sendable, Equatable {
        /// What all sessions cost together before any is closed.
        package var totalBytes: Int
        /// In this order.
        package var close: [ID]
        /// All that stay and are overloaded now, those flagged before among them; whoever is not here is not flagged
        /// any more.
        package var flagged: [ID]
    }

    package let bytes: Int

    package init(bytes: Int) {
        self.bytes = max(bytes, 0)
    }

    /// Looks at all sessions; once a second is often enough, since a session can queue only so much.
    ///
    /// - Parameter now: ms of the clock of ``Session/lastActivity``.
    package func look<ID>(at sessions: [Session<ID>], now: Int64) -> Verdict<ID> {
        let total = sessions.reduce(0) { Self.sum($0, Self.cost(of: $1)) }
        var verdict = Verdict<ID>(totalBytes: total, close: [], flagged: [])
        var isClosed = Set<ID>()
        if total > bytes {
            let goal = bytes - bytes / 8
            var left = total
            for (session, _) in Self.inOrder(sessions, now: now) {
                guard left > goal else { break }
                left -= Self.cost(of: session)
                verdict.close.append(session.id)
                isClosed.insert(session.id)
            }
        }
        for session in sessions where session.queuedBytes >= Self.overloadedBytes && !isClosed.contains(session.id) {
            verdict.flagged.append(session.id)
        }
        return verdict
    }

    /// Sessions in the order in which they are closed, with their rank.
    private static func inOrder<ID>(_ sessions: [Session<ID>], now: Int64) -> [(Session<ID>, Int)] {
        sessions.map { ($0, rank(of: $0, now: now)) }.sorted { one, other in
            if one.1 != other.1 { return one.1 < other.1 }
            if one.0.queuedBytes != other.0.queuedBytes { return one.0.queuedBytes > other.0.queuedBytes }
            return one.0.lastActivity < other.0.lastActivity
        }
    }

    private static func rank<ID>(of session: Session<ID>, now: Int64) -> Int {
        if session.isFlagged, session.queuedBytes >= overloadedBytes { return 0 }
        switch now &- session.lastActivity {
        case 300_001...: return 1
        case 60_001...: return 2
        case 10_001...: return 3
        default: return 4
        }
    }

    private static func cost<ID>(of session: Session<ID>) -> Int {
        sum(baseSessionBytes, max(session.queuedBytes, 0))
    }

    /// A wrong count ends at the largest number instead of in a trap.
    private static func sum(_ one: Int, _ other: Int) -> Int {
        let (sum, overflows) = one.addingReportingOverflow(other)
        return overflows ? .max : sum
    }
}
