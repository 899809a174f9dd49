import ProxyPolicy
import ProxyTestKit
import Testing

/// From the number in a client's header to the endpoint that is asked and the number that the data center reads.
@Suite(.timeLimit(.minutes(2))) struct DataCenterMappingTests {
    /// What a client says, and what has to become of it.
    struct Mapping: Sendable, CustomTestStringConvertible {
        var wire: Int16
        var id: Int
        /// What the data center reads.
        var upstream: Int16
        var isTest = false

        var isMedia: Bool { wire < 0 }
        var testDescription: String { "\(wire)" }
        /// The names in the order in which they are asked; 203 is served by those of 2.
        var names: [String] {
            let names = webSocketNames(id == 203 ? 2 : id)
            return isMedia ? names.reversed() : names
        }

        static let all = [
            Mapping(wire: 2, id: 2, upstream: 2),
            Mapping(wire: -2, id: 2, upstream: -2),
            Mapping(wire: 4, id: 4, upstream: 4),
            Mapping(wire: -4, id: 4, upstream: -4),
            Mapping(wire: 203, id: 203, upstream: 203),
            Mapping(wire: -203, id: 203, upstream: -203),
            Mapping(wire: 10_002, id: 2, upstream: 2, isTest: true),
            Mapping(wire: -10_002, id: 2, upstream: -2, isTest: true),
            Mapping(wire: 0, id: 2, upstream: 2),
            Mapping(wire: 77, id: 2, upstream: 2),
            Mapping(wire: -77, id: 2, upstream: -2),
            Mapping(wire: 10_000, id: 2, upstream: 2, isTest: true),
            Mapping(wire: .max, id: 2, upstream: 2, isTest: true),
            Mapping(wire: .min, id: 2, upstream: -2, isTest: true),
        ]
    }

    @Test(arguments: Mapping.all)
    func `A client's number leads to the right name, path and header`(_ mapping: Mapping) async throws {
        try await withKit { kit in
            let edge = kit.keep(try await WebSocketEdge.start())
            // The first name fails, so that the order of the two is seen.
            edge.setBehaviour(.status(503), forHost: mapping.names[0])
            let place = SocketTarget.loopback(edge.port)
            try await RunningProxy.routed {
                $0.routes.webSocketAddresses = [2: [place], 4: [place], 203: [place]]
                $0.routes.testWebSocketAddresses = [2: [place]]
            } _: { proxy in
                let digest = try await proxy.session(mapping.wire)
                #expect(edge.facts.map(\.serverName) == mapping.names)
                #expect(edge.facts.map(\.host) == mapping.names)
                let path = mapping.isTest ? "/apiws_test" : "/apiws"
                #expect(edge.facts.map { $0.request?.target } == [path, path])
                #expect(edge.carried.map(\.dataCenterWire) == [mapping.upstream])
                #expect(edge.carried.map(\.digest) == [digest])
                let name = "\(mapping.id)\(mapping.isTest ? "t" : "")\(mapping.isMedia ? "m" : "")"
                #expect(try await proxy.line("session ended")["dc"] == name)
            }
        }
    }

    @Test(arguments: Mapping.all)
    func `A client's number leads to the right TCP address and header`(_ mapping: Mapping) async throws {
        try await withKit { kit in
            var centers: [String: FakeDataCenter] = [:]
            for name in ["2", "4", "203", "2t"] { centers[name] = kit.keep(try await FakeDataCenter.start()) }
            let ports = centers.mapValues { [SocketTarget.loopback($0.port)] }
            try await RunningProxy.routed {
                $0.routes.tcpAddresses = [2: ports["2"] ?? [], 4: ports["4"] ?? [], 203: ports["203"] ?? []]
                $0.routes.testTCPAddresses = [2: ports["2t"] ?? []]
            } _: { proxy in
                let digest = try await proxy.session(mapping.wire)
                let right = mapping.isTest ? "2t" : "\(mapping.id)"
                for (name, center) in centers {
                    #expect(center.facts.map(\.dataCenterWire) == (name == right ? [mapping.upstream] : []))
                }
                #expect(centers[right]?.facts.map(\.digest) == [digest])
            }
        }
    }

    @Test(arguments: [(Int16(2), Int16(2)), (-2, -2), (10_002, 2), (0, 2)])
    func `When the test environment is forced every client goes there`(_ wire: Int16, _ upstream: Int16) async throws {
        try await withKit { kit in
            let edge = kit.keep(try await WebSocketEdge.start())
            try await RunningProxy.routed {
                $0.routes.forceTest = true
                $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
                $0.routes.testWebSocketAddresses = [2: [.loopback(edge.port)]]
            } _: { proxy in
                try await proxy.session(wire)
                #expect(edge.facts.map { $0.request?.target } == ["/apiws_test"])
                #expect(edge.carried.map(\.dataCenterWire) == [upstream])
            }
        }
    }

    @Test(arguments: [(Int16(0), Int16(4)), (77, 4), (-77, -4), (2, 2), (-2, -2)])
    func `Another default data center serves the numbers that nobody knows`(
        _ wire: Int16, _ upstream: Int16
    ) async throws {
        try await withKit { kit in
            let edge = kit.keep(try await WebSocketEdge.start())
            try await RunningProxy.routed {
                $0.routes.defaultDataCenter = 4
                $0.routes.webSocketAddresses = [2: [.loopback(edge.port)], 4: [.loopback(edge.port)]]
            } _: { proxy in
                try await proxy.session(wire)
                let names = webSocketNames(Int(upstream.magnitude))
                #expect(edge.facts.map(\.host) == [wire < 0 ? names[1] : names[0]])
                #expect(edge.carried.map(\.dataCenterWire) == [upstream])
            }
        }
    }

    @Test func `A number that the operator has an address for is known`() async throws {
        try await withKit { kit in
            let center = kit.keep(try await FakeDataCenter.start())
            try await RunningProxy.routed {
                $0.routes.tcpAddresses = [77: [.loopback(center.port)]]
            } _: { proxy in
                try await proxy.session(-77)
                #expect(center.facts.map(\.dataCenterWire) == [-77])
            }
        }
    }

    @Test func `A data center without a WebSocket address is reached over TCP`() async throws {
        try await withKit { kit in
            let edge = kit.keep(try await WebSocketEdge.start())
            let center = kit.keep(try await FakeDataCenter.start())
            try await RunningProxy.routed {
                $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
                $0.routes.tcpAddresses = [203: [.loopback(center.port)]]
            } _: { proxy in
                try await proxy.session(203)
                #expect(edge.connectionCount == 0)
                #expect(center.facts.map(\.dataCenterWire) == [203])
            }
        }
    }

    @Test(arguments: ["websocket", "tcp"])
    func `A kind of route that is switched off is not used`(_ kind: String) async throws {
        try await withKit { kit in
            let edge = kit.keep(try await WebSocketEdge.start())
            let center = kit.keep(try await FakeDataCenter.start())
            if kind == "tcp" { edge.setBehaviour(.status(503)) }
            try await RunningProxy.routed {
                $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
                $0.routes.tcpAddresses = [2: [.loopback(center.port)]]
                $0.routes.usesWebSocket = kind != "websocket"
                $0.routes.usesTCP = kind != "tcp"
            } _: { proxy in
                if kind == "websocket" {
                    try await proxy.session()
                    #expect(edge.connectionCount == 0)
                } else {
                    let client = try await proxy.telegramClient()
                    try await client.send([1])
                    try await client.expectEnd()
                    await client.close()
                    #expect(center.connections == 0)
                }
            }
        }
    }
}
