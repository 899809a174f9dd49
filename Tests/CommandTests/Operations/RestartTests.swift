import Foundation
import ProxyTestKit
import Testing

@testable import martlet

/// `martlet restart`, a successor that cannot start, and what a plain stop and start remember.
@Suite(.serialized, .timeLimit(.minutes(4))) struct RestartTests {
    private struct Answer: Decodable {
        struct Restarted: Decodable {
            struct Server: Decodable { var pid: Int32 }
            var old: Server
            var new: Server
        }
        var ok: Bool
        var restarted: Restarted?
    }

    private func restart(_ site: Site) async throws -> ProgramResult {
        try await site.command("restart", "--json")
    }

    /// Ends a server that is no child of ours.
    private func stop(_ pid: Int32) async throws {
        #expect(kill(pid, SIGTERM) == 0)
        try await eventually(timeout: .seconds(60), "the end of process \(pid)") { kill(pid, 0) != 0 }
    }

    @Test func `A server starts its successor without a gap`() async throws {
        let site = try await Site()
        let server = try await site.start(["--drain-time", "60s"])
        let port = try server.port
        let session = try await TelegramClient.connect(port: port, secret: try site.secret)
        try await session.exchange([1, 2, 3])
        let crowd = Crowd(port: port, secrets: [try site.secret])
        try await crowd.serve(10)
        let result = try await restart(site)
        #expect(result.status == 0, "\(result.errors) \(server.saidOnErrors)")
        let answer = try JSONDecoder().decode(Answer.self, from: Data(result.output.utf8))
        let restarted = try #require(answer.restarted)
        #expect(restarted.old.pid == server.identifier && restarted.new.pid != server.identifier)
        try await crowd.serve(30)
        try await session.exchange([UInt8](repeating: 9, count: 20_000))
        // And again: the successor knows how it was started, too.
        let again = try await restart(site)
        let second = try #require(try JSONDecoder().decode(Answer.self, from: Data(again.output.utf8)).restarted)
        #expect(second.old.pid == restarted.new.pid)
        try await crowd.serve(30)
        try await session.exchange([UInt8](repeating: 8, count: 20_000))
        await session.close()
        await crowd.expectEnd()
        try await stop(second.new.pid)
        await server.expectEnd()
        #expect(try await site.usage().sessions == UInt64(crowd.served + 1))
    }

    @Test func `A successor that cannot start says why, and the old one goes on`() async throws {
        let site = try await Site()
        try site.directory.write("[listen]\nproxy_protocol = false\n", to: "m.toml")
        let server = try await site.start(["--config", site.directory.path("m.toml")])
        let port = try server.port
        let crowd = Crowd(port: port, secrets: [try site.secret])
        try await crowd.serve(5)
        try site.directory.write("[listen]\nproxy_protocol = 7\nmadness = 1\n", to: "m.toml")
        let result = try await site.command("restart")
        #expect(result.status == 69)
        #expect(result.errors.contains("the old one goes on") && result.errors.contains("madness"), "\(result.errors)")
        try await crowd.serve(20)
        await crowd.expectEnd()
        server.terminate()
        await server.expectEnd()
        #expect(try await site.usage().sessions == UInt64(crowd.served))
    }

    /// It fails in the middle, with the sockets and the database in its hands.
    @Test func `A successor that fails late gives everything back`() async throws {
        let site = try await Site()
        let taken = site.dataCenter
        let server = try await site.start()
        let port = try server.port
        let crowd = Crowd(port: port, secrets: [try site.secret])
        try await crowd.serve(5)
        try site.directory.write(
            "[[listeners]]\naddress = \"127.0.0.1:\(port)\"\n\n[[listeners]]\naddress = \"127.0.0.1:\(taken.port)\"\n",
            to: "bad.toml")
        var arguments = site.arguments(["--config", site.directory.path("bad.toml"), "--take-over"])
        if let place = arguments.firstIndex(of: "--port") { arguments.removeSubrange(place...place + 1) }
        let failed = try await RunningProgram(Program.path, arguments, variables: [:]).ended()
        #expect(failed.status == 69 && failed.errors.contains("\(taken.port)"), "\(failed.errors)")
        #expect(await server.says("this server goes on"))
        try await crowd.serve(20)
        let added = try await site.command("users", "add", "carl")
        #expect(added.status == 0, "\(added.errors)")
        await crowd.expectEnd()
        server.terminate()
        await server.expectEnd()
        #expect(try await site.usage().sessions == UInt64(crowd.served))
    }

    @Test func `Nobody to restart is status 69`() async throws {
        let directory = try TemporaryDirectory()
        let state = directory.url.path
        let result = try await Program.martlet(["restart", "--state-dir", state])
        #expect(result.status == 69 && result.errors.contains("no server runs"))
    }

    @Test func `After an orderly stop what was seen is known, and after a killing older hellos are refused`()
        async throws
    {
        let site = try await Site()
        let first = try await site.start()
        let port = try first.port
        let client = try await TelegramClient.connect(port: port, secret: try site.secret)
        try await client.exchange([1])
        let hello = try #require(client.hello)
        let older = try site.hello()
        try await site.letSecondsPass(3)
        await client.close()
        first.terminate()
        await first.expectEnd()
        #expect(FileManager.default.fileExists(atPath: site.directory.path("replay.memory")))

        let second = try await site.start()
        #expect(!FileManager.default.fileExists(atPath: site.directory.path("replay.memory")))
        let newPort = try second.port
        #expect(try await site.isUnanswered(hello, port: newPort))
        #expect(await second.says("replayedHello"))
        #expect(try await site.isAnswered(older, port: newPort))
        let oldest = try site.hello()
        try await site.letSecondsPass(3)
        #expect(kill(second.identifier, SIGKILL) == 0)
        _ = await second.ended()

        let third = try await site.start()
        #expect(try await site.isUnanswered(oldest, port: try third.port))
        #expect(await third.says("beforeStart"))
        third.terminate()
        await third.expectEnd()
    }
}
