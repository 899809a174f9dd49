import Foundation
import MTProtoWire
import ProxyTestKit
import Synchronization
import Testing

@testable import martlet

/// A state directory, a data center that echoes, and the servers of one test one after the other.
final class Site: Sendable {
    static let fakeTLS =
        "ee000102030405060708090a0b0c0d0e0f" + "mask.example".utf8.map { String($0, radix: 16) }.joined()
    static let padded = "dd101112131415161718191a1b1c1d1e1f"

    let directory: TemporaryDirectory
    let dataCenter: FakeDataCenter

    init() async throws {
        directory = try TemporaryDirectory(prefix: "op")
        dataCenter = try await FakeDataCenter.start(.echo)
        for (name, secret) in [("anna", Self.fakeTLS), ("bob", Self.padded)] {
            let added = try await command("users", "add", name, "--secret", secret)
            try #require(added.status == 0, "\(added.errors)")
        }
    }

    var state: String { directory.url.path }
    var secret: ProxySecret { get throws { try ProxySecret(parsing: Self.fakeTLS) } }
    var plainSecret: ProxySecret { get throws { try ProxySecret(parsing: Self.padded) } }

    func arguments(port: Int = 0, _ more: [String]) -> [String] {
        [
            "run", "--state-dir", state, "--port", "\(port)", "--dc-ip", "none", "--no-cfproxy", "--tcp-address",
            "2:127.0.0.1:\(dataCenter.port)", "--pool-size", "0", "--log-level", "debug",
        ] + more
    }

    /// Starts a server and waits until it accepts.
    func start(
        port: Int = 0, _ more: [String] = [], variables: [String: String] = [:], sockets: [Int32] = []
    ) async throws -> RunningProgram {
        let server = try RunningProgram(
            Program.path, arguments(port: port, more), variables: variables, sockets: sockets)
        #expect(await server.says("run `martlet link`"), "\(server.saidOnErrors)")
        return server
    }

    /// Runs a command on the state directory.
    func command(_ words: String...) async throws -> ProgramResult {
        let arguments = words + ["--state-dir", state]
        return try await Program.martlet(arguments)
    }

    func usage() async throws -> UsersShown {
        let result = try await command("users", "list", "--json")
        return UsersShown(all: try JSONDecoder().decode([UsersShown.User].self, from: Data(result.output.utf8)))
    }

    /// A hello that was not sent yet.
    func hello() throws -> FakeTLSHello {
        var generator = SeededGenerator(seed: .random(in: 0...(.max)))
        return FakeTLSHello(secret: try secret, using: &generator)
    }

    /// Whether a hello gets an answer.
    func isAnswered(_ hello: FakeTLSHello, port: Int, within limit: Duration = .seconds(60)) async throws -> Bool {
        let stream = try await TelegramClient.knock(
            port: port, secret: try secret, options: TelegramClientOptions(replayedHello: hello.wire))
        defer { stream.closeSocket() }
        return await stream.isAnswered(within: limit)
    }

    /// Whether a hello gets no answer for some seconds.
    func isUnanswered(_ hello: FakeTLSHello, port: Int) async throws -> Bool {
        try await !isAnswered(hello, port: port, within: .seconds(3))
    }

    /// Waits until the clock shows a later second than that of a hello made now.
    func letSecondsPass(_ seconds: Int) async throws {
        let end = time(nil) + seconds
        try await eventually("later times") { time(nil) > end }
    }
}

extension ByteStream {
    /// Whether anything comes.
    func isAnswered(within limit: Duration = .seconds(60)) async -> Bool {
        (try? await read(exactly: 1, within: limit)) != nil
    }
}

/// What `martlet users list --json` says.
struct UsersShown {
    struct User: Decodable {
        struct Usage: Decodable {
            var up: UInt64
            var down: UInt64
            var sessions: UInt64
        }
        var usage: Usage
    }
    var all: [User]

    var sessions: UInt64 { all.reduce(0) { $0 + $1.usage.sessions } }
    var up: UInt64 { all.reduce(0) { $0 + $1.usage.up } }
}

extension RunningProgram {
    /// The port in the line that says where the server listens.
    var port: Int {
        get throws {
            let port = saidOnErrors.firstMatch(of: /on="?127\.0\.0\.1:([0-9]+)/).flatMap { Int($0.1) }
            return try #require(port, "\(saidOnErrors)")
        }
    }

    /// Waits for its orderly end.
    func expectEnd(_ comment: Comment? = nil) async {
        let result = await ended()
        #expect(result.status == 0, comment ?? "\(result.errors)")
    }
}

/// Clients that come and go for as long as they may, each with a session of its own.
final class Crowd: Sendable {
    private struct Counts {
        var isOver = false
        var served = 0
        var failures: [String] = []
    }

    private let counts = Mutex(Counts())
    private let port: Int
    private let secrets: [ProxySecret]
    private let tasks = Mutex<[Task<Void, Never>]>([])

    init(port: Int, secrets: [ProxySecret], tasks count: Int = 6) {
        self.port = port
        self.secrets = secrets
        tasks.withLock { tasks in
            for index in 0..<count { tasks.append(Task { await self.comeAndGo(secrets[index % secrets.count]) }) }
        }
    }

    var served: Int { counts.withLock { $0.served } }

    /// Waits until so many more were served.
    func serve(_ more: Int) async throws {
        let wanted = served + more
        try await eventually(timeout: .seconds(60), "\(more) more clients") {
            self.served >= wanted || self.counts.withLock { !$0.failures.isEmpty }
        }
    }

    /// Ends it, and expects that nothing has gone wrong.
    func expectEnd() async {
        counts.withLock { $0.isOver = true }
        for task in tasks.withLock({ $0 }) { await task.value }
        let failures = counts.withLock { $0.failures }
        #expect(failures.isEmpty, "\(failures)")
    }

    private func comeAndGo(_ secret: ProxySecret) async {
        while counts.withLock({ !$0.isOver }) {
            let start = ContinuousClock.now
            var step = "connecting"
            do {
                let client = try await TelegramClient.connect(port: port, secret: secret)
                step = "talking"
                try await client.exchange([1, 2, 3, 4])
                await client.close()
                counts.withLock { $0.served += 1 }
            } catch {
                let failure = "\(error), \(step), after \(ContinuousClock.now - start)"
                counts.withLock { $0.failures.append(failure) }
                return
            }
        }
    }
}
