import ProxyPolicy
import ProxyTestKit
import Testing

extension RememberingProxy {
    /// Warm connections. That a pool empties a minute after the last client is a matter of constants that are too long
    /// for a test over sockets; WarmPoolTests of the policy has it.
    @Suite struct PoolTests {
        private func withPool(
            size: Int = 2, maximumAge: Int64 = 60_000, certificate: EdgeCertificate? = nil,
            _ body: (RunningProxy, WebSocketEdge, FakeDataCenter) async throws -> Void
        ) async throws {
            try await withKit { kit in
                let edge = kit.keep(
                    try await WebSocketEdge.start(certificate: certificate ?? .issued(WebSocketEdge.telegramNames)))
                let center = kit.keep(try await FakeDataCenter.start())
                try await RunningProxy.routed {
                    $0.pool.size = size
                    $0.pool.maximumAgeMilliseconds = maximumAge
                    $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
                    $0.routes.tcpAddresses = [2: [.loopback(center.port)]]
                } _: { proxy in
                    try await body(proxy, edge, center)
                }
            }
        }

        /// Which of the edge's connections carried something.
        private func used(_ edge: WebSocketEdge) -> [Int] {
            edge.facts.indices.filter { edge.facts[$0].messages > 0 }
        }

        @Test func `The pool is filled before anybody comes, serves a client, and is filled again`() async throws {
            try await withPool { proxy, edge, center in
                try await edge.warmedUp(2)
                #expect(edge.facts.map(\.host) == ["kws2.web.telegram.org", "kws2.web.telegram.org"])
                let digest = try await proxy.session()
                #expect(used(edge) == [1], "the newest one, and no new handshake for it")
                #expect(edge.carried.map(\.digest) == [digest])
                try await eventually("a refill") { edge.upgradeCount == 3 }
                try await proxy.session()
                #expect(used(edge).count == 2 && used(edge).allSatisfy { $0 < 3 }, "no handshake for this one either")
                try await eventually("another refill") { edge.upgradeCount == 4 }
                try await eventually("no more than that") { edge.openConnections.count == 2 }
                #expect(center.connections == 0)
            }
        }

        @Test func `Each of the data centers with an address is warmed up`() async throws {
            try await withKit { kit in
                let edge = kit.keep(try await WebSocketEdge.start())
                try await RunningProxy.routed {
                    $0.pool.size = 1
                    for id in [1, 4, 5] { $0.routes.webSocketAddresses[id] = [.loopback(edge.port)] }
                } _: { proxy in
                    try await edge.warmedUp(3)
                    #expect(Set(edge.facts.map(\.host)) == Set([1, 4, 5].map { webSocketNames($0)[0] }))
                    try await proxy.session(4)
                    let index = try #require(used(edge).first)
                    #expect(edge.facts[index].host == "kws4.web.telegram.org")
                    #expect(index < 3)
                }
            }
        }

        @Test func `A pool of media connections is filled once a client has asked for them`() async throws {
            try await withPool(size: 1) { proxy, edge, _ in
                try await edge.warmedUp(1)
                let client = try await proxy.telegramClient(-2)
                try await client.converse()
                try await eventually("the media pool") {
                    edge.facts.count { $0.host == "kws2-1.web.telegram.org" && $0.isUpgraded } == 2
                }
                await client.close()
                try await proxy.session(-2)
                let served = edge.facts.filter { $0.messages > 0 }
                #expect(served.map(\.host) == ["kws2-1.web.telegram.org", "kws2-1.web.telegram.org"])
            }
        }

        @Test func `Without a pool nothing is opened before a client comes`() async throws {
            try await withPool(size: 0) { proxy, edge, _ in
                try await proxy.session()
                try await proxy.session()
                #expect(edge.connectionCount == 2)
                #expect(used(edge) == [0, 1])
            }
        }

        @Test func `What grew too old is closed and not handed out`() async throws {
            try await withPool(maximumAge: 50) { proxy, edge, _ in
                try await eventually("warm connections") { edge.upgradeCount >= 2 }
                try await eventually("their end") { edge.facts.prefix(2).allSatisfy { $0.closeCode == 1_000 } }
                try await proxy.session()
                let index = try #require(used(edge).first)
                #expect(index >= 2)
            }
        }

        @Test(arguments: ["close frame", "FIN", "RST"])
        func `A warm connection that the server ended is not handed out`(_ how: String) async throws {
            try await withPool { proxy, edge, center in
                try await edge.warmedUp(2)
                for connection in edge.connections {
                    switch how {
                    case "FIN": connection.drop(reset: false)
                    case "RST": connection.drop(reset: true)
                    // The proxy answers and closes; the edge's own FIN may come too late for the socket.
                    default: try? await connection.sendClose(code: 1_001)
                    }
                }
                try await eventually("the end of both") { edge.facts.prefix(2).allSatisfy(\.isOver) }
                // No matter whether the proxy has noticed yet: the session is whole.
                let client = try await proxy.telegramClient()
                let digest = try await client.converse()
                let index = try #require(used(edge).first, "TCP is not needed")
                #expect(index >= 2)
                #expect(edge.carried.map(\.digest).contains(digest))
                #expect(center.connections == 0)
                await client.close()
            }
        }

        @Test func `Pings are answered while a connection waits`() async throws {
            try await withPool { proxy, edge, _ in
                try await edge.warmedUp(2)
                try await edge.pingAll()
                try await eventually("another one") { edge.facts.allSatisfy { $0.pongsReceived == 2 } }
                try await proxy.session()
                #expect(used(edge) == [1])
            }
        }

        @Test func `A pool that cannot be filled leaves clients to the other routes`() async throws {
            try await withPool(certificate: .wrongName) { proxy, edge, center in
                let line = try await proxy.line("warm connection not made")
                #expect(line["because"] == "bad-certificate")
                let digest = try await proxy.session()
                #expect(center.facts.map(\.digest) == [digest])
                #expect(edge.upgradeCount == 0)
            }
        }

        @Test func `Many clients at once are served, whatever the pool holds`() async throws {
            try await withPool { proxy, edge, center in
                try await edge.warmedUp(2)
                try await withThrowingTaskGroup(of: Void.self) { clients in
                    for _ in 0..<12 { clients.addTask { try await proxy.session() } }
                    try await clients.waitForAll()
                }
                #expect(edge.carried.count == 12)
                #expect(center.connections == 0)
                try await eventually("a pool of two again") { edge.openConnections.count == 2 }
            }
        }
    }
}
