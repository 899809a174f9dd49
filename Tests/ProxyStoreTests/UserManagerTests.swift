import Foundation
import MTProtoWire
import ProxyPolicy
import ProxyTestKit
import Synchronization
import Testing

@testable import ProxyStore

/// A clock that tests set.
final class TestClock: Sendable {
    private let value: Mutex<Int64>

    init(_ now: Int64 = noon) { value = Mutex(now) }

    var now: Int64 {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}

/// What the manager told the rest of the program.
final class Told: Sendable {
    private let changes = Mutex<[[UserEntry]]>([])
    private let closings = Mutex<[String]>([])

    var names: [[String]] { changes.withLock { $0.map { $0.map(\.user.name) } } }
    var last: [UserEntry] { changes.withLock { $0.last ?? [] } }
    var closed: [String] { closings.withLock { $0 } }

    func hooks(live: [String: UserLive]? = nil) -> UserManager.Hooks {
        UserManager.Hooks(
            onChange: { entries in self.changes.withLock { $0.append(entries) } },
            closeNow: { name in self.closings.withLock { $0.append(name) } },
            live: live.map { numbers in { @Sendable in numbers } }
        )
    }
}

@Suite
struct UserManagerTests {
    private let directory: TemporaryDirectory
    private let clock = TestClock()
    private let told = Told()

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func manager(declared: [User] = []) async throws -> UserManager {
        let clock = clock
        let manager = UserManager(
            declared: declared, directory: directory.path("state"), declaredIn: "martlet.toml", now: { clock.now })
        await manager.use(told.hooks())
        try await manager.open()
        return manager
    }

    private func declared(_ name: String, _ number: Int) throws -> User {
        User(name: name, secrets: [try secret(number)], origin: .declared)
    }

    private func failure(_ reply: ControlReply) throws -> ControlError {
        guard case .failure(let error) = reply else {
            Issue.record("not refused: \(reply)")
            throw ControlError(.invalid, "")
        }
        return error
    }

    private func user(_ reply: ControlReply) throws -> UserReport {
        if case .failure(let error) = reply { Issue.record("\(error)") }
        guard case .user(let report) = reply else { throw ControlError(.invalid, "\(reply)") }
        return report
    }

    private func list(_ manager: UserManager) async throws -> [UserReport] {
        guard case .users(let users) = await manager.perform(.listUsers(withSecrets: false)) else {
            throw ControlError(.invalid, "no list")
        }
        return users
    }

    private var hasDatabase: Bool { FileManager.default.fileExists(atPath: directory.path("state/martlet.db")) }

    @Test
    func `With nothing but one secret nothing touches the disk`() async throws {
        let manager = try await manager(declared: [try declared("default", 9)])
        try await manager.record(["default": UsageDelta(up: 1, down: 2, sessions: 1)])
        #expect(try await list(manager).map(\.usage.down) == [2])
        #expect(try failure(await manager.perform(.showUser(name: "anna"))).code == .notFound)
        #expect(
            try failure(await manager.perform(.removeUsers(names: ["anna"], now: false))).code == .notFound)
        #expect(try failure(await manager.perform(.addUser(UserFields(name: "anna")))).code == .invalid)
        #expect(await manager.processTotals()?.up == 1)
        try await manager.close()
        #expect(!FileManager.default.fileExists(atPath: directory.path("state")))
    }

    @Test
    func `A user is added, changed, found again and removed, and each time the engine is told`() async throws {
        do {
            let manager = try await manager()
            let report = try user(await manager.perform(.addUser(fields("anna", 1))))
            #expect(report.state == .active && report.origin == .managed && report.live == nil)
            var changes = UserFields()
            changes.maximumConnections = .value(3)
            changes.quota = .value(QuotaFields(bytes: 100, period: "week"))
            let changed = try user(
                await manager.perform(.setUser(name: "anna", changes: changes, keepsSecrets: false, now: false)))
            #expect(changed.user.quota == .value(QuotaFields(bytes: 100, period: "week", day: 1)))
            #expect(told.names == [["anna"], ["anna"]])
            #expect(told.last.first?.user.maximumConnections == 3)
            try await manager.close()
        }
        let manager = try await manager()
        #expect(await manager.entries() == told.last)
        var changes = UserFields()
        changes.quota = .value(QuotaFields(period: "month", day: 31))
        changes.maximumConnections = .removed
        _ = await manager.perform(.setUser(name: "anna", changes: changes, keepsSecrets: false, now: true))
        #expect(told.last.first?.user.quota == TrafficQuota(bytes: 100, period: .month(startingOn: 31)))
        #expect(told.last.first?.user.maximumConnections == nil)
        #expect(told.closed == ["anna"])
        #expect(await manager.perform(.removeUsers(names: ["anna"], now: true)) == .done(notes: []))
        #expect(told.names.last == [] && told.closed == ["anna", "anna"])
        #expect(await manager.entries().isEmpty)
    }

    @Test
    func `Secrets are replaced, or kept beside the new ones`() async throws {
        let manager = try await manager()
        _ = await manager.perform(.addUser(fields("anna", 1)))
        for (keeps, expected) in [(true, [1, 2]), (false, [2])] {
            let changes = fields("anna", 2)
            let report = try user(
                await manager.perform(.setUser(name: "anna", changes: changes, keepsSecrets: keeps, now: false)))
            #expect(report.user.secrets == .value(expected.map(secretText)))
        }
    }

    @Test
    func `Usage is summed, survives, and the process's totals with it`() async throws {
        let someone = try declared("declared", 9)
        do {
            let manager = try await manager(declared: [someone])
            _ = await manager.perform(.addUser(fields("anna", 1)))
            for _ in 0..<10 {
                try await manager.record([
                    "anna": UsageDelta(up: 1, down: 10, sessions: 1), "declared": UsageDelta(up: 5),
                    "nobody": UsageDelta(down: 1_000),
                ])
            }
            try await manager.close()
        }
        let manager = try await manager(declared: [someone])
        let entries = await manager.entries()
        #expect(entries.map(\.user.name) == ["declared", "anna"])
        #expect(entries.last?.usage == usage(up: 10, down: 100, sessions: 10, used: 110))
        #expect(entries.first?.usage.up == 50)
        let totals = try #require(await manager.processTotals())
        #expect(totals.up == 60 && totals.down == 10_100 && totals.sessions == 10 && totals.since == noon)
    }

    @Test
    func `A quota starts anew with its period, and after a reset`() async throws {
        var someone = try declared("declared", 9)
        someone.quota = TrafficQuota(bytes: 100, period: .day)
        let manager = try await manager(declared: [someone])
        try await manager.record(["declared": UsageDelta(up: 60, down: 60)])
        #expect(try await list(manager).first?.state == .overQuota)
        #expect(await manager.perform(.resetQuota(names: ["declared"])) == .done(notes: []))
        #expect(told.last.first?.usage == usage(up: 60, down: 60, used: 0, since: noon))
        try await manager.record(["declared": UsageDelta(up: 30)])
        #expect(try await list(manager).first?.usage.quotaUsed == 30)
        clock.now = noon + 12 * 3_600
        #expect(try await list(manager).first?.usage.quotaUsed == 0)
        try await manager.record(["declared": UsageDelta(up: 7)])
        #expect(await manager.entries().first?.usage == usage(up: 97, down: 60, used: 7, since: noon + 12 * 3_600))
        #expect(await manager.perform(.resetQuota(names: nil)) == .done(notes: []))
        #expect(await manager.entries().first?.usage.quotaUsed == 0)
    }

    @Test
    func `Declared users cannot be changed, and the message says where they stand`() async throws {
        let manager = try await manager(declared: [try declared("boss", 9)])
        let requests: [ControlRequest] = [
            .setUser(name: "boss", changes: UserFields(), keepsSecrets: false, now: false),
            .removeUsers(names: ["boss"], now: false),
            .importUsers([fields("boss", 1)], existing: .replace),
        ]
        for request in requests {
            let error = try failure(await manager.perform(request))
            #expect(error.code == .declared && error.message.contains("martlet.toml"))
        }
        #expect(try failure(await manager.perform(.addUser(fields("boss", 1)))).code == .exists)
        #expect(told.names.isEmpty)
    }

    @Test
    func `A declared user takes the place of a managed one with his name or his secret`() async throws {
        do {
            let manager = try await manager()
            _ = await manager.perform(.importUsers([fields("anna", 1), fields("bob", 2)], existing: .refuse))
            try await manager.close()
        }
        let manager = try await manager(declared: [try declared("anna", 8), try declared("chef", 2)])
        #expect(await manager.entries().map(\.user.name) == ["anna", "chef"])
        let list = try await list(manager)
        #expect(list.map(\.state) == [.active, .active, .shadowed, .shadowed])
        #expect(list.map(\.shadowedBy) == [nil, nil, "anna", "chef"])
        guard case .done(let notes) = await manager.perform(.removeUsers(names: ["anna"], now: true)) else {
            Issue.record("not removed")
            return
        }
        #expect(notes.count == 1 && told.closed.isEmpty)
        #expect(await manager.entries().map(\.user.name) == ["anna", "chef"])
    }

    @Test
    func `Names and secrets stay unique`() async throws {
        let manager = try await manager(declared: [try declared("boss", 9)])
        _ = await manager.perform(.addUser(fields("anna", 1)))
        #expect(try failure(await manager.perform(.addUser(fields("anna", 2)))).code == .exists)
        // The key alone decides: a padded and a plain client of one key cannot be told apart.
        for (number, owner) in [(1, "anna"), (9, "boss")] {
            var taken = UserFields(name: "bob")
            taken.secrets = .value([String(secretText(number).dropFirst(2))])
            let error = try failure(await manager.perform(.addUser(taken)))
            #expect(error.code == .invalid && error.message.contains("\"\(owner)\""))
            #expect(!error.description.contains(secretText(number).dropFirst(2)))
        }
        let both = [fields("x", 5), fields("y", 5)]
        #expect(try failure(await manager.perform(.importUsers(both, existing: .refuse))).code == .invalid)
        // A FakeTLS client proves itself in another way.
        var masked = UserFields(name: "bob")
        masked.secrets = .value(["ee" + secretText(1).dropFirst(2) + "612e6578616d706c65"])
        _ = try user(await manager.perform(.addUser(masked)))
    }

    @Test
    func `An import does everything or nothing, by its rule`() async throws {
        let manager = try await manager()
        var anna = fields("anna", 1)
        anna.note = .value("old")
        anna.rateUp = .value(5_000)
        _ = await manager.perform(.addUser(anna))
        var changed = UserFields(name: "anna")
        changed.note = .value("new")
        let list = [fields("bob", 2), changed]

        #expect(try failure(await manager.perform(.importUsers(list, existing: .refuse))).code == .exists)
        #expect(try failure(await manager.perform(.importUsers(list, existing: .replace))).message.contains("secret"))
        #expect(await manager.entries().map(\.user.name) == ["anna"])

        var expected = ImportSummary()
        (expected.added, expected.skipped) = (1, 1)
        #expect(await manager.perform(.importUsers(list, existing: .skip)) == .imported(expected))
        expected = ImportSummary()
        expected.changed = 2
        #expect(await manager.perform(.importUsers(list, existing: .merge)) == .imported(expected))
        let merged = try user(await manager.perform(.showUser(name: "anna")))
        #expect(merged.user.note == .value("new") && merged.user.rateUp == .value(5_000))
        _ = await manager.perform(.importUsers([fields("anna", 3)], existing: .replace))
        let replaced = try user(await manager.perform(.showUser(name: "anna")))
        #expect(replaced.user.note == .value("") && replaced.user.rateUp == .removed)
        #expect(
            try failure(await manager.perform(.importUsers([fields("z", 7), fields("z", 8)], existing: .merge))).message
                .contains("twice"))
    }

    @Test
    func `What is exported can be imported and is the same`() async throws {
        let manager = try await manager()
        let full = UserFields(try fullUser("full", 20))
        _ = await manager.perform(.importUsers([full, fields("plain", 1)], existing: .refuse))
        let before = await manager.entries()
        let original = try fullUser("full", 20)
        #expect(before.map(\.user).contains(original))
        guard case .exported(let users) = await manager.perform(.exportUsers) else { return }
        _ = await manager.perform(.removeUsers(names: ["full", "plain"], now: false))
        let text = ControlLine.encode(users)
        let again = try ControlLine.decode([UserFields].self, text, code: .invalid)
        _ = await manager.perform(.importUsers(again, existing: .refuse))
        #expect(await manager.entries() == before)
    }

    @Test
    func `Live numbers stand beside users while a server runs`() async throws {
        let manager = try await manager()
        await manager.use(told.hooks(live: ["anna": UserLive(connections: 4, addresses: 2)]))
        _ = await manager.perform(.importUsers([fields("anna", 1), fields("bob", 2)], existing: .refuse))
        #expect(try await list(manager).map(\.live?.connections) == [4, 0])
        #expect(try await list(manager).allSatisfy { $0.user.secrets == .kept })
    }

    @Test
    func `States are told`() async throws {
        let manager = try await manager()
        var off = fields("off", 1)
        off.isEnabled = .value(false)
        var over = fields("over", 2)
        over.expires = .value(noon)
        _ = await manager.perform(.importUsers([off, over, fields("on", 3)], existing: .refuse))
        #expect(try await list(manager).map(\.state) == [.disabled, .active, .expired])
    }

    @Test
    func `What cannot be written is kept for the next time`() async throws {
        let manager = try await manager(declared: [try declared("boss", 9), try declared("other", 8)])
        var blocker: UserStore? = try UserStore(directory: directory.path("state"))
        try blocker?.write(StoreChange())
        await #expect(throws: StoreError.self) {
            try await manager.record(["boss": UsageDelta(up: 5, sessions: 1)])
        }
        #expect(await manager.entries().first?.usage.up == 5)
        blocker = nil
        try await manager.record(["boss": UsageDelta(up: 5, sessions: 1)])
        try await manager.close()
        let kept = try UserStore(directory: directory.path("state")).load()
        #expect(kept.usage["boss"]?.up == 10 && kept.totals?.sessions == 2)
    }

    @Test
    func `A thousand changes one after the other end as they should`() async throws {
        let manager = try await manager()
        for number in 1...500 {
            _ = await manager.perform(.addUser(fields("user\(number)", number)))
            if number.isMultiple(of: 2) {
                _ = await manager.perform(.removeUsers(names: ["user\(number - 1)"], now: false))
            }
        }
        let names = Set(await manager.entries().map(\.user.name))
        #expect(names == Set(stride(from: 2, through: 500, by: 2).map { "user\($0)" }))
        #expect(told.names.count == 750)
    }
}
