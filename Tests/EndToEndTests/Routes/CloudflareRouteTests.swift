import ProxyPolicy
import ProxyTestKit
import Testing

/// The operator's own Workers and domains on Cloudflare.
@Suite(.timeLimit(.minutes(2))) struct CloudflareRouteTests {
    @Test(arguments: [Int16(2), -2, 203, 4])
    func `An own domain is asked before TCP, by the data center's name`(_ dataCenter: Int16) async throws {
        try await withKit { kit in
            let cloudflare = kit.keep(try await CloudflareEdge.start(domains: ["own.example"]))
            let center = kit.keep(try await FakeDataCenter.start())
            let id = Int(dataCenter.magnitude)
            try await RunningProxy.routed {
                $0.routes.ownDomains = ["own.example"]
                $0.routes.dialOverrides = ["own.example": .loopback(cloudflare.port)]
                $0.routes.tcpAddresses = [id: [.loopback(center.port)]]
            } _: { proxy in
                let digest = try await proxy.session(dataCenter)
                #expect(cloudflare.edge.carried.map(\.digest) == [digest])
                #expect(cloudflare.edge.carried.map(\.dataCenterWire) == [dataCenter])
                let facts = try #require(cloudflare.edge.facts.first)
                #expect(facts.serverName == "kws\(id).own.example")
                #expect(facts.host == "kws\(id).own.example")
                #expect(facts.request?.target == "/apiws")
                #expect(center.connections == 0)
                #expect(try await proxy.line("session ended")["route"] == "cf-domain kws\(id).own.example")
            }
        }
    }

    @Test func `TCP takes over from an own domain that fails`() async throws {
        try await withKit { kit in
            let cloudflare = kit.keep(try await CloudflareEdge.start(domains: ["own.example"]))
            cloudflare.edge.setBehaviour(.status(521))
            let center = kit.keep(try await FakeDataCenter.start())
            try await RunningProxy.routed {
                $0.routes.ownDomains = ["own.example"]
                $0.routes.dialOverrides = ["own.example": .loopback(cloudflare.port)]
                $0.routes.tcpAddresses = [2: [.loopback(center.port)]]
            } _: { proxy in
                let digest = try await proxy.session()
                #expect(center.facts.map(\.digest) == [digest])
                #expect(proxy.log.routeFailures.map(\.code) == ["http-5xx"])
            }
        }
    }

    @Test(arguments: [Int16(2), -4, 203])
    func `A Worker is asked for a data center's address and tunnels a raw stream`(_ dataCenter: Int16) async throws {
        try await withKit { kit in
            let inner = kit.keep(try await FakeDataCenter.start())
            let cloudflare = kit.keep(try await CloudflareEdge.start(workers: ["worker.example"], inner: inner))
            let id = Int(dataCenter.magnitude)
            try await RunningProxy.routed {
                $0.routes.usesTCP = false
                $0.routes.workers = ["worker.example"]
                $0.routes.dialOverrides = ["worker.example": .loopback(cloudflare.port)]
                // A Worker knows IPv4 only, whatever else is in the table.
                $0.routes.tcpAddresses = [
                    id: [SocketTarget(host: "::1", port: 443), SocketTarget(host: "192.0.2.7", port: 443)]
                ]
            } _: { proxy in
                let client = try await proxy.telegramClient(dataCenter)
                let digest = try await client.converse()
                // A message of Cloudflare's has at most 1 MiB; a packet may be longer.
                try await client.exchange(Array(repeating: 7, count: 3 << 20))
                await client.close()
                #expect(inner.facts.map(\.dataCenterWire) == [dataCenter])
                #expect(inner.facts.first?.digest != digest, "there was one packet more")
                #expect(cloudflare.destinations == [["dst": "192.0.2.7", "dc": "\(id)"]])
                let request = try #require(cloudflare.edge.facts.first?.request)
                #expect(request.target == "/apiws?dst=192.0.2.7&dc=\(id)")
                #expect(request["Host"] == "worker.example")
                #expect(cloudflare.edge.facts.first?.serverName == "worker.example")
            }
        }
    }

    @Test func `Without a table a Worker is asked for the address that everybody knows`() async throws {
        try await withKit { kit in
            let inner = kit.keep(try await FakeDataCenter.start())
            let cloudflare = kit.keep(try await CloudflareEdge.start(workers: ["worker.example"], inner: inner))
            try await RunningProxy.routed {
                $0.routes.workers = ["worker.example"]
                $0.routes.dialOverrides = ["worker.example": .loopback(cloudflare.port)]
            } _: { proxy in
                let digest = try await proxy.session()
                #expect(inner.facts.map(\.digest) == [digest])
                #expect(cloudflare.destinations == [["dst": "149.154.167.51", "dc": "2"]])
            }
        }
    }

    @Test func `TCP takes over from a Worker whose tunnel leads nowhere`() async throws {
        try await withKit { kit in
            // Without an inner data center the Worker says 101 and then closes.
            let cloudflare = kit.keep(try await CloudflareEdge.start(workers: ["worker.example"]))
            let center = kit.keep(try await FakeDataCenter.start())
            try await RunningProxy.routed {
                $0.routes.workers = ["worker.example"]
                $0.routes.dialOverrides = ["worker.example": .loopback(cloudflare.port)]
                $0.routes.tcpAddresses = [2: [.loopback(center.port)]]
            } _: { proxy in
                let digest = try await proxy.session()
                #expect(center.facts.map(\.digest) == [digest])
                #expect(
                    proxy.log.routeFailures
                        == [RouteFailureLine(route: "worker worker.example", code: "closed-early", restSeconds: 15)])
            }
        }
    }

    @Test func `Several Workers share the clients, and each of them serves`() async throws {
        let names = ["one.worker.example", "two.worker.example"]
        try await withKit { kit in
            let inner = kit.keep(try await FakeDataCenter.start())
            let cloudflare = kit.keep(try await CloudflareEdge.start(workers: names, inner: inner))
            // Whichever is drawn first fails, so the other one is asked too.
            cloudflare.setQuota(0)
            try await RunningProxy.routed {
                $0.routes.workers = names
                for name in names { $0.routes.dialOverrides[name] = .loopback(cloudflare.port) }
            } _: { proxy in
                let client = try await proxy.telegramClient()
                try await client.send([1])
                try await client.expectEnd()
                await client.close()
                #expect(Set(cloudflare.edge.facts.map(\.host)) == Set(names))
                cloudflare.setQuota(nil)
                // Both rest; where there is nothing else, resting routes are tried.
                let digest = try await proxy.session()
                #expect(inner.facts.map(\.digest) == [digest])
            }
        }
    }

    @Test(arguments: [Int16(10_002), -10_002])
    func `The test environment is never looked for behind Cloudflare`(_ dataCenter: Int16) async throws {
        let names = ["worker.example", "own.example"]
        try await withKit { kit in
            let inner = kit.keep(try await FakeDataCenter.start())
            let cloudflare = kit.keep(try await CloudflareEdge.start(domains: ["own.example"], inner: inner))
            let dead = try await SocketTarget.refusing()
            try await RunningProxy.routed {
                $0.routes.workers = [names[0]]
                $0.routes.ownDomains = [names[1]]
                for name in names { $0.routes.dialOverrides[name] = .loopback(cloudflare.port) }
                $0.routes.testTCPAddresses = [2: [dead]]
            } _: { proxy in
                let client = try await proxy.telegramClient(dataCenter)
                try await client.send([1])
                try await client.expectEnd()
                await client.close()
                #expect(try await proxy.line("no route to the data center")["tried"] == "tcp \(dead): refused")
                #expect(cloudflare.edge.connectionCount == 0)
                try await proxy.session()
                #expect(cloudflare.edge.connectionCount == 1)
            }
        }
    }
}
