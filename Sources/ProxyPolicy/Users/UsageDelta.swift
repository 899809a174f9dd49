/// What a user has moved since the counters were last written down.
package struct UsageDelta: Sendable, Equatable {
    package var up: UInt64 = 0
    package var down: UInt64 = 0
    package var sessions: UInt64 = 0

    package init(up: UInt64 = 0, down: UInt64 = 0, sessions: UInt64 = 0) {
        self.up = up
        self.down = down
        self.sessions = sessions
    }

    package var isEmpty: Bool { up == 0 && down == 0 && sessions == 0 }
}

/// What a user has open at this moment.
package struct UserLive: Sendable, Equatable {
    /// Sessions.
    package var connections: Int
    /// Different addresses (IPv6: /64) within the user's window.
    package var addresses: Int

    package init(connections: Int, addresses: Int) {
        self.connections = connections
        self.addresses = addresses
    }
}
