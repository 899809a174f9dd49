import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("Which middle proxy leads to which data center", .timeLimit(.minutes(2)))
struct MiddleProxyDataCenterTests {
    @Test("Each number has its own middle proxies, and unknown ones the default's")
    func numbers() async throws {
        try await withKit { kit in
            let fleet = kit.keep(try await MiddleProxyFleet.start(5))
            let names: [Int] = [1, 2, -2, 203, 4]
            let targets = Dictionary(uniqueKeysWithValues: zip(names, fleet.members.map { [$0.target] }))
            try await withProxy(list: MiddleProxyFiles.configText(targets, default: 4)) { proxy in
                // Expected: the place in the fleet.
                let asked: [(wire: Int16, member: Int)] = [
                    (2, 1), (-2, 2), (1, 0), (203, 3), (4, 4), (-1, 4), (-203, 4), (5, 4), (77, 4), (0, 4),
                    (-9_999, 4),
                ]
                var expected = [Int](repeating: 0, count: 5)
                for (wire, member) in asked {
                    try await proxy.settledMessenger(dataCenter: wire).close()
                    expected[member] += 1
                    #expect(fleet.members.map { $0.sessions.count } == expected, "number \(wire)")
                }
            }
        }
    }

    @Test("A target that two data centers share has its links once")
    func shared() async throws {
        try await withMiddleProxy { proxy, middle in
            for wire in [1, 2, -3, 4, -5] as [Int16] { try await proxy.settledMessenger(dataCenter: wire).close() }
            #expect(middle.sessions.count == 5)
            // On a slow machine there may be a spare one.
            #expect(middle.links.count <= 2)
        }
    }

    @Test("Where a data center has several targets, a dead one costs nobody anything")
    func several() async throws {
        try await withKit { kit in
            let fleet = kit.keep(try await MiddleProxyFleet.start(3))
            let dead = try await SocketTarget.refusing()
            let targets = ["\(dead.host):\(dead.port)"] + fleet.members.map(\.target)
            try await withProxy(list: MiddleProxyFiles.configText([2: targets])) { proxy in
                for _ in 0..<10 { try await proxy.settledMessenger().close() }
                #expect(fleet.sessionFacts.count == 10)
                #expect(proxy.log.lines("route failed").isEmpty)
            }
        }
    }

    @Test("A number that has neither its own nor a default's is served directly")
    func missing() async throws {
        try await withKit { kit in
            let middle = kit.keep(try await FakeMiddleProxy.start())
            let dataCenter = kit.keep(try await FakeDataCenter.start())
            let list = MiddleProxyFiles.configText([1: [middle.target]], default: 9)
            try await withProxy(
                list: list, adapt: { $0.routes.tcpAddresses = [2: [.loopback(dataCenter.port)]] }
            ) { proxy in
                try await proxy.settledMessenger(dataCenter: 1).close()
                try await proxy.settledMessenger(dataCenter: 2).close()
                #expect(middle.sessions.count == 1)
                #expect(dataCenter.facts.count == 1)
                let failed = proxy.log.routeFailures
                #expect(failed.map(\.code) == ["no-middle-proxy"])
            }
        }
    }

    @Test("The test environment has no middle proxies")
    func testEnvironment() async throws {
        try await withKit { kit in
            let middle = kit.keep(try await FakeMiddleProxy.start())
            let dataCenter = kit.keep(try await FakeDataCenter.start())
            try await withProxy(
                list: middle.configText(),
                adapt: { $0.routes.testTCPAddresses = [2: [.loopback(dataCenter.port)]] }
            ) { proxy in
                try await proxy.settledMessenger(dataCenter: 10_002).close()
                #expect(middle.links.isEmpty)
                #expect(dataCenter.facts.count == 1)
            }
        }
    }
}
