import NIOCore
import ProxyTestKit
import Testing

@Suite("The kit's WebSocket edge", .timeLimit(.minutes(2)))
struct WebSocketEdgeKitTests {
    @Test("It upgrades, echoes packets, and remembers what it was asked")
    func normal() async throws {
        try await withKit { kit in
            let edge = try await kit.keep(WebSocketEdge.start())
            let client = try await MiniWebSocket(port: edge.port, host: "kws4-1.web.telegram.org", dataCenter: -4)
            #expect(client.response.status == 101)
            #expect(client.response["Sec-WebSocket-Accept"] == MiniWebSocket.accept)
            #expect(client.response["Sec-WebSocket-Protocol"] == "binary")
            try await client.sendHeader()
            var generator = SeededGenerator(seed: 1)
            for size in [1, 200, 70_000] {
                let payload = generator.bytes(size)
                #expect(try await client.echo(payload) == payload)
            }
            try await client.send(opcode: 8, [3, 232])
            #expect(try await client.receiveFrame() == MiniWebSocket.Frame(first: 0x88, payload: [3, 232]))
            #expect(try await client.receiveFrame() == nil)
            await client.stream.close()
            try await eventually { edge.facts.first?.isOver == true }
            let facts = try #require(edge.facts.first)
            #expect(facts.serverName == "kws4-1.web.telegram.org")
            #expect(facts.host == "kws4-1.web.telegram.org")
            #expect(facts.request?.target == "/apiws")
            #expect(facts.headerNames.first == "Host")
            #expect(facts.messages == 4)
            #expect(facts.closeCode == 1000)
            #expect(edge.sessions.first?.dataCenterWire == -4)
            #expect(edge.sessions.first?.host == "kws4-1.web.telegram.org")
            #expect(edge.upgradeCount == 1)
        }
    }

    @Test("Fragments, pings between them and text frames keep the stream whole")
    func styles() async throws {
        try await withKit { kit in
            let edge = try await kit.keep(WebSocketEdge.start())
            edge.setStyle(EdgeOutputStyle(fragments: 5, pingsBetweenFragments: true, usesTextFrames: true))
            let client = try await MiniWebSocket(port: edge.port)
            try await client.sendHeader()
            #expect(try await client.echo([1, 2, 3]) == [1, 2, 3])
            try await eventually { edge.pongCount == 4 }
            edge.setStyle(EdgeOutputStyle(pingsWithUpgrade: true))
            let second = try await MiniWebSocket(port: edge.port, usesTLS: true)
            try await second.sendHeader()
            #expect(second.response.status == 101)
            try await edge.pingAll()
        }
    }

    @Test("Whatever a client must not do is a violation")
    func violations() async throws {
        let rules: [(String, @Sendable (MiniWebSocket) async throws -> Void)] = [
            ("PING", { try await $0.send(opcode: 9, []) }),
            ("mask", { try await $0.stream.write([0x82, 0x01, 0x00]) }),
            (
                "again",
                { client in
                    for _ in 0..<2 { try await client.send(opcode: 10, [1], mask: [1, 2, 3, 4]) }
                }
            ),
            ("again", { try await $0.send(opcode: 2, [1, 2], mask: [0, 0, 0, 0]) }),
            ("text frame", { try await $0.send(opcode: 1, [1]) }),
            ("reserved bits", { try await $0.send(opcode: 0x42, [1]) }),
            ("opcode 3", { try await $0.send(opcode: 3, [1]) }),
            ("continuation of nothing", { try await $0.send(opcode: 0, [1]) }),
            ("control frame", { try await $0.send(opcode: 8, [3, 232], isFinal: false) }),
            ("PONG", { try await $0.send(opcode: 10, [1]) }),
            ("not the header's 64", { try await $0.send(opcode: 2, [1, 2, 3]) }),
            (
                "more than one packet",
                { client in
                    try await client.sendHeader()
                    try await client.send(packets: [[1], [2]])
                }
            ),
        ]
        try await withKit { kit in
            kit.tolerateViolations()
            for (word, act) in rules {
                let edge = try await kit.keep(WebSocketEdge.start(.serve(.sink)))
                let client = try await MiniWebSocket(port: edge.port)
                try await act(client)
                try await eventually("a violation with '\(word)'") { edge.violations.contains { $0.contains(word) } }
                await client.stream.close()
            }
        }
    }

    @Test("A wrong name, a stranger's signature and a client without trust fail the handshake")
    func certificates() async throws {
        try await withKit { kit in
            let edge = try await kit.keep(WebSocketEdge.start())
            for certificate in [EdgeCertificate.wrongName, .selfSigned(WebSocketEdge.telegramNames)] {
                try await edge.setCertificate(certificate)
                await #expect(throws: (any Error).self) { try await MiniWebSocket(port: edge.port) }
            }
            try await edge.setCertificate(.issued(["kws2.example.test", "127.0.0.1"]))
            let client = try await MiniWebSocket(port: edge.port, host: "kws2.example.test")
            #expect(client.response.status == 101)
            try await edge.setCertificate(.plaintext)
            #expect(try await MiniWebSocket(port: edge.port, usesTLS: false).response.status == 101)
        }
    }

    @Test("Statuses, bad accepts and unknown paths are answered as ordered")
    func answers() async throws {
        try await withKit { kit in
            let edge = try await kit.keep(WebSocketEdge.start())
            edge.enqueue(.redirect(), .redirect(301), .tooManyRequests(retryAfter: 7), .status(503), .badAccept)
            let redirect = try await MiniWebSocket(port: edge.port).response
            #expect(redirect.status == 302)
            #expect(redirect["Location"] == "https://core.telegram.org/")
            #expect(try await MiniWebSocket(port: edge.port).response.status == 301)
            #expect(try await MiniWebSocket(port: edge.port).response["Retry-After"] == "7")
            #expect(try await MiniWebSocket(port: edge.port).response.status == 503)
            let bad = try await MiniWebSocket(port: edge.port).response
            #expect(bad.status == 101)
            #expect(bad["Sec-WebSocket-Accept"] != MiniWebSocket.accept)
            edge.enqueue(.missingAccept)
            #expect(try await MiniWebSocket(port: edge.port).response["Sec-WebSocket-Accept"] == nil)
            #expect(try await MiniWebSocket(port: edge.port, target: "/apiws_test").response.status == 101)
            #expect(try await MiniWebSocket(port: edge.port, target: "/other").response.status == 404)
            edge.setBehaviour(.status(403), forHost: "kws1.web.telegram.org")
            #expect(try await MiniWebSocket(port: edge.port, host: "kws1.web.telegram.org").response.status == 403)
            #expect(try await MiniWebSocket(port: edge.port, host: "kws2.web.telegram.org").response.status == 101)
        }
    }

    @Test("It can end the connection at every stage", arguments: EdgeStage.allCases)
    func stages(stage: EdgeStage) async throws {
        try await withKit { kit in
            let edge = try await kit.keep(WebSocketEdge.start())
            for behaviour in [EdgeBehaviour.reset(stage), .close(stage)] {
                edge.setBehaviour(behaviour)
                do {
                    let client = try await MiniWebSocket(port: edge.port)
                    #expect(stage == .established)
                    _ = try await client.receiveFrame()
                } catch {
                    #expect(!(error is CancellationError))
                }
            }
            let facts = edge.facts
            #expect(facts.count == 2)
            #expect(facts.allSatisfy { ($0.serverName != nil) == (stage != .tcp) })
            #expect(facts.allSatisfy { $0.isSecured == (stage == .upgrade || stage == .established) })
            #expect(facts.allSatisfy { $0.isUpgraded == (stage == .established) })
        }
    }

    @Test("It can hang at every stage, and sees the client leave", arguments: EdgeStage.allCases)
    func hangs(stage: EdgeStage) async throws {
        try await withKit { kit in
            let edge = try await kit.keep(WebSocketEdge.start(.hang(stage)))
            let configuration = try await CertificateAuthority.shared().clientConfiguration()
            let name = "kws2.web.telegram.org"
            if stage == .tcp || stage == .tls {
                await #expect(throws: KitError.self) {
                    try await ByteStream.connectTLS(
                        port: edge.port,
                        serverName: name,
                        configuration: configuration,
                        options: ConnectOptions(timeout: .seconds(1))
                    )
                }
            } else {
                let stream = try await ByteStream.connectTLS(
                    port: edge.port,
                    serverName: name,
                    configuration: configuration
                )
                var request = "GET /apiws HTTP/1.1\r\nHost: \(name)\r\n"
                for field in MiniWebSocket.fields() { request += "\(field.name): \(field.value)\r\n" }
                try await stream.write(Array((request + "\r\n").utf8))
                if stage == .established { _ = try await stream.read() }
                await #expect(throws: KitError.self) { try await stream.read(within: .milliseconds(100)) }
                #expect(edge.facts.first?.isOver == false)
                stream.closeSocket()
            }
            try await eventually { edge.facts.first?.isOver == true }
        }
    }

    @Test("A delay is a delay")
    func delay() async throws {
        try await withKit { kit in
            let edge = try await kit.keep(WebSocketEdge.start(.delay(.upgrade, .milliseconds(200))))
            let (client, time) = try await measured { try await MiniWebSocket(port: edge.port).response.status }
            #expect(client == 101)
            #expect(time >= .milliseconds(200))
        }
    }

    @Test("A transport error, a close after the header and a reset reach the client")
    func dataCenterBehaviours() async throws {
        try await withKit { kit in
            let edge = try await kit.keep(WebSocketEdge.start())
            edge.dataCenter.enqueue(.transportError(-444), .closeAfterHeader, .resetAfterHeader)
            let first = try await MiniWebSocket(port: edge.port)
            try await first.sendHeader()
            try await first.send(packets: [[1]])
            #expect(try await first.receivePacket() == .transportError(-444))
            let second = try await MiniWebSocket(port: edge.port)
            try await second.sendHeader()
            #expect(try await second.receiveFrame() == MiniWebSocket.Frame(first: 0x88, payload: [3, 232]))
            let third = try await MiniWebSocket(port: edge.port)
            try await third.sendHeader()
            await #expect(throws: (any Error).self) { try await third.receiveFrame() }
            #expect(third.stream.ending == .reset)
        }
    }
}
