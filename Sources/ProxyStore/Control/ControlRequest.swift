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
        case command, name, names, secrets, user, changes, now, users, existing
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

        var keys: [Key] {
            switch self {
            case .status, .exportUsers: []
            case .list: [.secrets]
            case .show: [.name]
            case .add: [.user]
            case .set: [.name, .changes, .keepSecrets, .now]
            case .remove: [.names, .now]
            case .resetQuota: [.names]
            case .importUsers: [.users, .existing]
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
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(command, forKey: .command)
        switch self {
        case .status, .exportUsers: break
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
        }
    }
}
