/// The answer to a ``ControlRequest``: `{"ok":true,…}`, or `{"ok":false,"error":{"code":…,"message":…,"hint":…}}`.
package enum ControlReply: Sendable, Equatable {
    case status(ServerStatus)
    case users([UserReport])
    case user(UserReport)
    /// Users as an import takes them.
    case exported([UserFields])
    case imported(ImportSummary)
    case reloaded(ReloadReport)
    case restarted(RestartReport)
    /// Usage was taken; sessions of these users have to end.
    case recorded(end: [String])
    case overview(ServerOverview)
    /// Levels of the log in force, by subsystem; `all` is the general one.
    case logLevels([String: String])
    /// Done; remarks for people.
    case done(notes: [String])
    case failure(ControlError)
}

/// Who answers on the control socket.
package struct ServerStatus: Sendable, Equatable, Codable {
    package var version: String
    package var pid: Int32
    /// Since the server listens.
    package var uptimeSeconds: Int64

    package init(version: String, pid: Int32, uptimeSeconds: Int64) {
        self.version = version
        self.pid = pid
        self.uptimeSeconds = uptimeSeconds
    }

    private enum CodingKeys: String, CodingKey {
        case version, pid
        case uptimeSeconds = "uptime_seconds"
    }
}

/// How many users of an import became what.
package struct ImportSummary: Sendable, Equatable, Codable {
    package var added = 0
    /// Replaced or merged.
    package var changed = 0
    package var skipped = 0

    package init() {}
}

extension ControlReply: Codable {
    private enum Key: String, CodingKey {
        case ok, error, status, users, user, exported, imported, reloaded, restarted, end, notes, overview, levels
    }

    /// Unknown fields pass here: an older command may ask a newer server.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        guard try container.decode(Bool.self, forKey: .ok) else {
            self = .failure(try container.decode(ControlError.self, forKey: .error))
            return
        }
        if container.contains(.status) {
            self = .status(try container.decode(ServerStatus.self, forKey: .status))
        } else if container.contains(.users) {
            self = .users(try container.decode([UserReport].self, forKey: .users))
        } else if container.contains(.user) {
            self = .user(try container.decode(UserReport.self, forKey: .user))
        } else if container.contains(.exported) {
            self = .exported(try container.decode([UserFields].self, forKey: .exported))
        } else if container.contains(.imported) {
            self = .imported(try container.decode(ImportSummary.self, forKey: .imported))
        } else if container.contains(.reloaded) {
            self = .reloaded(try container.decode(ReloadReport.self, forKey: .reloaded))
        } else if container.contains(.restarted) {
            self = .restarted(try container.decode(RestartReport.self, forKey: .restarted))
        } else if container.contains(.overview) {
            self = .overview(try container.decode(ServerOverview.self, forKey: .overview))
        } else if container.contains(.levels) {
            self = .logLevels(try container.decode([String: String].self, forKey: .levels))
        } else if container.contains(.end) {
            self = .recorded(end: try container.decode([String].self, forKey: .end))
        } else {
            self = .done(notes: try container.decode([String].self, forKey: .notes))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        if case .failure(let error) = self {
            try container.encode(false, forKey: .ok)
            try container.encode(error, forKey: .error)
            return
        }
        try container.encode(true, forKey: .ok)
        switch self {
        case .status(let status): try container.encode(status, forKey: .status)
        case .users(let users): try container.encode(users, forKey: .users)
        case .user(let user): try container.encode(user, forKey: .user)
        case .exported(let users): try container.encode(users, forKey: .exported)
        case .imported(let summary): try container.encode(summary, forKey: .imported)
        case .reloaded(let report): try container.encode(report, forKey: .reloaded)
        case .restarted(let report): try container.encode(report, forKey: .restarted)
        case .recorded(let names): try container.encode(names, forKey: .end)
        case .overview(let overview): try container.encode(overview, forKey: .overview)
        case .logLevels(let levels): try container.encode(levels, forKey: .levels)
        case .done(let notes): try container.encode(notes, forKey: .notes)
        case .failure: break
        }
    }
}
