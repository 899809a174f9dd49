import ProxyPolicy

extension UserManager {
    /// Does what a command asks.
    package func perform(_ request: ControlRequest) async -> ControlReply {
        do throws(ControlError) {
            switch request {
            case .status:
                guard let status = hooks.status else { throw ControlError(.notRunning, "no server runs") }
                return .status(status())
            case .listUsers(let withSecrets):
                return .users(await reports(withSecrets: withSecrets))
            case .showUser(let name):
                return .user(try await report(name))
            case .addUser(let fields):
                return .user(try await add(fields))
            case .setUser(let name, let changes, let keepsSecrets, let now):
                return .user(try await set(name, changes, keepsSecrets: keepsSecrets, now: now))
            case .removeUsers(let names, let now):
                return .done(notes: try remove(names, now: now))
            case .resetQuota(let names):
                return .done(notes: try resetQuota(names))
            case .importUsers(let users, let rule):
                return .imported(try importUsers(users, rule))
            case .exportUsers:
                return .exported(managed.values.sorted { $0.name < $1.name }.map { UserFields($0) })
            case .reload:
                throw ControlError(.notRunning, "no server runs that could read its configuration again")
            case .restart, .handover, .recordUsage, .overview, .logLevels:
                throw ControlError(.notRunning, "no server runs")
            }
        } catch {
            return .failure(error)
        }
    }

    // MARK: - Looking

    private func reports(withSecrets: Bool) async -> [UserReport] {
        let live = await hooks.live?()
        let moment = now()
        return (declared + managed.values.sorted { $0.name < $1.name }).map { user in
            let shadow = user.origin == .managed ? shadows[user.name] : nil
            return UserReport(
                UserEntry(user: user, usage: currentUsage(of: user)), withSecrets: withSecrets, shadowedBy: shadow,
                live: shadow == nil ? live.map { $0[user.name] ?? UserLive(connections: 0, addresses: 0) } : nil,
                now: moment
            )
        }
    }

    private func report(_ name: String) async throws(ControlError) -> UserReport {
        guard let report = await reports(withSecrets: true).first(where: { $0.name == name }) else {
            throw unknown(name)
        }
        return report
    }

    // MARK: - Changing

    private func add(_ fields: UserFields) async throws(ControlError) -> UserReport {
        let user = try fields.newUser()
        try opened(orMade: true)
        if isDeclared(user.name) || managed[user.name] != nil {
            let hint =
                isDeclared(user.name)
                ? "choose another name, or change him in \(declaredIn)" : "change him with `martlet users set`"
            throw ControlError(.exists, "user \"\(user.name)\" exists already", hint: hint)
        }
        var after = managed
        after[user.name] = user
        try check(after, changed: [user])
        var change = StoreChange()
        change.saved = [user]
        // The counters of somebody who had the name before are not his.
        change.forgottenUsage = [user.name]
        try apply(change)
        return try await report(user.name)
    }

    private func set(
        _ name: String, _ changes: UserFields, keepsSecrets: Bool, now: Bool
    ) async throws(ControlError) -> UserReport {
        try opened()
        try refuseDeclared(name)
        guard let present = managed[name] else { throw unknown(name) }
        guard changes.name == nil || changes.name == name else {
            throw ControlError(
                .invalid, "a user's name cannot be changed",
                hint: "add a user with the new name and the same secrets after removing this one")
        }
        let user = try changes.applied(to: present, keepingSecrets: keepsSecrets)
        var after = managed
        after[name] = user
        try check(after, changed: [user])
        var change = StoreChange()
        change.saved = [user]
        try apply(change)
        if now { hooks.closeNow(name) }
        return try await report(name)
    }

    private func remove(_ names: [String], now: Bool) throws(ControlError) -> [String] {
        try opened()
        var change = StoreChange()
        var notes: [String] = []
        for name in names {
            // A managed user behind a declared one of the same name can be removed in no other way.
            if managed[name] == nil {
                try refuseDeclared(name)
                throw unknown(name)
            }
            change.removed.insert(name)
            if isDeclared(name) {
                notes.append("user \"\(name)\" stays, as \(declaredIn) declares him; the one behind him was removed")
            } else {
                change.forgottenUsage.insert(name)
            }
        }
        try apply(change)
        if now { for name in names where !isDeclared(name) { hooks.closeNow(name) } }
        return notes
    }

    private func resetQuota(_ names: [String]?) throws(ControlError) -> [String] {
        try opened(orMade: true)
        var change = StoreChange()
        for name in names ?? entries().map(\.user.name) {
            guard let user = userInForce(name) else { throw unknown(name) }
            var value = currentUsage(of: user)
            value.resetQuota(now: now())
            change.usage[name] = value
        }
        try apply(change)
        return []
    }

    private func importUsers(_ list: [UserFields], _ rule: ImportRule) throws(ControlError) -> ImportSummary {
        try opened(orMade: true)
        var summary = ImportSummary()
        var change = StoreChange()
        var after = managed
        var seen: Set<String> = []
        for fields in list {
            let name = fields.name ?? ""
            guard seen.insert(name).inserted else {
                throw ControlError(.invalid, "user \"\(UserFields.shown(name))\" stands twice in the import")
            }
            let present = managed[name]
            if present != nil || isDeclared(name) {
                if rule == .skip {
                    summary.skipped += 1
                    continue
                }
                if rule == .refuse {
                    throw ControlError(
                        .exists, "user \"\(name)\" exists already",
                        hint: "nothing was imported; say what shall be: --replace, --skip or --merge")
                }
                try refuseDeclared(name)
            }
            let user: User
            if rule == .merge, let present {
                user = try fields.applied(to: present)
            } else {
                user = try fields.newUser()
            }
            if present == nil {
                summary.added += 1
                change.forgottenUsage.insert(name)
            } else {
                summary.changed += 1
            }
            after[name] = user
            change.saved.append(user)
        }
        try check(after, changed: change.saved)
        if !change.saved.isEmpty { try apply(change) }
        return summary
    }

    // MARK: - Rules

    /// Names and secrets stay unique, and there is room.
    private func check(_ after: [String: User], changed: [User]) throws(ControlError) {
        guard after.count + declared.count <= Self.maximumUsers else {
            throw ControlError(.invalid, "there would be more than \(Self.maximumUsers) users")
        }
        var owners: [SecretIdentity: String] = [:]
        let names = Set(changed.map(\.name))
        let others = after.values.filter { !names.contains($0.name) }
        for user in declared + others {
            for secret in user.secrets { owners[SecretIdentity(secret)] = user.name }
        }
        for user in changed {
            for secret in user.secrets {
                guard let owner = owners.updateValue(user.name, forKey: SecretIdentity(secret)) else { continue }
                let whose = owner == user.name ? "twice" : "also user \"\(owner)\"'s"
                throw ControlError(
                    .invalid, "a secret of user \"\(user.name)\" is \(whose)",
                    hint: "every user needs secrets of his own; make one with `martlet secret new`")
            }
        }
    }

    private func apply(_ change: StoreChange) throws(ControlError) {
        do throws(StoreError) {
            try keep(change)
        } catch {
            throw ControlError(error)
        }
        hooks.onChange(entries())
    }

    /// Before a change it has to be known what there is.
    private func opened(orMade isMade: Bool = false) throws(ControlError) {
        do throws(StoreError) {
            if isMade { try openedStore() } else { try open() }
        } catch {
            throw ControlError(error)
        }
    }

    private func isDeclared(_ name: String) -> Bool { declaredByName[name] != nil }

    private func refuseDeclared(_ name: String) throws(ControlError) {
        guard isDeclared(name) else { return }
        throw ControlError(
            .declared, "user \"\(name)\" is declared in \(declaredIn), where commands change nothing",
            hint: "change him there; a running server takes that at once with `martlet reload`")
    }

    private func unknown(_ name: String) -> ControlError {
        ControlError(
            .notFound, "there is no user \"\(UserFields.shown(name))\"", hint: "`martlet users list` shows all")
    }
}
