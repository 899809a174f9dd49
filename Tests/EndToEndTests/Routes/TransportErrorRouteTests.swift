import MTProtoWire
import NIOCore
import ProxyPolicy
import ProxyTestKit
import Testing

/// Telegram's transport errors: -444 speaks of the route and is the proxy's business, the others are the client's.
@Suite(.timeLimit(.minutes(2))) struct TransportErrorRouteTests {
    @Test(arguments: PacketFraming.allCases)
    func `A client never sees -444 while another route can serve it`(_ framing: PacketFraming) async throws {
        try await withKit { kit in
            let wrong = kit.keep(try await FakeDataCenter.start(.transportError(-444)))
            let right = kit.keep(try await FakeDataCenter.start())
            try await RunningProxy.routed {
                $0.routes.tcpAddresses = [2: [.loopback(wrong.port), .loopback(right.port)]]
            } _: { proxy in
                let client = try await proxy.telegramClient(framing: framing)
                let digest = try await client.converse()
                #expect(wrong.facts.map(\.packetsReceived) == [3])
                #expect(right.facts.map(\.digest) == [digest])
                #expect(right.facts.map(\.framing) == [framing])
                #expect(
                    proxy.log.routeFailures
                        == [RouteFailureLine(route: "tcp 127.0.0.1:\(wrong.port)", code: "wrong-dc", restSeconds: 600)])
                await client.close()
            }
        }
    }

    @Test(arguments: PacketFraming.allCases)
    func `With no other route -444 closes the client and stays unseen`(_ framing: PacketFraming) async throws {
        try await withKit { kit in
            let wrong = kit.keep(try await FakeDataCenter.start(.transportError(-444)))
            try await RunningProxy.routed {
                $0.routes.tcpAddresses = [2: [.loopback(wrong.port)]]
            } _: { proxy in
                let client = try await proxy.telegramClient(framing: framing)
                try await client.send([1, 2, 3])
                try await client.expectEnd()
                #expect(client.stream.bytesReceived == 0)
                #expect(proxy.log.routeFailures.map(\.code) == ["wrong-dc"])
                #expect(try await proxy.line("session ended")["reason"] == "no-route")
                try await proxy.line("no route to the data center")
                await client.close()
            }
        }
    }

    @Test(arguments: [Int32(-404), -429], PacketFraming.allCases)
    func `Other errors in the first packet reach the client`(_ code: Int32, _ framing: PacketFraming) async throws {
        try await withKit { kit in
            let center = kit.keep(try await FakeDataCenter.start(.transportError(code)))
            let unused = kit.keep(try await FakeDataCenter.start())
            try await RunningProxy.routed {
                $0.routes.tcpAddresses = [2: [.loopback(center.port), .loopback(unused.port)]]
            } _: { proxy in
                let client = try await proxy.telegramClient(framing: framing)
                try await client.send([1, 2, 3])
                await #expect(throws: KitError.transportError(code)) { try await client.receive() }
                #expect(unused.connections == 0)
                #expect(proxy.log.routeFailures.isEmpty)
                await client.close()
            }
        }
    }

    @Test func `Behind an ordinary first packet -444 is the client's`() async throws {
        try await withKit { kit in
            let center = kit.keep(
                try await FakeDataCenter.start(
                    .script { session in
                        guard let payload = try await session.receive() else { return }
                        try await session.send(payload)
                        try await session.send(transportError: -444)
                        while try await session.receive() != nil {}
                    }))
            try await RunningProxy.routed {
                $0.routes.tcpAddresses = [2: [.loopback(center.port)]]
            } _: { proxy in
                let client = try await proxy.telegramClient()
                try await client.exchange([1, 2, 3])
                await #expect(throws: KitError.transportError(-444)) { try await client.receive() }
                #expect(proxy.log.routeFailures.isEmpty)
                await client.close()
            }
        }
    }

    @Test(arguments: [1, 3, 5, 7])
    func `An error that comes in pieces is known all the same`(_ cut: Int) async throws {
        try await withKit { kit in
            // 4 bytes of length and 4 of the code, in two WebSocket messages.
            let edge = kit.keep(
                try await WebSocketEdge.start(
                    dataCenter: .script { session in
                        guard try await session.receive() != nil else { return }
                        var packet = PacketEncoder.encode([0x44, 0xfe, 0xff, 0xff], framing: .intermediate)
                        guard let start = packet.readSlice(length: cut) else { return }
                        try await session.sendStream(start)
                        try await session.sendStream(packet)
                        while try await session.receive() != nil {}
                    }))
            let center = kit.keep(try await FakeDataCenter.start())
            try await RunningProxy.routed {
                $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
                $0.routes.tcpAddresses = [2: [.loopback(center.port)]]
            } _: { proxy in
                let client = try await proxy.telegramClient(framing: .intermediate)
                let digest = try await client.converse()
                #expect(center.facts.map(\.digest) == [digest])
                #expect(proxy.log.routeFailures.map(\.code) == ["wrong-dc", "wrong-dc"])
                await client.close()
            }
        }
    }
}
