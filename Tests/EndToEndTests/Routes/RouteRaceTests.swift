import ProxyPolicy
import ProxyTestKit
import Testing

/// Candidates start one after another, the first that works wins, and no client waits for ever.
@Suite(.timeLimit(.minutes(3))) struct RouteRaceTests {
    private static let headStart = Duration.milliseconds(400)

    @Test func `A second route starts a head start after a hanging one and is asked first from then on`() async throws {
        try await withKit { kit in
            let edge = kit.keep(try await WebSocketEdge.start())
            edge.setBehaviour(.hang(.tls), forHost: webSocketNames(2)[0])
            try await RunningProxy.routed {
                $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
                $0.connect.headStartMilliseconds = 400
            } _: { proxy in
                let (digest, time) = try await measured { try await proxy.session() }
                print("head start of \(Self.headStart.inSeconds): first session complete after \(time.inSeconds)")
                #expect(time >= Self.headStart - .milliseconds(5))
                #expect(Set(edge.facts.map(\.serverName)) == Set(webSocketNames(2)))
                #expect(edge.carried.map(\.digest) == [digest])
                #expect(edge.connectionCount == 2)
                try await proxy.session()
                #expect(edge.facts[2].serverName == webSocketNames(2)[1])
                let failure = try await proxy.line("route failed")
                #expect(failure["route"] == "websocket \(webSocketNames(2)[0])")
                #expect(failure["because"] == "timeout-tls")
            }
        }
    }

    @Test func `A route that fails at once costs no head start`() async throws {
        try await withKit { kit in
            let edge = kit.keep(try await WebSocketEdge.start())
            edge.setBehaviour(.status(403), forHost: webSocketNames(2)[0])
            try await RunningProxy.routed {
                $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
                $0.connect.headStartMilliseconds = 60_000
            } _: { proxy in
                // The client's own patience ends after 30 seconds.
                try await proxy.session()
                #expect(edge.upgradeCount == 1)
            }
        }
    }

    @Test func `A slow route wins when the one that joined in is slower still`() async throws {
        try await withKit { kit in
            let edge = kit.keep(try await WebSocketEdge.start())
            edge.setBehaviour(.delay(.upgrade, .milliseconds(800)), forHost: webSocketNames(2)[0])
            edge.setBehaviour(.hang(.upgrade), forHost: webSocketNames(2)[1])
            try await RunningProxy.routed {
                $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
                $0.connect.headStartMilliseconds = 200
            } _: { proxy in
                let digest = try await proxy.session()
                #expect(Set(edge.facts.map(\.serverName)) == Set(webSocketNames(2)))
                #expect(edge.carried.map(\.host) == [webSocketNames(2)[0]])
                #expect(edge.carried.map(\.digest) == [digest])
            }
        }
    }

    @Test func `What a client says while a route is being found arrives in one piece`() async throws {
        try await withKit { kit in
            let edge = kit.keep(try await WebSocketEdge.start(.delay(.upgrade, .milliseconds(300))))
            try await RunningProxy.routed {
                $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
            } _: { proxy in
                let client = try await proxy.telegramClient()
                // More than a relay remembers, so that reading has to pause meanwhile.
                let sent = Task { try await client.pump(1 << 20, packetSize: 20_000).value }
                let received = try await client.drain(1 << 20).value
                #expect(try await sent.value == received)
                #expect(edge.carried.map(\.digest) == [received])
                await client.close()
            }
        }
    }

    @Test func `Where nothing answers a client is let go within the budget`() async throws {
        try await withKit { kit in
            let hole = kit.keep(try await BlackHole.start())
            try await RunningProxy.routed {
                $0.routes.webSocketAddresses = [2: [.loopback(hole.port)]]
                $0.routes.tcpAddresses = [2: [.loopback(hole.port)]]
                $0.connect.headStartMilliseconds = 200
                $0.connect.budgetMilliseconds = 1_500
            } _: { proxy in
                let (client, time) = try await measured {
                    let client = try await proxy.telegramClient()
                    try await client.send([1])
                    try await client.expectEnd()
                    return client
                }
                print("budget of 1.5 s: the client was let go after \(time.inSeconds)")
                #expect(time >= .milliseconds(1_400))
                let line = try await proxy.line("no route to the data center")
                let names = webSocketNames(2).map { "websocket \($0)" } + ["tcp 127.0.0.1:\(hole.port)"]
                for name in names { #expect(line["tried"]?.contains("\(name): timeout-tcp") == true, "\(line)") }
                #expect(try await proxy.line("session ended")["reason"] == "no-route")
                await client.close()
            }
        }
    }

    @Test func `Where everything is refused a client is let go at once`() async throws {
        let dead = try await SocketTarget.refusing()
        try await RunningProxy.routed {
            $0.routes.tcpAddresses = [2: [dead]]
        } _: { proxy in
            let client = try await proxy.telegramClient()
            try await client.send([1])
            try await client.expectEnd()
            #expect(try await proxy.line("no route to the data center")["tried"] == "tcp \(dead): refused")
            await client.close()
        }
    }

    @Test func `Where there is no route at all a client is let go at once`() async throws {
        try await RunningProxy.routed { _ in
        } _: { proxy in
            let client = try await proxy.telegramClient()
            try await client.send([1])
            try await client.expectEnd()
            #expect(try await proxy.line("no route to the data center")["tried"] == "nothing")
            await client.close()
        }
    }

    @Test func `A silent data center keeps its client while there is no other route`() async throws {
        try await withKit { kit in
            let center = kit.keep(try await FakeDataCenter.start(.silence))
            try await RunningProxy.routed {
                $0.routes.tcpAddresses = [2: [.loopback(center.port)]]
                $0.connect.firstByteTimeoutMilliseconds = 200
            } _: { proxy in
                let client = try await proxy.telegramClient()
                try await client.send([1])
                #expect(try await proxy.line("route failed")["because"] == "silent")
                let session = try await center.desk.session(0)
                try await session.send([2])
                #expect(try await client.receive() == [2])
                #expect(center.connections == 1)
                await client.close()
            }
        }
    }

    @Test func `A client that leaves while a route is being found is forgotten`() async throws {
        try await withKit { kit in
            let hole = kit.keep(try await BlackHole.start())
            try await RunningProxy.routed {
                $0.routes.tcpAddresses = [2: [.loopback(hole.port)]]
            } _: { proxy in
                let client = try await TelegramClient.connect(port: proxy.port, secret: .test)
                await client.close()
                #expect(try await proxy.line("session ended")["reason"] == "client-closed")
                #expect(proxy.log.lines("no route to the data center").isEmpty)
            }
        }
    }
}
