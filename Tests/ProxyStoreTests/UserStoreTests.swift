import Foundation
import GRDB
import MTProtoWire
import ProxyPolicy
import ProxyTestKit
import Testing

@testable import ProxyStore

@Suite
struct UserStoreTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private var path: String { directory.path("state") }

    private func store() throws -> UserStore { try UserStore(directory: path, patienceMilliseconds: 0) }

    private func state(_ users: [User], _ usage: [String: UserUsage] = [:]) -> StoreChange {
        var change = StoreChange()
        change.saved = users
        change.usage = usage
        return change
    }

    @Test
    func `A new database is empty and closed to others`() throws {
        let store = try store()
        #expect(try store.load() == StoredState())
        for name in ["martlet.db", "martlet.db-wal", "martlet.lock"] {
            #expect(try mode("\(path)/\(name)") == 0o600, "\(name)")
        }
        #expect(try mode(path) == 0o700)
    }

    @Test
    func `A database that others could read is closed to them`() throws {
        do { _ = try store() }
        chmod("\(path)/martlet.db", 0o644)
        _ = try store()
        #expect(try mode("\(path)/martlet.db") == 0o600)
    }

    @Test
    func `Every field comes back as it was written`() throws {
        var users = [try fullUser("a-._@Z9", 1)]
        for (index, period) in [QuotaPeriod.never, .day, .week(startingOn: 7), .month(startingOn: 1)].enumerated() {
            var user = User(name: "user\(index)", secrets: [try secret(100 + index)])
            user.quota = TrafficQuota(bytes: 1 << 62, period: period)
            users.append(user)
        }
        users.append(User(name: "zero", secrets: [try secret(200)]))
        let numbers = ["zero": usage(up: 1 << 62, down: 3, sessions: 4, used: 5, since: noon), "gone": usage(up: 1)]
        var change = state(users, numbers)
        change.totals = ProcessTotals(since: noon)
        change.totals?.down = 9
        do { try store().write(change) }

        let found = try store().load()
        #expect(found.users == users)
        #expect(found.usage == numbers)
        #expect(found.totals == change.totals)
    }

    @Test
    func `A user who is written again is replaced, one who is removed leaves nothing`() throws {
        let store = try store()
        try store.write(state([try fullUser("anna", 1), try fullUser("bob", 10)], ["anna": usage(up: 1)]))
        let plain = User(name: "anna", secrets: [try secret(50)])
        try store.write(state([plain], ["anna": usage(up: 2)]))
        var change = StoreChange()
        change.removed = ["bob"]
        try store.write(change)
        #expect(try store.load().users == [plain])
        #expect(try store.load().usage == ["anna": usage(up: 2)])
        try openRaw { database in
            let secrets = try Int.fetchOne(database, sql: "SELECT COUNT(*) FROM user_secret")
            let networks = try Int.fetchOne(database, sql: "SELECT COUNT(*) FROM user_network")
            #expect(secrets == 1 && networks == 0)
        }
    }

    @Test
    func `A second opening is refused with the holder's number until the first ends`() throws {
        var first: UserStore? = try store()
        try first?.write(state([]))
        let error = try #require(throws: StoreError.self) { try store() }
        #expect(error.code == .inUse)
        #expect(error.description.contains("process \(getpid())") && error.description.contains("martlet.db"))
        #expect(error.hint.contains("--state-dir"))
        first = nil
        _ = try store()
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/flock")))
    func `Another process is refused, and one that waits gets its turn`() throws {
        do { _ = try store() }
        let lock = "\(path)/martlet.lock"
        let holder = try ChildProcess(["flock", lock, "sh", "-c", "echo held; exec sleep 0.5"])
        #expect(String(decoding: holder.output.availableData, as: UTF8.self) == "held\n")
        #expect(throws: StoreError.self) { try store() }
        _ = try UserStore(directory: path, patienceMilliseconds: 10_000)
        holder.waitUntilExit()
    }

    @Test(arguments: [
        "this is no database, and it is long enough to look at", String(repeating: "\u{0}x", count: 9_000),
    ])
    func `A file that is no database is refused and stays as it is`(content: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try content.write(toFile: "\(path)/martlet.db", atomically: true, encoding: .utf8)
        let error = try #require(throws: StoreError.self) { try store() }
        #expect(error.code == .damaged)
        #expect(error.problem.contains("\(path)/martlet.db"))
        #expect(try String(contentsOfFile: "\(path)/martlet.db", encoding: .utf8) == content)
    }

    @Test
    func `A damaged page is noticed when the database is opened`() throws {
        do {
            try store().write(
                state(
                    (1...200).map {
                        User(
                            name: "u\($0)",
                            secrets: [
                                ProxySecret(
                                    key: Block16(bytes: [UInt8](repeating: UInt8($0), count: 16)) ?? Block16(),
                                    kind: .plain)
                            ])
                    }))
        }
        try openRaw { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
        let file = try #require(FileHandle(forUpdatingAtPath: "\(path)/martlet.db"))
        try file.seek(toOffset: 4_096)
        for _ in 0..<8 { file.write(Data(repeating: 0xA5, count: 4_096)) }
        try file.close()
        let error = try #require(throws: StoreError.self) { try store().load() }
        #expect(error.code == .damaged)
    }

    @Test
    func `A database of a later version is refused`() throws {
        do { try store().write(state([try fullUser("anna", 1)])) }
        try openRaw { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('2 from the future')") }
        let error = try #require(throws: StoreError.self) { try store() }
        #expect(error.code == .newerSchema)
        try openRaw { try $0.execute(sql: "DELETE FROM grdb_migrations WHERE identifier LIKE '2%'") }
        #expect(try store().load().users.count == 1)
    }

    @Test
    func `Another program's database is refused and left alone`() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try openRaw { try $0.execute(sql: "CREATE TABLE theirs (a)") }
        let error = try #require(throws: StoreError.self) { try store() }
        #expect(error.problem.contains("another program"))
        try openRaw { database in
            let isThere = try database.tableExists("theirs")
            #expect(isThere)
        }
    }

    @Test(
        arguments: [
            "UPDATE user SET expires = 'soon'", "UPDATE user SET quota_period = 'year'",
            "UPDATE user SET ad_tag = 'zz'", "UPDATE user_secret SET secret = 'ff00'",
            "UPDATE user_network SET network = 'here'", "UPDATE usage SET up = x'00'",
            "UPDATE user SET is_enabled = 'x'",
        ])
    func `A row that somebody spoilt is told, without its secret`(statement: String) throws {
        do { try store().write(state([try fullUser("anna", 1)], ["anna": usage(up: 1)])) }
        try openRaw { try $0.execute(sql: statement) }
        let error = try #require(throws: StoreError.self) { try store().load() }
        #expect(error.code == .damaged)
        #expect(!error.description.contains("ff00"))
    }

    @Test
    func `A directory that cannot be made is refused with what to do`() throws {
        for place in ["/proc/martlet", "", "relative"] {
            let error = try #require(throws: StoreError.self) { try UserStore(directory: place) }
            #expect(error.code == .unusable && error.hint.contains("--state-dir"))
        }
    }

    /// Opens the file as another program would.
    private func openRaw(_ body: (Database) throws -> Void) throws {
        try DatabaseQueue(path: "\(path)/martlet.db").writeWithoutTransaction { try body($0) }
    }
}
