import MTProtoWire
import NIOCore
import ProxyPolicy
import ProxyTestKit
import Testing

/// RFC 6455 as a server may use it.
@Suite(.timeLimit(.minutes(2))) struct WebSocketRulesTests {
    private func withEdge(
        _ dataCenter: DataCenterBehaviour = .echo, style: EdgeOutputStyle = EdgeOutputStyle(),
        _ body: (RunningProxy, WebSocketEdge) async throws -> Void
    ) async throws {
        try await withKit { kit in
            let edge = kit.keep(try await WebSocketEdge.start(dataCenter: dataCenter))
            edge.setStyle(style)
            try await RunningProxy.routed {
                $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
            } _: { proxy in
                try await body(proxy, edge)
            }
        }
    }

    struct Style: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var value: EdgeOutputStyle

        static let all = [
            Style(testDescription: "two fragments", value: EdgeOutputStyle(fragments: 2)),
            Style(testDescription: "seven fragments, some empty", value: EdgeOutputStyle(fragments: 7)),
            Style(testDescription: "text frames", value: EdgeOutputStyle(usesTextFrames: true)),
            Style(
                testDescription: "pings between fragments",
                value: EdgeOutputStyle(fragments: 3, pingsBetweenFragments: true)
            ),
            Style(
                testDescription: "a ping with the 101, text, fragments, pings",
                value: EdgeOutputStyle(
                    fragments: 5, pingsBetweenFragments: true, usesTextFrames: true, pingsWithUpgrade: true)
            ),
        ]
    }

    @Test(arguments: Style.all)
    func `However a server frames its messages the stream stays whole`(_ style: Style) async throws {
        try await withEdge(style: style.value) { proxy, edge in
            let client = try await proxy.telegramClient()
            let digest = try await client.converse()
            #expect(edge.carried.map(\.digest) == [digest])
            let pings = edge.facts[0].pingsSent
            #expect((pings > 0) == (style.value.pingsBetweenFragments || style.value.pingsWithUpgrade))
            try await eventually("a pong for each ping, with its payload") { edge.pongCount == pings }
            await client.close()
        }
    }

    @Test(arguments: [0, 1, 125])
    func `A ping is answered with its payload`(_ size: Int) async throws {
        try await withEdge { proxy, edge in
            let client = try await proxy.telegramClient()
            try await client.exchange([1, 2, 3])
            try await edge.connections[0].ping(Array(repeating: 0x5a, count: size))
            try await eventually("the pong") { edge.pongCount == 1 }
            try await client.exchange([4, 5, 6])
            await client.close()
        }
    }

    @Test func `A ping amid a packet of the client is answered behind it`() async throws {
        try await withEdge { proxy, edge in
            let client = try await proxy.telegramClient(framing: .intermediate)
            try await client.exchange([1])
            var generator = SeededGenerator(seed: 3)
            // Which comes first at the proxy, the ping or a part, is chance; over several packets it is both.
            for round in 1...20 {
                let payload = generator.bytes(40_000)
                let id = UInt64(round + 1) << 2
                var packet = PacketEncoder.encode(MessageEnvelope.wrap(payload, id: id), framing: .intermediate)
                for cut in [2, 1, 7, 20_001] {
                    try await client.sendStream(try #require(packet.readSlice(length: cut)))
                    try await edge.connections[0].ping([UInt8(round), UInt8(truncatingIfNeeded: cut)])
                }
                try await client.sendStream(packet)
                #expect(try await client.receive() == payload)
            }
            // One pong may answer several pings; the kit refuses any that answers none.
            let pongs = edge.facts[0].pongsReceived
            try await edge.connections[0].ping(Array("the last one".utf8))
            try await eventually("another pong") { edge.facts[0].pongsReceived > pongs }
            #expect(edge.facts[0].pingsSent == 81)
            await client.close()
        }
    }

    @Test(arguments: [Int?.some(1_000), 1_001, 1_011, 4_000, nil])
    func `A close frame ends the session and its code is repeated`(_ code: Int?) async throws {
        try await withEdge { proxy, edge in
            let client = try await proxy.telegramClient()
            try await client.exchange([1, 2, 3])
            // The proxy answers and closes; the edge's own FIN may come too late for the socket.
            try? await edge.connections[0].sendClose(code: code)
            try await client.expectEnd()
            #expect(client.stream.ending == .finished)
            try await eventually("the answer to the close frame") { edge.facts[0].closeCode != nil }
            #expect(edge.facts[0].closeCode == code ?? 1_000)
            let end = try await proxy.endOfSession()
            #expect(end["reason"] == "upstream-closed")
            #expect(proxy.log.routeFailures.isEmpty)
            await client.close()
        }
    }

    @Test(arguments: [false, true])
    func `A close amid a download loses nothing that came before it`(_ isSlowReader: Bool) async throws {
        let sent = Noted<[UInt8]>()
        let size = 4 << 20
        let behaviour = DataCenterBehaviour.script { session in
            guard try await session.receive() != nil else { return }
            sent.note(try await session.pump(size, packetSize: 100_000).value)
            try await session.halfClose()
        }
        try await withEdge(behaviour) { proxy, edge in
            let client = try await proxy.telegramClient()
            try await client.send([1])
            if isSlowReader {
                // Everything that buffers can hold is on its way when reading begins.
                client.setReading(paused: true)
                try await eventually("the start of the download") { edge.carried.first?.packetsSent ?? 0 > 3 }
                client.setReading(paused: false)
            }
            let received = try await client.drain(size).value
            try await client.expectEnd()
            #expect(try await sent.awaited("the end of the download") == received)
            #expect(try await proxy.endOfSession()["reason"] == "upstream-closed")
            await client.close()
        }
    }

    @Test func `An upload is complete when the client ends behind it`() async throws {
        try await withEdge(.sink) { proxy, edge in
            let client = try await proxy.telegramClient()
            let sent = try await client.pump(3 << 20).value
            try await client.halfClose()
            try await eventually("the whole upload") { edge.carried.first?.payloadBytesReceived == 3 << 20 }
            #expect(edge.carried.map(\.digest) == [sent])
            try await eventually("a close frame behind it") { edge.facts[0].closeCode == 1_000 }
            try await client.expectEnd()
            await client.close()
        }
    }

    @Test(arguments: [false, true])
    func `An edge that drops the connection amid a session ends the client`(_ resets: Bool) async throws {
        try await withEdge { proxy, edge in
            let client = try await proxy.telegramClient()
            try await client.exchange([1, 2, 3])
            edge.connections[0].drop(reset: resets)
            try await client.stream.waitUntilEnded(within: .seconds(60))
            let end = try await proxy.endOfSession()
            #expect(["upstream-reset", "upstream-closed", "upstream-failed"].contains(end["reason"]))
            await client.close()
        }
    }
}
