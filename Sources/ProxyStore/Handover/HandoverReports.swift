package import ProxyPolicy

/// What users did in a process that has handed over and still serves them: `users.record` on the control socket.
package struct UsageReport: Sendable, Equatable, Codable {
    package struct Moved: Sendable, Equatable, Codable {
        package var up: UInt64
        package var down: UInt64
        package var sessions: UInt64
    }

    /// The process that reports.
    package var pid: Int32
    /// By user name, since the last report; what belongs to nobody any more stands under an empty name.
    package var usage: [String: Moved]
    /// By user name: sessions that are open there now.
    package var open: [String: Int]

    package init(pid: Int32, deltas: [String: UsageDelta], open: [String: Int]) {
        self.pid = pid
        usage = deltas.mapValues { Moved(up: $0.up, down: $0.down, sessions: $0.sessions) }
        self.open = open
    }

    package var deltas: [String: UsageDelta] {
        usage.mapValues { UsageDelta(up: $0.up, down: $0.down, sessions: $0.sessions) }
    }
}

/// How a restart went well.
package struct RestartReport: Sendable, Equatable, Codable {
    package struct Server: Sendable, Equatable, Codable {
        package var pid: Int32
        package var version: String

        package init(pid: Int32, version: String) {
            self.pid = pid
            self.version = version
        }
    }

    package var old: Server
    package var new: Server
    /// Sessions of the old process may go on for so long.
    package var drainSeconds: Int64

    package init(old: Server, new: Server, drainSeconds: Int64) {
        self.old = old
        self.new = new
        self.drainSeconds = drainSeconds
    }

    private enum CodingKeys: String, CodingKey {
        case old, new
        case drainSeconds = "drain_seconds"
    }
}
