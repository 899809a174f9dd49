/// A command to the process that owns the users: one JSON object per line on the control socket.
///
/// `{"command":"users.set","name":"anna","changes":{"max_connections":null}}`
package enum ControlRequest: Sendable, Equatable {
    /// `status`: who is running.
    case status
    /// `users.list`; secrets are part of the answer when asked for.
    case listUsers(withSecrets: Bool)
    /// `users.show`
    case showUser(name: String)
    /// `users.add`
    case addUser(UserFields)
    /// `users.set`; `keepsSecrets`: given secrets are added to the present ones; `now`: his sessions end at once.
    case setUser(name: String, changes: UserFields, keepsSecrets: Bool, now: Bool)
    /// `users.remove`; `now`: sessions end at once instead of being drained.
    case removeUsers(names: [String], now: Bool)
    /// `users.reset-quota`; nil: of all users.
    case resetQuota(names: [String]?)
    /// `users.import`
    case importUsers([UserFields], existing: ImportRule)
    /// `users.export`
    case exportUsers
    /// `overview`: what the server does at this moment.
    case overview
    /// `log.levels`: changes levels of the log, by subsystem or `all`; none: says what is in force.
    case logLevels([String: String])
    /// `reload`: the configuration is read again.
    case reload
    /// `restart`: the server starts its successor, which takes over.
    case restart
    /// `handover`: the process that asks takes over; it waits on its own socket in the state directory.
    case handover(pid: Int32)
    /// `users.record`: what users do in the process before, which still serves some.
    case recordUsage(UsageReport)

    /// How long the answer may take, ms, where it is longer than for others.
    var answerMilliseconds: Int64? {
        if case .restart = self { return 120_000 }
        return nil
    }
}

/// What becomes of an imported user whose name is taken.
package enum ImportRule: String, Sendable, Codable, CaseIterable {
    /// Nothing is imported at all.
    case refuse
    /// The imported user takes the place.
    case replace
    /// The present user stays as he is.
    case skip
    /// What the imported user names is changed, everything else stays.
    case merge
}

extension ControlRequest: Codable {
    private enum Key: String, CodingKey {
        case command, name, names, secrets, user, changes, now, users, existing, pid, report, levels
        case keepSecrets = "keep_secrets"
    }

    private enum Command: String, Codable, CaseIterable {
        case status
        case list = "users.list"
        case show = "users.show"
        case add = "users.add"
        case set = "users.set"
        case remove = "users.remove"
        case resetQuota = "users.reset-quota"
        case importUsers = "users.import"
        case exportUsers = "users.export"
        case reload, restart, handover, overview
        case logLevels = "log.levels"
        case record = "users.record"

        var keys: [Key] {
            switch self {
            case .status, .exportUsers, .reload, .restart: []
            case .list: [.secrets]
            case .show: [.name]
            case .add: [.user]
            case .set: [.name, .changes, .keepSecrets, .now]
            case .remove: [.names, .now]
            case .resetQuota: [.names]
            case .importUsers: [.users, .existing]
            case .handover: [.pid]
            case .overview: []
            case .logLevels: [.levels]
            case .record: [.report]
            }
        }
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        let word = try container.decode(String.self, forKey: .command)
        guard let command = Command(rawValue: word) else {
            let known = Command.allCases.map(\.rawValue).joined(separator: ", ")
            throw DecodingError.dataCorruptedError(
                forKey: .command, in: container, debugDescription: "is not known; expected one of \(known)")
        }
        try decoder.refuseKeys(otherThan: ([.command] + command.keys).map(\.rawValue))
        switch command {
        case .status: self = .status
        case .list: self = .listUsers(withSecrets: try container.decodeIfPresent(Bool.self, forKey: .secrets) ?? false)
        case .show: self = .showUser(name: try container.decode(String.self, forKey: .name))
        case .add: self = .addUser(try container.decode(UserFields.self, forKey: .user))
        case .set:
            self = .setUser(
                name: try container.decode(String.self, forKey: .name),
                changes: try container.decode(UserFields.self, forKey: .changes),
                keepsSecrets: try container.decodeIfPresent(Bool.self, forKey: .keepSecrets) ?? false,
                now: try container.decodeIfPresent(Bool.self, forKey: .now) ?? false
            )
        case .remove:
            self = .removeUsers(
                names: try container.decode([String].self, forKey: .names),
                now: try container.decodeIfPresent(Bool.self, forKey: .now) ?? false
            )
        case .resetQuota: self = .resetQuota(names: try container.decodeIfPresent([String].self, forKey: .names))
        case .importUsers:
            self = .importUsers(
                try container.decode([UserFields].self, forKey: .users),
                existing: try container.decodeIfPresent(ImportRule.self, forKey: .existing) ?? .refuse
            )
        case .exportUsers: self = .exportUsers
        case .reload: self = .reload
        case .restart: self = .restart
        case .overview: self = .overview
        case .logLevels:
            self = .logLevels(try container.decodeIfPresent([String: String].self, forKey: .levels) ?? [:])
        case .handover: self = .handover(pid: try container.decode(Int32.self, forKey: .pid))
        case .record: self = .recordUsage(try container.decode(UsageReport.self, forKey: .report))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(command, forKey: .command)
        switch self {
        case .status, .exportUsers, .reload, .restart, .overview: break
        case .logLevels(let levels): try container.encode(levels, forKey: .levels)
        case .handover(let pid): try container.encode(pid, forKey: .pid)
        case .recordUsage(let report): try container.encode(report, forKey: .report)
        case .listUsers(let withSecrets): try container.encode(withSecrets, forKey: .secrets)
        case .showUser(let name): try container.encode(name, forKey: .name)
        case .addUser(let user): try container.encode(user, forKey: .user)
        case .setUser(let name, let changes, let keepsSecrets, let now):
            try container.encode(name, forKey: .name)
            try container.encode(changes, forKey: .changes)
            try container.encode(keepsSecrets, forKey: .keepSecrets)
            try container.encode(now, forKey: .now)
        case .removeUsers(let names, let now):
            try container.encode(names, forKey: .names)
            try container.encode(now, forKey: .now)
        case .resetQuota(let names): try container.encodeIfPresent(names, forKey: .names)
        case .importUsers(let users, let existing):
            try container.encode(users, forKey: .users)
            try container.encode(existing, forKey: .existing)
        }
    }

    private var command: Command {
        switch self {
        case .status: .status
        case .listUsers: .list
        case .showUser: .show
        case .addUser: .add
        case .setUser: .set
        case .removeUsers: .remove
        case .resetQuota: .resetQuota
        case .importUsers: .importUsers
        case .exportUsers: .exportUsers
        case .reload: .reload
        case .restart: .restart
        case .overview: .overview
        case .logLevels: .logLevels
        case .handover: .handover
        case .recordUsage: .record
        }
    }
}
