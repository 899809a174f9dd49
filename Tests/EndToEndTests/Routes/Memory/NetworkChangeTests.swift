import ProxyPolicy
import ProxyTestKit
import Testing

extension RememberingProxy {
    /// An address of this machine comes or goes. Changing one takes Linux and the right to do so.
    @Suite(
        .serialized, .enabled(if: LoopbackAddress.canChange, "needs Linux and CAP_NET_ADMIN, to add an address to lo"))
    struct NetworkChangeTests {
        private static let message = "network changed: warm connections dropped, all routes are tried afresh"

        @Test func `Warm connections are dropped when an address comes, and again when it goes`() async throws {
            try await withKit { kit in
                let edge = kit.keep(try await WebSocketEdge.start())
                try await RunningProxy.routed {
                    $0.connect.watchesNetwork = true
                    $0.pool.size = 2
                    $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
                } _: { proxy in
                    try await edge.warmedUp(2)
                    try await LoopbackAddress.with([127, 203, 0, 113]) {
                        let (line, time) = try await measured { try await proxy.line(Self.message) }
                        print("an address came: noticed after \(time.inSeconds)")
                        #expect(line["why"]?.isEmpty == false)
                        try await eventually("the end of both") { edge.facts.allSatisfy { $0.closeCode == 1_000 } }
                        try await proxy.session()
                        #expect(edge.facts.prefix(2).allSatisfy { $0.messages == 0 })
                        #expect(edge.carried.count == 1)
                        try await eventually("a new pool") { edge.openConnections.count == 2 }
                    }
                    try await eventually("a second line") { proxy.log.lines(Self.message).count >= 2 }
                    try await eventually("an empty pool") { edge.openConnections.isEmpty }
                }
            }
        }

        @Test func `Routes that rested are tried afresh`() async throws {
            try await withKit { kit in
                let edge = kit.keep(try await WebSocketEdge.start())
                let center = kit.keep(try await FakeDataCenter.start())
                let names = webSocketNames(2)
                edge.setBehaviour(.status(403), forHost: names[0])
                try await RunningProxy.routed {
                    $0.connect.watchesNetwork = true
                    $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
                    $0.routes.tcpAddresses = [2: [.loopback(center.port)]]
                } _: { proxy in
                    try await proxy.session()
                    edge.setBehaviour(.status(403), forHost: names[1])
                    edge.setBehaviour(nil, forHost: names[0])
                    try await LoopbackAddress.with([127, 203, 0, 114]) {
                        try await proxy.line(Self.message)
                        try await proxy.session()
                    }
                    // The winner first, then the name that would still rest, and no TCP.
                    #expect(edge.facts.map(\.host) == names + [names[1], names[0]])
                    #expect(center.connections == 0)
                }
            }
        }
    }
}
