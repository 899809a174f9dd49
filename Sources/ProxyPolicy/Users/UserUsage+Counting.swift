extension UserUsage {
    /// Counts bytes and sessions. Numbers stay at the greatest one rather than begin anew.
    ///
    /// Bytes count against the quota also while there is none, so that one that is set later knows what was used in its
    /// period as far as it was counted.
    package mutating func add(up: UInt64, down: UInt64, sessions: UInt64) {
        self.up = Self.sum(self.up, up)
        self.down = Self.sum(self.down, down)
        self.sessions = Self.sum(self.sessions, sessions)
        quotaUsed = Self.sum(quotaUsed, Self.sum(up, down))
    }

    /// Begins the quota's period anew when the one that was counted is over. Belongs before every ``add(up:down:sessions:)``
    /// of a user with a quota, or at least before the counters are shown or written down.
    ///
    /// - Parameter now: Unix time, seconds.
    package mutating func rollOver(_ quota: TrafficQuota?, now: Int64) {
        guard let quota, quota.period != .never else { return }
        let start = quota.period.start(containing: now)
        if quotaSince < start {
            quotaUsed = 0
            quotaSince = start
        } else if quotaSince > now {
            // The clock was ahead when the period began. Left as it is, a used-up quota might stay so for years.
            quotaSince = start
        }
    }

    /// Whether nothing may be moved any more before the period ends.
    ///
    /// - Parameter now: Unix time, seconds.
    package func isExhausted(_ quota: TrafficQuota?, now: Int64) -> Bool {
        guard let quota, quotaUsed >= quota.bytes else { return false }
        var current = self
        current.rollOver(quota, now: now)
        return current.quotaUsed >= quota.bytes
    }

    /// Gives the user the whole quota again, until the period ends.
    ///
    /// - Parameter now: Unix time, seconds.
    package mutating func resetQuota(now: Int64) {
        quotaUsed = 0
        quotaSince = now
    }

    private static func sum(_ one: UInt64, _ other: UInt64) -> UInt64 {
        let (sum, isOverflow) = one.addingReportingOverflow(other)
        return isOverflow ? .max : sum
    }
}
