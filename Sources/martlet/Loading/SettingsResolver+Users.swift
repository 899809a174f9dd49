import MTProtoWire
import ProxyPolicy

/// Who may use the proxy: the secrets and the declared users, which share their names and keys.
extension SettingsResolver {
    mutating func resolveUsers(_ configuration: inout ProxyConfiguration) {
        configuration.secrets = settings.secrets.enumerated().map { index, entry in
            let name = entry.name ?? Self.name(forSecret: index, of: settings.secrets.count)
            return NamedSecret(name: name, secret: formed(entry.secret))
        }
        configuration.users = settings.users.indices.map { user(at: $0) }

        let secrets = configuration.secrets.map { User(name: $0.name, secrets: [$0.secret], origin: .declared) }
        for problem in UserDirectory.validate(secrets + configuration.users) {
            if problem.index < secrets.count {
                failSecret(problem)
            } else {
                failUser(problem, RowPlace(table: UserTable.definition.name, index: problem.index - secrets.count))
            }
        }
    }

    private mutating func failSecret(_ problem: UserProblem) {
        let name = quoted(problem.name)
        switch problem.fault {
        case .repeatedName: fail("secrets", "the name \(name) is used twice", item: problem.index)
        case .sharedSecret(let other):
            fail("secrets", "\(name) is the same secret as \(quoted(other))", item: problem.index)
        case .name, .noSecret, .repeatedSecret, .limit: fail("secrets", problem.description, item: problem.index)
        }
    }

    private mutating func failUser(_ problem: UserProblem, _ place: RowPlace) {
        let secrets = isGiven(place, "secrets") ? "secrets" : "secret"
        switch problem.fault {
        case .name: fail(place, "name", problem.description)
        case .repeatedName: fail(place, "name", "the name \(quoted(problem.name)) is used twice")
        case .noSecret: fail(place, secrets, "is empty, so nobody could be \(quoted(problem.name))")
        case .repeatedSecret: fail(place, secrets, "\(quoted(problem.name)) has one secret twice")
        case .sharedSecret(let other):
            fail(place, secrets, "\(quoted(problem.name)) has the same secret as \(quoted(other))")
        case .limit: fail(place, nil, problem.description)
        }
    }

    private mutating func user(at index: Int) -> User {
        let row = settings.users[index]
        let place = RowPlace(table: UserTable.definition.name, index: index)
        var user = row.user
        user.secrets = row.allSecrets.map { formed($0) }
        user.quota = quota(row, at: place)
        if isGiven(place, "address_window"), user.maximumAddresses == nil {
            note(place, "address_window", "has no effect without max_addresses")
        }
        return user
    }

    private mutating func quota(_ row: DeclaredUser, at place: RowPlace) -> TrafficQuota? {
        guard let bytes = row.quota else {
            for field in ["quota_period", "quota_day"] where isGiven(place, field) {
                fail(place, field, "has no meaning without a quota")
            }
            return nil
        }
        do throws(InvalidValue) {
            return TrafficQuota(bytes: bytes, period: try row.quotaPeriod.period(startingOn: row.quotaDay))
        } catch {
            let day = row.quotaDay.map { quoted(String($0)) } ?? "the day"
            fail(place, "quota_day", "\(day) \(error.problem)", hint: error.expected.map { "expected \($0)" })
            return nil
        }
    }
}
