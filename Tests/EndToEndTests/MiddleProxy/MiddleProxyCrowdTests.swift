import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("Many clients over few links", .serialized, .timeLimit(.minutes(5)))
struct MiddleProxyCrowdTests {
    private static let most = 8

    @Test("Five hundred clients share at most eight links, and each gets its own bytes back")
    func crowd() async throws {
        OpenFiles.allow(8_192)
        try await withMiddleProxy { proxy, middle in
            let clients = try await withThrowingTaskGroup(of: TelegramClient.self) { group in
                for index in 0..<500 {
                    group.addTask {
                        let client = try await proxy.messenger(
                            SecretForm.allCases[index % 3], framing: PacketFraming.allCases[index / 3 % 3],
                            patience: .seconds(120))
                        try await client.exchange([UInt8(index & 0xff)])
                        return client
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let links = middle.openLinks
            print("figure: 500 clients over \(links.count) links")
            #expect((2...Self.most).contains(middle.links.count))
            #expect(links.reduce(0) { $0 + $1.facts.liveSessions } == 500)
            // A spare one may be on its way up just now.
            try await eventually("as many links here as there") {
                proxy.metrics.value("martlet_middle_proxy_links") == middle.openLinks.count
            }
            #expect(Set(middle.sessionFacts.map(\.connection)).count == 500)

            try await withThrowingTaskGroup(of: Void.self) { group in
                for client in clients { group.addTask { try await Self.talk(client) } }
                try await group.waitForAll()
            }
            for client in clients { await client.close() }
            try await eventually(timeout: .seconds(60), "the end of all sessions") {
                middle.sessionFacts.allSatisfy(\.sawClose)
            }
            #expect(middle.links.count <= Self.most)
        }
    }

    private static func talk(_ client: TelegramClient) async throws {
        var generator = SeededGenerator(seed: .random(in: 0...(.max)))
        for _ in 0..<3 {
            try await client.exchange(generator.bytes(Int.random(in: 1...(16 << 10), using: &generator)))
        }
    }

    @Test("No more links than configured, however many clients come")
    func bound() async throws {
        try await withMiddleProxy(adapt: { $0.middleProxy.linksPerTarget = 1 }) { proxy, middle in
            let clients = try await proxy.settledMessengers(80)
            #expect(middle.links.count == 1)
            for client in clients { await client.close() }
        }
    }
}
