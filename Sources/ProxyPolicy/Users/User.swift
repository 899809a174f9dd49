package import MTProtoWire

/// Somebody who may use the proxy, and what he may do. Nil limits are none.
package struct User: Sendable, Equatable {
    /// Who may change it.
    package enum Origin: String, Sendable, Equatable {
        /// The configuration file's: read-only while the program runs.
        case declared
        /// Added at run time: lives in the database.
        case managed
    }

    /// 1 to 64 of letters, digits and `-._@`; unique.
    package var name: String
    package var secrets: [ProxySecret]
    package var origin = Origin.managed
    package var isEnabled = true
    /// Nil: the general tag, if there is one.
    package var adTag: AdTag?
    /// Unix time in seconds from which on the user is refused.
    package var expires: Int64?
    /// Sessions at once.
    package var maximumConnections: Int?
    /// Different addresses (IPv6: /64) within ``addressWindowSeconds``.
    package var maximumAddresses: Int?
    package var addressWindowSeconds: Int64 = 3_600
    package var quota: TrafficQuota?
    /// Bytes per second of all the user's sessions together, client to upstream.
    package var rateUp: Int?
    /// Bytes per second of all the user's sessions together, upstream to client.
    package var rateDown: Int?
    /// Where the user may come from; empty: from everywhere.
    package var allowedNetworks: [Network] = []
    /// Where the user may not come from; goes before ``allowedNetworks``.
    package var refusedNetworks: [Network] = []
    /// For the operator.
    package var note = ""

    package init(name: String, secrets: [ProxySecret], origin: Origin = .managed) {
        self.name = name
        self.secrets = secrets
        self.origin = origin
    }
}

/// Bytes, both directions together, that a user may move in a period.
package struct TrafficQuota: Sendable, Equatable {
    package var bytes: UInt64
    package var period: QuotaPeriod

    package init(bytes: UInt64, period: QuotaPeriod) {
        self.bytes = bytes
        self.period = period
    }
}

/// When a quota starts anew; midnight is UTC's.
package enum QuotaPeriod: Sendable, Equatable {
    case never
    case day
    /// 1 is Monday, 7 is Sunday.
    case week(startingOn: Int)
    /// 1...31; a month without that day starts anew on its last one.
    case month(startingOn: Int)
}

/// What a user has moved.
package struct UserUsage: Sendable, Equatable {
    /// Bytes since the user exists.
    package var up: UInt64 = 0
    package var down: UInt64 = 0
    /// Sessions since the user exists.
    package var sessions: UInt64 = 0
    /// Bytes that count against the quota.
    package var quotaUsed: UInt64 = 0
    /// Unix time in seconds at which the quota's period, or since then a reset, began; 0: never.
    package var quotaSince: Int64 = 0

    package init() {}
}

/// A user with what he has moved: what the engine is given.
package struct UserEntry: Sendable, Equatable {
    package var user: User
    package var usage: UserUsage

    package init(user: User, usage: UserUsage = UserUsage()) {
        self.user = user
        self.usage = usage
    }
}
