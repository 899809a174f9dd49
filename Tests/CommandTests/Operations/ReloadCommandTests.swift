import Foundation
import MTProtoWire
import ProxyTestKit
import Testing

@testable import martlet

/// The built program while its configuration changes.
@Suite(.serialized, .timeLimit(.minutes(4))) struct ReloadCommandTests {
    private static let annas = "dd000102030405060708090a0b0c0d0e0f"
    private static let berts = "dd101112131415161718191a1b1c1d1e1f"
    private static let reloaded = "configuration reloaded"
    private static let refused = "configuration not reloaded"

    private let directory: TemporaryDirectory
    private let port: Int

    init() async throws {
        directory = try TemporaryDirectory(prefix: "m")
        port = try await FreePort.find()
    }

    private var state: String { directory.path("state") }
    private var path: String { directory.path("martlet.toml") }

    /// The file that the server reads, written beside it and put into its place as editors do.
    private func configure(_ more: String = "", users: [String: String] = ["anna": annas]) throws {
        let tables = users.sorted { $0.key < $1.key }.map { "[[users]]\nname = \"\($0)\"\nsecret = \"\($1)\"\n" }
        try directory.write("state_dir = \"\(state)\"\n\(more)\n\(tables.joined())", to: "draft")
        #expect(rename(directory.path("draft"), path) == 0)
    }

    private func start(_ dataCenter: Int, _ arguments: [String] = []) async throws -> RunningProgram {
        let server = try RunningProgram(
            Program.path,
            [
                "run", "--config", path, "--dc-ip", "none", "--no-cfproxy", "--tcp-address",
                "2:127.0.0.1:\(dataCenter)", "--pool-size", "0",
            ] + arguments, variables: [:])
        #expect(await server.says("listening"))
        return server
    }

    private func client(_ secret: String) async throws -> TelegramClient {
        let client = try await TelegramClient.connect(port: port, secret: try ProxySecret(parsing: secret))
        try await client.exchange([1, 2, 3])
        return client
    }

    private func reload(_ arguments: String...) async throws -> ProgramResult {
        try await martlet(["reload", "--state-dir", state] + arguments)
    }

    private func martlet(_ arguments: [String]) async throws -> ProgramResult {
        try await Program.martlet(arguments)
    }

    @Test func `SIGHUP takes what can change, names what waits, and keeps sessions`() async throws {
        try configure("listen.port = \(port)")
        let dataCenter = try await FakeDataCenter.start(.echo)
        let server = try await start(dataCenter.port)
        let anna = try await client(Self.annas)
        try configure(
            "listen.port = 1\nlimits.per_address = 50\nlog.level = \"debug\"",
            users: ["anna": Self.annas, "bert": Self.berts])
        #expect(kill(server.identifier, SIGHUP) == 0)
        #expect(await server.says("because=SIGHUP"))
        #expect(await server.says("keys=listen.port"))
        let said = server.saidOnErrors
        #expect(said.contains("users_added=bert"), "\(said)")
        #expect(said.contains("changed=\"limits.per_address, log.level\""), "\(said)")

        try await anna.exchange([UInt8](repeating: 1, count: 100_000))
        let bert = try await client(Self.berts)
        // Nobody's secret: a line of the level that is in force now.
        let unknown = try ProxySecret(parsing: "dd" + String(repeating: "ab", count: 16))
        let stranger = try await TelegramClient.knock(port: port, secret: unknown)
        #expect(await server.says("reason=badSecret"))
        await stranger.close()
        try await anna.exchange([4])
        for client in [anna, bert] { await client.close() }
        server.terminate()
        await server.expectEnd()
        await dataCenter.stop()
    }

    @Test func `A file that is put in the place of another is noticed, a broken one changes nothing`() async throws {
        try configure("listen.port = \(port)")
        let dataCenter = try await FakeDataCenter.start(.echo)
        let server = try await start(dataCenter.port)
        let anna = try await client(Self.annas)

        try configure("listen.port = \(port)\nlimits.per_addres = 7\nlog.level = \"loud\"", users: [:])
        #expect(await server.says(Self.refused))
        #expect(await server.says("\(path):4: log.level"))
        #expect(server.saidOnErrors.contains("\(path):3: limits.per_addres"))
        try await anna.exchange([5])
        await (try await client(Self.annas)).close()
        let answer = try await reload()
        #expect(answer.status == 78)
        #expect(answer.errors.contains("the configuration is wrong: nothing was changed"), "\(answer.errors)")
        #expect(answer.errors.contains("\(path):3: limits.per_addres: ") && answer.errors.contains("\(path):4: "))
        let json = try await reload("--json")
        #expect(json.status == 78)
        let failure = try JSONDecoder().decode(Refused.self, from: Data(json.output.utf8))
        #expect(!failure.ok && failure.error.code == "configuration" && failure.error.details.count == 2)
        let own = try await martlet(["reload", "--config", path])
        #expect(own.status == 78 && own.errors.contains("\(path):3: "), "\(own.errors)")

        try configure("listen.port = \(port)", users: ["bert": Self.berts])
        #expect(await server.says(Self.reloaded))
        #expect(server.saidOnErrors.contains("users_removed=anna"))
        await (try await client(Self.berts)).close()
        try await anna.exchange([6])
        await anna.close()
        server.terminate()
        await server.expectEnd()
        await dataCenter.stop()
    }

    private struct Refused: Decodable {
        struct Problem: Decodable {
            var code: String
            var details: [String]
        }
        var ok: Bool
        var error: Problem
    }

    private struct Report: Decodable {
        struct Parts: Decodable {
            struct Users: Decodable {
                var added: [String]
                var changed: [String]
                var removed: [String]
            }
            var changed: [String]
            var needsRestart: [String]
            var users: Users

            private enum CodingKeys: String, CodingKey {
                case changed, users
                case needsRestart = "needs_restart"
            }
        }
        var ok: Bool
        var reloaded: Parts
    }

    @Test func `The command tells what came of it`() async throws {
        try configure("listen.port = \(port)")
        let dataCenter = try await FakeDataCenter.start(.echo)
        let server = try await start(dataCenter.port)
        #expect(try await reload().output == "nothing has changed\n")

        try configure(
            "listen.port = 1\nmask.host = \"example.com\"\nrelay.buffer_kb = 64",
            users: ["anna": Self.berts, "carl": Self.annas])
        let text = try await reload()
        #expect(text.status == 0)
        // The server may have noticed before it was asked; then it says so.
        let told = text.output + text.errors
        for part in ["changed: mask.host", "users added: carl", "users changed: anna"] {
            #expect(told.contains(part), "\(told)")
        }
        #expect(text.output.hasSuffix("\nwaits for a restart: listen.port, relay.buffer_kb\n"))
        await (try await client(Self.berts)).close()
        let json = try await reload("--json")
        let report = try JSONDecoder().decode(Report.self, from: Data(json.output.utf8))
        #expect(report.ok && report.reloaded.changed == [])
        #expect(report.reloaded.needsRestart == ["listen.port", "relay.buffer_kb"])

        // A command's user keeps his name.
        #expect(try await martlet(["users", "add", "zoe", "--state-dir", state]).status == 0)
        try configure("listen.port = 1", users: ["zoe": Self.annas])
        let clash = try await reload()
        #expect(clash.status == 64, "\(clash.errors)")
        #expect(clash.errors.contains("user \"zoe\" of \(path) has the name of user \"zoe\""), "\(clash.errors)")
        await (try await client(Self.berts)).close()
        server.terminate()
        await server.expectEnd()
        await dataCenter.stop()
    }

    @Test func `Without a server there is nobody to tell`() async throws {
        try configure()
        let answer = try await reload()
        #expect(answer.status == 69 && answer.errors.contains("no server runs"))
        let json = try await martlet(["reload", "--config", path, "--json"])
        #expect(json.status == 69 && json.output.contains(#""code":"not_running""#))
        #expect(try await martlet(["reload", "--nonsense"]).status == 64)
    }

    @Test func `A bridge without a file reloads as well, and its kept secret gives way to declared users`() async throws
    {
        try directory.write("", to: "martlet.toml")
        let dataCenter = try await FakeDataCenter.start(.echo)
        let server = try await start(dataCenter.port, ["--state-dir", state, "--port", "\(port)"])
        #expect(kill(server.identifier, SIGHUP) == 0)
        #expect(await server.says("nothing has changed"))
        let kept = try String(contentsOfFile: "\(state)/secret", encoding: .utf8).trimmingCharacters(in: .newlines)
        let client = try await client(kept)
        #expect(try await reload().output == "nothing has changed\n")
        try configure()
        #expect(await server.says("users_added=anna users_removed=default"))
        await (try await self.client(Self.annas)).close()
        try directory.write("", to: "martlet.toml")
        #expect(await server.says("users_added=default users_removed=anna"))
        try await client.exchange([9])
        await (try await self.client(kept)).close()
        await client.close()
        server.terminate()
        await server.expectEnd()
        await dataCenter.stop()
    }
}
