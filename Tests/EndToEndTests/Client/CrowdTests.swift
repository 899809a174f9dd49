import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("Many clients at once", .serialized)
struct CrowdTests {
    @Test("Two hundred sessions over TCP at once each get their own bytes back")
    func overTCP() async throws {
        try await crowd(200, by: .tcp)
    }

    @Test("Fifty sessions over WebSockets at once each get their own bytes back")
    func overWebSocket() async throws {
        try await crowd(50, by: .webSocket)
    }

    private func crowd(_ count: Int, by way: Way) async throws {
        OpenFiles.allow(8_192)
        try await withProxy(to: way) { proxy, open in
            let port = proxy.port
            let clients = try await withThrowingTaskGroup(of: TelegramClient.self) { group in
                for index in 0..<count {
                    group.addTask { try await Self.newcomer(index, port: port) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            // All are in: each has had an answer, and none has left.
            #expect(open.desk.facts.count { !$0.header.isEmpty && !$0.isOver } == count)
            let bytes = try await withThrowingTaskGroup(of: Int.self) { group in
                for client in clients { group.addTask { try await Self.talk(client) } }
                return try await group.reduce(0, +)
            }
            for client in clients { await client.close() }
            try await eventually(timeout: .seconds(60), "the end of all sessions") {
                open.desk.facts.allSatisfy(\.isOver)
            }
            let facts = open.desk.facts.filter { !$0.header.isEmpty }
            #expect(facts.compactMap(\.failure) == [])
            #expect(facts.reduce(0) { $0 + $1.payloadBytesReceived } == bytes + count * Self.greeting.count)
            #expect(Set(facts.map(\.header)).count == count)
        }
    }

    private static let greeting = Array("here".utf8)

    private static func newcomer(_ index: Int, port: Int) async throws -> TelegramClient {
        let client = try await TelegramClient.connect(
            port: port,
            secret: SecretForm.allCases[index % 3].secret,
            options: TelegramClientOptions(
                framing: PacketFraming.allCases[index / 3 % 3],
                connect: ConnectOptions(timeout: .seconds(60)),
                patience: .seconds(120)
            )
        )
        try await client.exchange(greeting)
        return client
    }

    /// Exchanges messages of random sizes and says how many bytes they had.
    private static func talk(_ client: TelegramClient) async throws -> Int {
        var generator = SeededGenerator(seed: .random(in: 0...(.max)))
        var total = 0
        for _ in 0..<5 {
            let payload = generator.bytes(Int.random(in: 1...(64 << 10), using: &generator))
            try await client.exchange(payload)
            total += payload.count
        }
        return total
    }
}
