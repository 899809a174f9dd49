import ProxyPolicy
import ProxyTestKit
import Testing

@testable import ProxyStore

/// Other declared users while the server runs.
@Suite struct DeclaredReplacementTests {
    private let directory: TemporaryDirectory
    private let told = Told()

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func manager(_ declared: [User]) async throws -> UserManager {
        let manager = UserManager(
            declared: declared, directory: directory.path("state"), declaredIn: "martlet.toml", now: { noon })
        await manager.use(told.hooks())
        try await manager.open()
        return manager
    }

    private func declared(_ name: String, _ number: Int) throws -> User {
        User(name: name, secrets: [try secret(number)], origin: .declared)
    }

    @Test func `The new ones are in force at once, told by name, and managed ones stay`() async throws {
        let manager = try await manager([declared("anna", 1), declared("bert", 2)])
        _ = await manager.perform(.addUser(fields("carl", 3)))
        try await manager.record(["anna": UsageDelta(up: 5, down: 6, sessions: 1)])
        let news = try await manager.replaceDeclared([declared("anna", 7), declared("dora", 4)])
        #expect(news.added == ["dora"] && news.changed == ["anna"] && news.removed == ["bert"])
        #expect(told.last.map(\.user.name) == ["anna", "dora", "carl"])
        #expect(told.last.first?.user.secrets == [try secret(7)])
        #expect(told.last.first?.usage.up == 5)
        let reply = await manager.perform(
            .setUser(name: "dora", changes: UserFields(), keepsSecrets: false, now: false))
        guard case .failure(let error) = reply else { throw KitError.violation("\(reply)") }
        #expect(error.code == .declared)
        try await manager.close()
    }

    @Test func `The same ones again are no change`() async throws {
        let manager = try await manager([declared("anna", 1)])
        let news = try await manager.replaceDeclared([declared("anna", 1)])
        #expect(news.isEmpty && told.names.isEmpty)
    }

    @Test(arguments: [("carl", 9, "the name"), ("erik", 3, "a secret")])
    func `A name or secret of a managed user refuses all of them`(name: String, number: Int, what: String) async throws
    {
        let manager = try await manager([declared("anna", 1)])
        _ = await manager.perform(.addUser(fields("carl", 3)))
        let before = told.names
        let new = [try declared("dora", 4), try declared(name, number)]
        let error = await #expect(throws: ControlError.self) { _ = try await manager.replaceDeclared(new) }
        #expect(error?.code == .exists)
        #expect(
            error?.details == ["user \"\(name)\" of martlet.toml has \(what) of user \"carl\", whom a command added"])
        #expect(told.names == before)
        #expect(await manager.entries().map(\.user.name) == ["anna", "carl"])
        try await manager.close()
    }

    @Test func `A managed user who had to give way is there again when the declared one goes`() async throws {
        let first = try await manager([])
        _ = await first.perform(.addUser(fields("carl", 3)))
        try await first.close()
        let manager = try await manager([declared("carl", 9)])
        // He gave way at the start already: that is nothing new.
        _ = try await manager.replaceDeclared([declared("carl", 10), declared("anna", 1)])
        #expect(told.last.map(\.user.name) == ["carl", "anna"])
        _ = try await manager.replaceDeclared([declared("anna", 1)])
        #expect(told.last.map(\.user.name) == ["anna", "carl"])
        #expect(told.last.last?.user.secrets == [try secret(3)])
        try await manager.close()
    }

    @Test func `Nobody is asked to reload where no server runs`() async throws {
        let manager = try await manager([])
        guard case .failure(let error) = await manager.perform(.reload) else { throw KitError.violation("done") }
        #expect(error.code == .notRunning)
    }

    @Test func `Reports and refusals go over the socket as they are`() throws {
        var report = ReloadReport()
        report.changed = ["limits.connections"]
        report.needsRestart = ["listen.port"]
        report.users.added = ["anna"]
        report.notes = ["a remark"]
        let refusal = ControlError(.configuration, "wrong", details: ["martlet.toml:1: a", "martlet.toml:2: b"])
        for reply in [ControlReply.reloaded(report), .failure(refusal)] {
            let line = ControlLine.encode(reply).dropLast()
            #expect(try ControlLine.decode(ControlReply.self, line, code: .badRequest) == reply)
        }
        let request = ControlLine.encode(ControlRequest.reload).dropLast()
        #expect(String(decoding: request, as: UTF8.self) == #"{"command":"reload"}"#)
        #expect(try ControlLine.request(request) == .reload)
    }
}
