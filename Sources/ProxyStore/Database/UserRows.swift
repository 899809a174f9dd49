import GRDB
import MTProtoWire
import ProxyPolicy

/// A row that no version of the program has written.
struct UnreadableRow: Error {
    var finding: String
}

/// Users and usage as rows.
enum UserRows {
    static func users(in database: Database) throws -> [User] {
        var secrets: [String: [ProxySecret]] = [:]
        let secretRows = try Row.fetchCursor(
            database, sql: "SELECT user, secret FROM user_secret ORDER BY user, position")
        while let row = try secretRows.next() {
            let name = try text(row, "user")
            guard let secret = try? ProxySecret(parsing: try text(row, "secret")) else {
                throw UnreadableRow(finding: "a secret of user \"\(name)\" cannot be read")
            }
            secrets[name, default: []].append(secret)
        }
        var networks: [String: (allowed: [Network], refused: [Network])] = [:]
        let networkRows = try Row.fetchCursor(
            database, sql: "SELECT user, is_allowed, network FROM user_network ORDER BY user, position")
        while let row = try networkRows.next() {
            let name = try text(row, "user")
            guard let network = try? Network(parsing: try text(row, "network")) else {
                throw UnreadableRow(finding: "a network of user \"\(name)\" cannot be read")
            }
            if try number(row, "is_allowed") != 0 {
                networks[name, default: ([], [])].allowed.append(network)
            } else {
                networks[name, default: ([], [])].refused.append(network)
            }
        }
        return try Row.fetchAll(database, sql: "SELECT * FROM user ORDER BY name").map { row in
            var user = try user(row)
            user.secrets = secrets[user.name] ?? []
            user.allowedNetworks = networks[user.name]?.allowed ?? []
            user.refusedNetworks = networks[user.name]?.refused ?? []
            return user
        }
    }

    private static func user(_ row: Row) throws -> User {
        let name = try text(row, "name")
        var user = User(name: name, secrets: [])
        user.isEnabled = try number(row, "is_enabled") != 0
        if let tag = try optionalText(row, "ad_tag") {
            guard let adTag = AdTag(tag) else {
                throw UnreadableRow(finding: "the ad tag of user \"\(name)\" cannot be read")
            }
            user.adTag = adTag
        }
        user.expires = try optionalNumber(row, "expires")
        user.maximumConnections = try optionalNumber(row, "max_connections").map(Int.init(clamping:))
        user.maximumAddresses = try optionalNumber(row, "max_addresses").map(Int.init(clamping:))
        user.addressWindowSeconds = try number(row, "address_window")
        if let bytes = try optionalNumber(row, "quota_bytes") {
            let word = try optionalText(row, "quota_period") ?? ""
            let day = try optionalNumber(row, "quota_day").map(Int.init(clamping:))
            guard let period = QuotaPeriod(word: word, day: day) else {
                throw UnreadableRow(finding: "the quota of user \"\(name)\" cannot be read")
            }
            user.quota = TrafficQuota(bytes: UInt64(clamping: bytes), period: period)
        }
        user.rateUp = try optionalNumber(row, "rate_up").map(Int.init(clamping:))
        user.rateDown = try optionalNumber(row, "rate_down").map(Int.init(clamping:))
        user.note = try text(row, "note")
        return user
    }

    static func save(_ user: User, in database: Database) throws {
        try removeUser(user.name, in: database)
        try run(
            database,
            """
            INSERT INTO user (name, is_enabled, ad_tag, expires, max_connections, max_addresses, address_window,
                quota_bytes, quota_period, quota_day, rate_up, rate_down, note)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            arguments: [
                user.name, user.isEnabled, user.adTag?.text, user.expires, user.maximumConnections,
                user.maximumAddresses, user.addressWindowSeconds, user.quota.map { Int64(clamping: $0.bytes) },
                user.quota?.period.word, user.quota?.period.day, user.rateUp, user.rateDown, user.note,
            ]
        )
        for (position, secret) in user.secrets.enumerated() {
            try run(
                database, "INSERT INTO user_secret (user, position, secret) VALUES (?, ?, ?)",
                arguments: [user.name, position, secret.text]
            )
        }
        for (isAllowed, networks) in [(true, user.allowedNetworks), (false, user.refusedNetworks)] {
            for (position, network) in networks.enumerated() {
                try database.execute(
                    sql: "INSERT INTO user_network (user, is_allowed, position, network) VALUES (?, ?, ?, ?)",
                    arguments: [user.name, isAllowed, position, network.description]
                )
            }
        }
    }

    static func removeUser(_ name: String, in database: Database) throws {
        try run(database, "DELETE FROM user WHERE name = ?", arguments: [name])
    }

    static func usage(in database: Database) throws -> [String: UserUsage] {
        var result: [String: UserUsage] = [:]
        let rows = try Row.fetchCursor(database, sql: "SELECT * FROM usage")
        while let row = try rows.next() {
            var usage = UserUsage()
            usage.up = UInt64(clamping: try number(row, "up"))
            usage.down = UInt64(clamping: try number(row, "down"))
            usage.sessions = UInt64(clamping: try number(row, "sessions"))
            usage.quotaUsed = UInt64(clamping: try number(row, "quota_used"))
            usage.quotaSince = try number(row, "quota_since")
            result[try text(row, "user")] = usage
        }
        return result
    }

    static func save(_ usage: UserUsage, of name: String, in database: Database) throws {
        try run(
            database,
            """
            INSERT OR REPLACE INTO usage (user, up, down, sessions, quota_used, quota_since)
            VALUES (?, ?, ?, ?, ?, ?)
            """,
            arguments: [
                name, Int64(clamping: usage.up), Int64(clamping: usage.down), Int64(clamping: usage.sessions),
                Int64(clamping: usage.quotaUsed), usage.quotaSince,
            ]
        )
    }

    static func removeUsage(_ name: String, in database: Database) throws {
        try run(database, "DELETE FROM usage WHERE user = ?", arguments: [name])
    }

    static func totals(in database: Database) throws -> ProcessTotals? {
        guard let row = try Row.fetchOne(database, sql: "SELECT * FROM totals WHERE id = 1") else { return nil }
        var totals = ProcessTotals(since: try number(row, "since"))
        totals.up = UInt64(clamping: try number(row, "up"))
        totals.down = UInt64(clamping: try number(row, "down"))
        totals.sessions = UInt64(clamping: try number(row, "sessions"))
        return totals
    }

    static func save(_ totals: ProcessTotals, in database: Database) throws {
        try run(
            database, "INSERT OR REPLACE INTO totals (id, up, down, sessions, since) VALUES (1, ?, ?, ?, ?)",
            arguments: [
                Int64(clamping: totals.up), Int64(clamping: totals.down), Int64(clamping: totals.sessions),
                totals.since,
            ]
        )
    }

    /// Many rows are written by the same few statements.
    private static func run(_ database: Database, _ sql: String, arguments: StatementArguments) throws {
        try database.cachedStatement(sql: sql).execute(arguments: arguments)
    }

    // SQLite does not enforce the types of columns, people edit files, and GRDB's own accessors trap on a value of
    // another type.

    private static func text(_ row: Row, _ column: String) throws -> String {
        guard let value = try optionalText(row, column) else {
            throw UnreadableRow(finding: "column \(column) holds no text")
        }
        return value
    }

    private static func number(_ row: Row, _ column: String) throws -> Int64 {
        guard let value = try optionalNumber(row, column) else {
            throw UnreadableRow(finding: "column \(column) holds no number")
        }
        return value
    }

    private static func optionalText(_ row: Row, _ column: String) throws -> String? {
        let value = row[column] as DatabaseValue? ?? .null
        if value.isNull { return nil }
        guard let text = String.fromDatabaseValue(value) else {
            throw UnreadableRow(finding: "column \(column) holds no text")
        }
        return text
    }

    private static func optionalNumber(_ row: Row, _ column: String) throws -> Int64? {
        let value = row[column] as DatabaseValue? ?? .null
        if value.isNull { return nil }
        guard let number = Int64.fromDatabaseValue(value) else {
            throw UnreadableRow(finding: "column \(column) holds no number")
        }
        return number
    }
}

extension QuotaPeriod {
    /// The word for it in the database, on the control socket and on the command line.
    package var word: String {
        switch self {
        case .never: "none"
        case .day: "day"
        case .week: "week"
        case .month: "month"
        }
    }

    /// The day on which it starts, where there is one to choose.
    package var day: Int? {
        switch self {
        case .never, .day: nil
        case .week(let day), .month(let day): day
        }
    }

    /// Nil for another word, or for a day that the period does not have; without a day it starts on the first.
    package init?(word: String, day: Int?) {
        switch (word, day ?? 1) {
        case ("none", _) where day == nil: self = .never
        case ("day", _) where day == nil: self = .day
        case ("week", let day) where (1...7).contains(day): self = .week(startingOn: day)
        case ("month", let day) where (1...31).contains(day): self = .month(startingOn: day)
        default: return nil
        }
    }
}
