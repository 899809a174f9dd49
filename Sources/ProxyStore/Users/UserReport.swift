import ProxyPolicy

/// A user as `users list` and `users show` tell of him.
package struct UserReport: Sendable, Equatable, Codable {
    package enum Origin: String, Sendable, Codable {
        case declared, managed
    }

    /// Whether he is let in, and if not, why.
    package enum State: String, Sendable, Codable {
        case active
        case disabled
        case expired
        /// The quota of this period is used up.
        case overQuota = "over_quota"
        /// A declared user has the same name or secret and takes his place.
        case shadowed
    }

    package struct Usage: Sendable, Equatable, Codable {
        /// Bytes since the user exists.
        package var up: UInt64
        package var down: UInt64
        package var sessions: UInt64
        /// Bytes that count against the quota.
        package var quotaUsed: UInt64
        /// Unix seconds; absent: never counted.
        package var quotaSince: Int64?

        private enum CodingKeys: String, CodingKey {
            case up, down, sessions
            case quotaUsed = "quota_used"
            case quotaSince = "quota_since"
        }
    }

    package struct Live: Sendable, Equatable, Codable {
        package var connections: Int
        package var addresses: Int
    }

    package var origin: Origin
    package var state: State
    /// Whose name or secret he shares, when ``State/shadowed``.
    package var shadowedBy: String?
    /// Name and limits; secrets where they were asked for.
    package var user: UserFields
    package var usage: Usage
    /// Nil when no server runs.
    package var live: Live?

    private enum CodingKeys: String, CodingKey {
        case origin, state, user, usage, live
        case shadowedBy = "shadowed_by"
    }

    package var name: String { user.name ?? "" }

    /// - Parameter usage: with its period rolled over to `now`.
    init(
        _ entry: UserEntry, withSecrets: Bool, shadowedBy: String? = nil, live: UserLive?, now: Int64
    ) {
        let (user, usage) = (entry.user, entry.usage)
        origin = user.origin == .declared ? .declared : .managed
        self.shadowedBy = shadowedBy
        state =
            if shadowedBy != nil {
                .shadowed
            } else if !user.isEnabled {
                .disabled
            } else if let expires = user.expires, now >= expires {
                .expired
            } else if let quota = user.quota, usage.quotaUsed >= quota.bytes {
                .overQuota
            } else {
                .active
            }
        self.user = UserFields(user, withSecrets: withSecrets)
        self.usage = Usage(
            up: usage.up, down: usage.down, sessions: usage.sessions, quotaUsed: usage.quotaUsed,
            quotaSince: usage.quotaSince == 0 ? nil : usage.quotaSince
        )
        self.live = live.map { Live(connections: $0.connections, addresses: $0.addresses) }
    }
}
