import Foundation
import ProxyPolicy
import ProxyStore
import ProxyTestKit
import Synchronization
import Testing

@testable import martlet

/// `martlet users` by the built program against a server that runs, here in the test's own process.
@Suite
struct UsersOnlineTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory(prefix: "m")
    }

    /// Serves a manager on the control socket for the time of the body.
    private func serving(_ body: (UserManager, LastChange) async throws -> Void) async throws {
        let last = LastChange()
        let manager = UserManager(
            declared: [], directory: directory.url.path, now: { Int64(Date().timeIntervalSince1970) })
        await manager.use(
            .init(
                onChange: { last.set($0) },
                live: { ["anna": UserLive(connections: 3, addresses: 2)] }
            ))
        let server = ControlServer(directory: directory.url.path) { await manager.perform($0) }
        let listening = try await server.start()
        do {
            try await body(manager, last)
        } catch {
            listening.close()
            throw error
        }
        listening.close()
        try await listening.closed()
        try await manager.close()
    }

    private func users(_ arguments: String...) async throws -> ChildProcess.Outcome {
        try await ChildProcess.run(
            [Program.path, "users"] + arguments + ["--state-dir", directory.url.path],
            environment: ["PATH": "/usr/bin:/bin"])
    }

    @Test
    func `A running server is told, acts at once, and knows what is open`() async throws {
        try await serving { manager, last in
            let added = try await users("add", "anna", "--max-connections", "9")
            #expect(added.status == 0, "\(String(decoding: added.errors, as: UTF8.self))")
            #expect(last.first?.maximumConnections == 9)
            try await manager.record(["anna": UsageDelta(up: 1_234_567, down: 5, sessions: 1)])
            let list = String(decoding: try await users("list").output, as: UTF8.self)
            #expect(list.contains("3 of 9") && list.contains("1.2 MB"), "\(list)")
            #expect(try await users("set", "anna", "--disabled").status == 0)
            #expect(last.first?.isEnabled == false)
            #expect(try await users("remove", "anna").status == 0)
            #expect(await manager.entries().isEmpty)
            let refused = try await users("show", "anna", "--json")
            #expect(refused.status == 64)
            #expect(String(decoding: refused.output, as: UTF8.self).contains(#""code":"not_found""#))
        }
    }

    @Test
    func `What a running server was told is there when it is stopped`() async throws {
        try await serving { _, _ in
            let added = try await users("add", "anna", "--note", "kept")
            #expect(added.status == 0)
        }
        #expect(!FileManager.default.fileExists(atPath: directory.path("martlet.sock")))
        let list = try await users("list")
        #expect(String(decoding: list.output, as: UTF8.self).contains("kept"))
    }

    @Test
    func `A socket that a dead server left behind is no server`() async throws {
        try await serving { _, _ in
            // Its file outlives a killed process; a second name for it does the same here.
            try FileManager.default.linkItem(
                atPath: directory.path("martlet.sock"), toPath: directory.path("left"))
        }
        let socket = directory.path("martlet.sock")
        try await eventually(timeout: .seconds(60), "the server's file to go") {
            !FileManager.default.fileExists(atPath: socket)
        }
        try FileManager.default.moveItem(atPath: directory.path("left"), toPath: socket)
        #expect(try await users("add", "anna").status == 0)
    }

    @Test
    func `A server that gives no sense is told as such`() async throws {
        let server = ControlServer(directory: directory.url.path) { _ in
            .failure(ControlError(.timeout, "not today", hint: "come back"))
        }
        let listening = try await server.start()
        let result = try await users("list")
        #expect(result.status == 69)
        #expect(String(decoding: result.errors, as: UTF8.self) == "not today; come back\n")
        listening.close()
        try await listening.closed()
    }
}

/// The users of the last change that the manager told.
private final class LastChange: Sendable {
    private let entries = Mutex<[UserEntry]>([])

    var first: User? { entries.withLock { $0.first?.user } }

    func set(_ value: [UserEntry]) {
        entries.withLock { $0 = value }
    }
}
