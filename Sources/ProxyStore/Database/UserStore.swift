import GRDB
package import ProxyPolicy

/// What all sessions of this state directory have moved.
package struct ProcessTotals: Sendable, Equatable, Codable {
    package var up: UInt64 = 0
    package var down: UInt64 = 0
    package var sessions: UInt64 = 0
    /// Unix time in seconds of the first count.
    package var since: Int64

    package init(since: Int64) {
        self.since = since
    }
}

/// What the database holds.
package struct StoredState: Sendable, Equatable {
    /// By name.
    package var users: [User] = []
    /// By user name, also of users that the configuration declares.
    package var usage: [String: UserUsage] = [:]
    /// Nil before the first count.
    package var totals: ProcessTotals?

    package init() {}
}

/// Rows to write in one transaction.
package struct StoreChange: Sendable, Equatable {
    package var saved: [User] = []
    package var removed: Set<String> = []
    package var usage: [String: UserUsage] = [:]
    package var forgottenUsage: Set<String> = []
    package var totals: ProcessTotals?

    package init() {}
}

/// Users and counters in an SQLite file of the state directory.
///
/// Its calls block; ``UserManager`` makes them on a queue of its own. While it lives it holds the directory's lock, so
/// what was read once is what the file holds until this process writes it.
package final class UserStore: Sendable {
    private let queue: DatabaseQueue
    private let path: String
    private let lock: StateLock

    /// Opens the database, and makes directory and file when they are missing.
    ///
    /// - Parameter patienceMilliseconds: how long to wait while another process holds the directory's lock.
    package init(directory: String, patienceMilliseconds: Int = 2_000) throws(StoreError) {
        let files = StateFiles(directory: directory)
        try files.makeDirectory()
        lock = try StateLock(files, patienceMilliseconds: patienceMilliseconds)
        path = files.database
        try files.closeDatabaseToOthers()
        var configuration = Configuration()
        // With the write-ahead log GRDB sets "synchronous" to NORMAL: nothing that was committed is lost with the
        // process, and the last transactions at most with the machine.
        configuration.journalMode = .wal
        configuration.busyMode = .timeout(5)
        configuration.foreignKeysEnabled = true
        // Values are users' secrets.
        configuration.publicStatementArguments = false
        do {
            queue = try DatabaseQueue(path: files.database, configuration: configuration)
            try Self.migrate(queue, path: files.database)
        } catch {
            throw Self.told(error, files.database)
        }
    }

    /// Everything the database holds.
    package func load() throws(StoreError) -> StoredState {
        do {
            return try queue.read { database in
                var state = StoredState()
                state.users = try UserRows.users(in: database)
                state.usage = try UserRows.usage(in: database)
                state.totals = try UserRows.totals(in: database)
                return state
            }
        } catch {
            throw Self.told(error, path)
        }
    }

    /// Writes all of a change or nothing.
    package func write(_ change: StoreChange) throws(StoreError) {
        do {
            try queue.write { database in
                for name in change.removed { try UserRows.removeUser(name, in: database) }
                for name in change.forgottenUsage { try UserRows.removeUsage(name, in: database) }
                for user in change.saved { try UserRows.save(user, in: database) }
                for (name, usage) in change.usage { try UserRows.save(usage, of: name, in: database) }
                if let totals = change.totals { try UserRows.save(totals, in: database) }
            }
        } catch {
            throw Self.told(error, path)
        }
    }

    private static func migrate(_ queue: DatabaseQueue, path: String) throws {
        let migrator = StoreSchema.migrator
        try queue.read { database in
            let mark = try Int64.fetchOne(database, sql: "PRAGMA application_id") ?? 0
            let tables = try Int.fetchOne(database, sql: "SELECT COUNT(*) FROM sqlite_master") ?? 0
            guard mark == StoreSchema.applicationID || (mark == 0 && tables == 0) else {
                throw StoreError(
                    .damaged, "\(path) is the database of another program", hint: "move it elsewhere and start again")
            }
            guard try !migrator.hasBeenSuperseded(database) else {
                throw StoreError(
                    .newerSchema, "\(path) was made by a later version of martlet",
                    hint: "use that version, or give another directory with --state-dir"
                )
            }
            let findings = try String.fetchOne(database, sql: "PRAGMA quick_check(1)") ?? "ok"
            guard findings == "ok" else { throw damaged(path, findings) }
        }
        try migrator.migrate(queue)
    }

    static func damaged(_ path: String, _ finding: String) -> StoreError {
        StoreError(
            .damaged, "\(path) is damaged: \(finding)",
            hint: """
                nothing was changed; move the file away and put a copy in its place, or start anew and import the users
                """
        )
    }

    /// GRDB's errors in our words.
    private static func told(_ error: any Error, _ path: String) -> StoreError {
        if let known = error as? StoreError { return known }
        if let row = error as? UnreadableRow { return damaged(path, row.finding) }
        guard let error = error as? DatabaseError else {
            return StoreError(.unusable, "\(path) cannot be used", hint: "\(error)")
        }
        let reason = error.message ?? "error \(error.resultCode.rawValue) of SQLite"
        switch error.resultCode {
        case .SQLITE_NOTADB, .SQLITE_CORRUPT:
            return damaged(path, reason)
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            return StoreError(
                .inUse, "\(path) is used by another program", hint: "close the program that has opened the database")
        default:
            return StoreError(
                .unusable, "\(path) cannot be written or read: \(reason)",
                hint: "look at the free space and the permissions of the directory"
            )
        }
    }
}
