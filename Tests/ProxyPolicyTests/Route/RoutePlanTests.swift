import MTProtoWire
import ProxyPolicy
import Testing

/// What is tried for which data center, in which order, while nothing has failed.
@Suite struct RoutePlanTests {
    private func names(
        _ configuration: RouteConfiguration, _ dataCenter: DataCenter, seed: UInt64 = 1
    ) -> [String] {
        var book = RouteBook(configuration)
        var random = TestGenerator(seed: seed)
        return book.plan(for: dataCenter, now: 0, shuffle: &random).tries.map(\.name)
    }

    @Test(arguments: [
        (DataCenter(id: 2), ["kws2.web.telegram.org", "kws2-1.web.telegram.org"]),
        (DataCenter(id: 2, isMedia: true), ["kws2-1.web.telegram.org", "kws2.web.telegram.org"]),
        (DataCenter(id: 5), ["kws5.web.telegram.org", "kws5-1.web.telegram.org"]),
        (DataCenter(id: 5, isMedia: true), ["kws5-1.web.telegram.org", "kws5.web.telegram.org"]),
    ])
    func `Direct WebSocket uses both host names, the media one first for media`(dc: DataCenter, hosts: [String]) {
        let configuration = RouteConfiguration(usesTCP: false, communityEnabled: false)
        #expect(names(configuration, dc) == hosts.map { "websocket " + $0 })
    }

    @Test func `A direct WebSocket endpoint keeps the dialled address apart from the name`() {
        let address = SocketTarget(host: "127.0.0.1", port: 8_443)
        var book = RouteBook(RouteConfiguration(webSocketAddresses: [2: [address]]))
        var random = TestGenerator(seed: 1)
        let route = book.plan(for: DataCenter(id: 2), now: 0, shuffle: &random).tries.first
        #expect(
            route?.target
                == .webSocket(
                    WebSocketEndpoint(
                        dial: address, serverName: "kws2.web.telegram.org",
                        host: "kws2.web.telegram.org", path: "/apiws", sendsPackets: true
                    )
                )
        )
    }

    @Test func `With several addresses the second try goes to another address`() {
        let configuration = RouteConfiguration(
            webSocketAddresses: [2: [.https("1.1.1.1"), .https("2.2.2.2")]], usesTCP: false, communityEnabled: false
        )
        #expect(
            names(configuration, DataCenter(id: 2)) == [
                "websocket kws2.web.telegram.org at 1.1.1.1:443", "websocket kws2.web.telegram.org at 2.2.2.2:443",
                "websocket kws2-1.web.telegram.org at 1.1.1.1:443", "websocket kws2-1.web.telegram.org at 2.2.2.2:443",
            ]
        )
    }

    @Test func `Data center 203 uses the WebSocket names of 2 but its own Cloudflare name`() {
        var configuration = RouteConfiguration.own(domains: ["mine.example"])
        configuration.webSocketAddresses[203] = [.https("149.154.167.220")]
        #expect(
            names(configuration, DataCenter(id: 203)) == [
                "websocket kws2.web.telegram.org", "websocket kws2-1.web.telegram.org",
                "cf-domain kws203.mine.example", "tcp 91.105.192.100:443",
            ]
        )
    }

    @Test func `Kinds come in their order and IPv4 before IPv6`() {
        var configuration = RouteConfiguration.own(workers: ["w.example"], domains: ["mine.example"])
        configuration.tcpAddresses[4] = [.https("::1"), .https("1.1.1.1"), .https("::2"), .https("2.2.2.2")]
        #expect(
            names(configuration, DataCenter(id: 4)) == [
                "websocket kws4.web.telegram.org", "websocket kws4-1.web.telegram.org", "worker w.example",
                "cf-domain kws4.mine.example", "tcp 1.1.1.1:443", "tcp 2.2.2.2:443", "tcp [::1]:443", "tcp [::2]:443",
            ]
        )
    }

    @Test func `Workers are raw tunnels to the IPv4 address of the data center`() {
        for (tcp, destination) in [
            (BuiltInAddresses.tcp[3], "149.154.175.100"), ([], "149.154.175.100"), (nil, "149.154.175.100"),
            ([.https("::1"), .https("9.9.9.9")], "9.9.9.9"),
        ] {
            var configuration = RouteConfiguration.own(workers: ["w.example"])
            configuration.tcpAddresses[3] = tcp
            var book = RouteBook(configuration)
            var random = TestGenerator(seed: 1)
            let route = book.plan(for: DataCenter(id: 3, isMedia: true), now: 0, shuffle: &random)
                .tries.first { $0.kind == .worker }
            let endpoint = WebSocketEndpoint(
                dial: .https("w.example"), serverName: "w.example", host: "w.example",
                path: "/apiws?dst=\(destination)&dc=3", sendsPackets: false
            )
            #expect(route?.target == .webSocket(endpoint))
        }
    }

    @Test func `Names of Workers and domains can be dialled elsewhere`() {
        var configuration = RouteConfiguration.own(workers: ["w.example"], domains: ["Mine.example"])
        configuration.dialOverrides = [
            "w.example": SocketTarget(host: "127.0.0.1", port: 1),
            "mine.example": SocketTarget(host: "127.0.0.1", port: 2),
            "kws2.mine.example": SocketTarget(host: "127.0.0.1", port: 3),
        ]
        var book = RouteBook(configuration)
        var random = TestGenerator(seed: 1)
        func ports(_ id: Int) -> [Int] {
            book.plan(for: DataCenter(id: id), now: 0, shuffle: &random).tries.compactMap { route in
                guard case .webSocket(let endpoint) = route.target, route.kind != .webSocket else { return nil }
                return endpoint.dial.port
            }
        }
        #expect(ports(2) == [1, 3])
        #expect(ports(4) == [1, 2])
    }

    @Test func `The test environment has direct routes only`() {
        let configuration = RouteConfiguration.everything()
        #expect(
            names(configuration, DataCenter(id: 2, isTest: true)) == [
                "websocket kws2.web.telegram.org", "websocket kws2-1.web.telegram.org", "tcp 149.154.167.40:443",
                "tcp [2001:67c:4e8:f002::e]:443",
            ]
        )
        #expect(
            names(configuration, DataCenter(id: 1, isTest: true)) == [
                "tcp 149.154.175.10:443", "tcp [2001:b28:f23d:f001::e]:443",
            ]
        )
        var book = RouteBook(configuration)
        var random = TestGenerator(seed: 1)
        let first = book.plan(for: DataCenter(id: 2, isTest: true), now: 0, shuffle: &random).tries.first
        guard case .webSocket(let endpoint) = first?.target else {
            Issue.record("no WebSocket route")
            return
        }
        #expect(endpoint.path == "/apiws_test")
    }

    @Test func `Community domains come last, each once`() {
        let configuration = RouteConfiguration.everything(community: ["a.example", "b.example", "a.example"])
        let all = names(configuration, DataCenter(id: 2))
        #expect(all.count == 2 + 2 + 2 + 2)
        #expect(Set(all.suffix(2)) == ["cf-community kws2.a.example", "cf-community kws2.b.example"])
    }

    @Test(arguments: [
        RouteConfiguration(communityEnabled: false),
        RouteConfiguration(usesCloudflareDomains: false),
        RouteConfiguration(ownDomains: ["mine.example"]),
        RouteConfiguration(usesCloudflareDomains: false, ownDomains: ["mine.example"]),
    ])
    func `Community domains are left alone when they may not be asked`(configuration: RouteConfiguration) {
        var book = RouteBook(configuration)
        book.replaceCommunityDomains(["a.example", "b.example", "c.example"])
        var random = TestGenerator(seed: 1)
        let plan = book.plan(for: DataCenter(id: 2), now: 0, shuffle: &random)
        #expect(!plan.tries.contains { $0.kind == .communityDomain })
        #expect(!book.wantsCommunityList)
        #expect(
            plan.tries.contains { $0.kind == .ownDomain }
                == (configuration.usesCloudflareDomains && !configuration.ownDomains.isEmpty)
        )
    }

    @Test func `The list is wanted only when there is a place to fetch it from`() {
        #expect(RouteBook(.defaults).wantsCommunityList)
        #expect(!RouteBook(RouteConfiguration(listURL: nil)).wantsCommunityList)
    }

    @Test func `Workers and domains take turns at random, addresses do not`() {
        let configuration = RouteConfiguration.everything(community: (0..<8).map { "c\($0).example" })
        let orders = (1...50).map { names(configuration, DataCenter(id: 2), seed: $0) }
        #expect(Set(orders.map { $0[2] }) == ["worker w1.example", "worker w2.example"])
        #expect(Set(orders.map { $0[6] }).count == 8)
        #expect(Set(orders.map { Array($0[0...1] + $0[4...5]) }).count == 1)
        // The same random numbers, the same plan.
        #expect(names(configuration, DataCenter(id: 2), seed: 7) == names(configuration, DataCenter(id: 2), seed: 7))
    }

    @Test(arguments: [
        (2, DataCenter(id: 2)), (-2, DataCenter(id: 2, isMedia: true)), (203, DataCenter(id: 203)),
        (10_001, DataCenter(id: 1, isTest: true)), (-10_003, DataCenter(id: 3, isMedia: true, isTest: true)),
        // Nobody knows these.
        (0, DataCenter(id: 2)), (6, DataCenter(id: 2)), (-77, DataCenter(id: 2, isMedia: true)),
        (10_000, DataCenter(id: 2, isTest: true)), (-10_000, DataCenter(id: 2, isMedia: true, isTest: true)),
        (10_004, DataCenter(id: 2, isTest: true)), (32_767, DataCenter(id: 2, isTest: true)),
        (-32_768, DataCenter(id: 2, isMedia: true, isTest: true)),
    ])
    func `A header names a data center or gets the default one`(wire: Int, dataCenter: DataCenter) {
        #expect(RouteBook(.defaults).resolve(wire: Int16(wire)) == dataCenter)
    }

    @Test func `Configuration adds data centers, forces the test environment and chooses the default`() {
        var configuration = RouteConfiguration(forceTest: true, defaultDataCenter: 3)
        configuration.testTCPAddresses[7] = [.https("1.1.1.1")]
        let book = RouteBook(configuration)
        #expect(book.resolve(wire: 7) == DataCenter(id: 7, isTest: true))
        #expect(book.resolve(wire: -1) == DataCenter(id: 1, isMedia: true, isTest: true))
        #expect(book.resolve(wire: 5) == DataCenter(id: 3, isTest: true))
        #expect(book.resolve(wire: 0) == DataCenter(id: 3, isTest: true))
    }

    @Test func `Whatever a header says, the plan is that of a known data center`() {
        var book = RouteBook(.everything())
        var random = TestGenerator(seed: 1)
        for wire in Int16.min...Int16.max {
            let plan = book.plan(for: book.resolve(wire: wire), now: 0, shuffle: &random)
            guard !plan.tries.isEmpty, plan.dataCenter == book.resolve(wire: wire) else {
                Issue.record("\(wire): \(plan)")
                return
            }
        }
        let unknown = book.plan(for: DataCenter(id: 99), now: 0, shuffle: &random)
        #expect(unknown.dataCenter == DataCenter(id: 2))
        #expect(!unknown.tries.isEmpty)
    }

    @Test func `The banner has a line for every kind`() {
        func lines(_ configuration: RouteConfiguration) -> [String] {
            RouteBook(configuration).readiness().map(\.description)
        }
        #expect(
            lines(.defaults) == [
                "middle-proxy: off by configuration", "websocket: data centers 1, 2, 3, 4, 5",
                "worker: none configured", "cf-domain: none configured",
                "tcp: data centers 1, 2, 3, 4, 5, 203",
                "cf-community: 20 domains of other people, asked only when everything else has failed or stalled",
            ]
        )
        let own = RouteConfiguration(
            webSocketAddresses: [:], usesTCP: false, workers: ["w.example"], ownDomains: ["a.example", "b.example"]
        )
        #expect(
            lines(own) == [
                "middle-proxy: off by configuration", "websocket: no address is configured",
                "worker: 1 Worker: w.example",
                "cf-domain: 2 domains: a.example, b.example", "tcp: off by configuration",
                "cf-community: replaced by your own domains: other people's servers are never asked",
            ]
        )
        #expect(RouteBook(own).readiness().map(\.isReady) == [false, false, true, true, false, false])
        #expect(lines(RouteConfiguration(forceTest: true))[4] == "tcp: test data centers 1, 2, 3")
        #expect(
            lines(RouteConfiguration(usesWebSocket: false, usesCloudflareDomains: false))[5]
                == "cf-community: off by configuration: other people's servers are never asked"
        )
    }

    @Test func `Middle proxies come first for those who are to have them, and for nobody else`() {
        var book = RouteBook(RouteConfiguration(usesMiddleProxies: true, communityEnabled: false))
        var random = TestGenerator(seed: 1)
        func kinds(_ isFor: Bool, _ dataCenter: DataCenter = DataCenter(id: 2), now: Int64 = 0) -> [RouteKind] {
            var last: [RouteKind] = []
            for route in book.plan(for: dataCenter, usesMiddleProxies: isFor, now: now, shuffle: &random).tries
            where last.last != route.kind { last.append(route.kind) }
            return last
        }
        #expect(kinds(true) == [.middleProxy, .webSocket, .tcp])
        #expect(kinds(false) == [.webSocket, .tcp])
        #expect(kinds(true, DataCenter(id: 203)) == [.middleProxy, .tcp])
        #expect(kinds(true, DataCenter(id: 4, isMedia: true)) == [.middleProxy, .webSocket, .tcp])
        #expect(kinds(true, DataCenter(id: 2, isTest: true)).contains(.middleProxy) == false)

        // What works for others takes no place of theirs.
        let direct = book.plan(for: DataCenter(id: 2), now: 0, shuffle: &random).tries.last { $0.kind == .tcp }
        if let direct { book.succeeded(direct, for: DataCenter(id: 2), now: 1) }
        #expect(kinds(true).first == .middleProxy)
        #expect(kinds(false).first == .tcp)
    }

    @Test func `A middle proxy that failed waits behind the direct routes until it is well again`() {
        var book = RouteBook(RouteConfiguration(usesMiddleProxies: true, communityEnabled: false))
        var random = TestGenerator(seed: 1)
        let dataCenter = DataCenter(id: 2)
        func first(now: Int64) -> RouteKind? {
            book.plan(for: dataCenter, usesMiddleProxies: true, now: now, shuffle: &random).tries.first?.kind
        }
        let route = book.plan(for: dataCenter, usesMiddleProxies: true, now: 0, shuffle: &random).tries[0]
        let rest = book.failed(route, for: dataCenter, because: .middleProxyRefused(skew: 0), now: 0)
        #expect(first(now: 1) == .webSocket)
        #expect(book.dueProbes(now: rest - 1).isEmpty)
        #expect(book.dueProbes(now: rest).map(\.route) == [route])
        book.succeeded(route, for: dataCenter, now: rest + 1, evidence: .connection)
        #expect(first(now: rest + 2) == .middleProxy)
    }

    @Test func `Routes are equal by what they say`() {
        let one = Route(kind: .tcp, target: .tcp(.https("1.1.1.1")), name: "tcp")
        let same = Route(kind: .tcp, target: .tcp(.https("1.1.1.1")), name: "tcp")
        let other = Route(kind: .tcp, target: .tcp(.https("1.1.1.2")), name: "tcp")
        #expect(one == same)
        #expect(one.hashValue == same.hashValue)
        #expect(one != other)
        #expect(Set([one, same, other]).count == 2)
    }
}
