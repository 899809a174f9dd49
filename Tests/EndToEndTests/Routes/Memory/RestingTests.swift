import ProxyPolicy
import ProxyTestKit
import Testing

extension RememberingProxy {
    /// Routes that failed stand back, and come forward again.
    @Suite struct RestingTests {
        @Test func `A route that failed is not asked again by the next client`() async throws {
            try await withKit { kit in
                let edge = kit.keep(try await WebSocketEdge.start())
                let center = kit.keep(try await FakeDataCenter.start())
                let names = webSocketNames(2)
                edge.setBehaviour(.status(503), forHost: names[0])
                try await RunningProxy.routed {
                    $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
                    $0.routes.tcpAddresses = [2: [.loopback(center.port)]]
                } _: { proxy in
                    try await proxy.session()
                    #expect(edge.facts.map(\.host) == names)
                    // The winner fails too: TCP comes next, before the name that rests.
                    edge.setBehaviour(.status(403), forHost: names[1])
                    edge.setBehaviour(nil, forHost: names[0])
                    let digest = try await proxy.session()
                    #expect(edge.facts.map(\.host) == names + [names[1]])
                    #expect(center.facts.map(\.digest) == [digest])
                    try await proxy.session()
                    #expect(edge.connectionCount == 3, "both rest")
                    #expect(center.facts.count == 2)
                }
            }
        }

        @Test func `Where nothing else works resting routes are tried all the same`() async throws {
            try await withKit { kit in
                let edge = kit.keep(try await WebSocketEdge.start(.status(403)))
                try await RunningProxy.routed {
                    $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
                } _: { proxy in
                    let client = try await proxy.telegramClient()
                    try await client.send([1])
                    try await client.expectEnd()
                    await client.close()
                    edge.setBehaviour(.serve())
                    let digest = try await proxy.session()
                    #expect(edge.carried.map(\.digest) == [digest])
                }
            }
        }

        @Test func `Media and the rest are remembered apart`() async throws {
            try await withKit { kit in
                let edge = kit.keep(try await WebSocketEdge.start())
                let names = webSocketNames(2)
                edge.setBehaviour(.status(503), forHost: names[0])
                try await RunningProxy.routed {
                    $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
                } _: { proxy in
                    try await proxy.session(2)
                    #expect(edge.facts.map(\.host) == names)
                    edge.setBehaviour(.status(503), forHost: names[1])
                    edge.setBehaviour(nil, forHost: names[0])
                    // The plain name rests for clients that are not media only.
                    try await proxy.session(-2)
                    #expect(edge.facts.map(\.host) == names + [names[1], names[0]])
                    #expect(edge.carried.map(\.dataCenterWire) == [2, -2])
                }
            }
        }

        @Test func `A Worker without quota rests for all data centers`() async throws {
            try await withKit { kit in
                let cloudflare = kit.keep(try await CloudflareEdge.start(workers: ["worker.example"]))
                cloudflare.setQuota(0, retryAfter: 1_800)
                let center = kit.keep(try await FakeDataCenter.start())
                try await RunningProxy.routed {
                    $0.routes.workers = ["worker.example"]
                    $0.routes.dialOverrides = ["worker.example": .loopback(cloudflare.port)]
                    for id in [2, 4, 5] { $0.routes.tcpAddresses[id] = [.loopback(center.port)] }
                } _: { proxy in
                    for dataCenter in [Int16(2), 4, -5] { try await proxy.session(dataCenter) }
                    #expect(cloudflare.edge.connectionCount == 1)
                    #expect(center.facts.map(\.dataCenterWire) == [2, 4, -5])
                    #expect(
                        proxy.log.routeFailures
                            == [RouteFailureLine(route: "worker worker.example", code: "http-429", restSeconds: 1_800)])
                }
            }
        }

        @Test func `Strangers' domains go before own routes that all rest`() async throws {
            try await withKit { kit in
                let cloudflare = kit.keep(try await CloudflareEdge.start(domains: ["lent.example"]))
                let edge = kit.keep(try await WebSocketEdge.start(.status(403)))
                try await RunningProxy.routed {
                    $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
                    $0.routes.communityDomains = ["lent.example"]
                    $0.routes.dialOverrides = ["lent.example": .loopback(cloudflare.port)]
                } _: { proxy in
                    try await proxy.session()
                    #expect(edge.connectionCount == 2)
                    try await proxy.session()
                    #expect(edge.connectionCount == 2)
                    #expect(cloudflare.edge.carried.count == 2)
                }
            }
        }

        /// The one long test: a refused address rests for 10 seconds, and every 5 seconds somebody looks.
        @Test func `A route that rests is probed and heals without a client`() async throws {
            try await withKit { kit in
                let dead = try await SocketTarget.refusing()
                let second = kit.keep(try await FakeDataCenter.start(listen: SocketTarget.lonely))
                try await RunningProxy.routed {
                    $0.routes.tcpAddresses = [2: [dead, SocketTarget(host: second.host, port: second.port)]]
                } _: { proxy in
                    try await proxy.session()
                    #expect(
                        proxy.log.routeFailures
                            == [RouteFailureLine(route: "tcp \(dead)", code: "refused", restSeconds: 10)])
                    let first = kit.keep(
                        try await FakeDataCenter.start(listen: ListenOptions(host: dead.host, port: dead.port)))
                    let (line, time) = try await measured { try await proxy.line("route works again") }
                    print("rest of 10 s: the route was found working again after \(time.inSeconds)")
                    #expect(line["route"] == "tcp \(dead)")
                    #expect(line["dc"] == "2")
                    try await eventually("the probe, without a header") { first.connections == 1 }
                    // The winner stays first; when it is gone the healed one serves.
                    await second.stop()
                    let digest = try await proxy.session()
                    #expect(first.facts.last?.digest == digest)
                }
            }
        }
    }
}
