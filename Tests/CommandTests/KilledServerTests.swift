import Foundation
import MTProtoWire
import ProxyTestKit
import Testing

@testable import martlet

/// What a server that is killed amid traffic leaves behind.
@Suite(.timeLimit(.minutes(3))) struct KilledServerTests {
    private static let secret = "dd000102030405060708090a0b0c0d0e0f"

    private struct Shown: Decodable {
        struct Quota: Decodable { var bytes: UInt64 }
        struct User: Decodable { var quota: Quota? }
        struct Usage: Decodable {
            var up: UInt64
            var down: UInt64
            var sessions: UInt64
        }
        var user: User
        var usage: Usage
    }

    /// Anna as `martlet users list --json` shows her, whether or not a server runs.
    private func anna(_ directory: String) async throws -> Shown {
        let result = try await Program.martlet(["users", "list", "--state-dir", directory, "--json"])
        let all = try JSONDecoder().decode([Shown].self, from: Data(result.output.utf8))
        return try #require(all.first)
    }

    private func start(_ directory: String, port: Int, dataCenter: Int) async throws -> RunningProgram {
        let server = try RunningProgram(
            Program.path,
            [
                "run", "--state-dir", directory, "--port", "\(port)", "--dc-ip", "none", "--no-cfproxy",
                "--tcp-address", "2:127.0.0.1:\(dataCenter)", "--pool-size", "0",
            ], variables: [:])
        #expect(await server.says("listening"))
        return server
    }

    @Test func `Users, quotas and counters are there again, and nobody else gets the database meanwhile`() async throws
    {
        let directory = try TemporaryDirectory()
        let state = directory.url.path
        let added = try await Program.martlet([
            "users", "add", "anna", "--secret", Self.secret, "--quota", "50GB", "--state-dir", state,
        ])
        #expect(added.status == 0)
        let dataCenter = try await FakeDataCenter.start(.echo)
        let secret = try ProxySecret(parsing: Self.secret)

        let server = try await start(state, port: try await FreePort.find(), dataCenter: dataCenter.port)
        let second = try await Program.martlet([
            "run", "--state-dir", state, "--port", "0", "--dc-ip", "none", "--tcp-address", "none", "--no-cfproxy",
        ])
        #expect(second.status == 73 && second.errors.contains("\(server.identifier)"))

        let port = try #require(Int(server.listeningPort ?? ""))
        let client = try await TelegramClient.connect(port: port, secret: secret)
        try await client.exchange([UInt8](repeating: 1, count: 100_000))
        // Written within one interval.
        try await eventually(timeout: .seconds(60), "the counters") {
            try await self.anna(state).usage.up > 100_000
        }
        try await client.exchange([UInt8](repeating: 2, count: 50_000))
        #expect(kill(server.identifier, SIGKILL) == 0)
        _ = await server.ended()
        await client.close()

        let left = try await anna(state)
        #expect(left.user.quota?.bytes == 50_000_000_000)
        #expect(left.usage.up > 100_000 && left.usage.down > 100_000 && left.usage.sessions >= 1)

        let again = try await start(state, port: try await FreePort.find(), dataCenter: dataCenter.port)
        let newPort = try #require(Int(again.listeningPort ?? ""))
        let newcomer = try await TelegramClient.connect(port: newPort, secret: secret)
        try await newcomer.exchange([7])
        await newcomer.close()
        again.terminate()
        #expect(await again.ended().status == 0)
        // An orderly stop writes down the last bytes too.
        #expect(try await anna(state).usage.sessions > left.usage.sessions)
        await dataCenter.stop()
    }
}

extension RunningProgram {
    /// The port in the line that says where the server listens.
    fileprivate var listeningPort: String? {
        saidOnErrors.firstMatch(of: /on="?127\.0\.0\.1:([0-9]+)/).map { String($0.1) }
    }
}
