import ProxyPolicy
import ProxyTestKit
import Testing

/// Other people's domains on Cloudflare: asked when nothing else is left, and only if they may be.
@Suite(.timeLimit(.minutes(2))) struct CommunityRouteTests {
    private static let domains = ["first.example", "second.example", "third.example"]

    private func start(_ kit: KitScope) async throws -> CloudflareEdge {
        kit.keep(try await CloudflareEdge.start(domains: Self.domains))
    }

    private static func lend(_ cloudflare: CloudflareEdge, to routes: inout RouteConfiguration) {
        routes.communityDomains = domains
        for domain in domains { routes.dialOverrides[domain] = .loopback(cloudflare.port) }
    }

    @Test func `Nobody is asked while TCP works, and everybody may be when it fails`() async throws {
        try await withKit { kit in
            let cloudflare = try await start(kit)
            let center = kit.keep(try await FakeDataCenter.start(listen: SocketTarget.lonely))
            let place = SocketTarget(host: center.host, port: center.port)
            try await RunningProxy.routed {
                Self.lend(cloudflare, to: &$0.routes)
                $0.routes.tcpAddresses = [2: [place]]
            } _: { proxy in
                try await proxy.session()
                try await proxy.session()
                #expect(center.facts.count == 2)
                #expect(cloudflare.edge.connectionCount == 0)
                await center.stop()
                let digest = try await proxy.session()
                #expect(cloudflare.edge.carried.map(\.digest) == [digest])
                #expect(cloudflare.edge.facts.first?.request?.target == "/apiws")
                let host = try #require(cloudflare.edge.facts.first?.host)
                #expect(Self.domains.map { "kws2.\($0)" }.contains(host))
                let last = try await proxy.endOfSession(2)
                #expect(last["route"] == "cf-community \(host)")
                #expect(proxy.log.routeFailures.map(\.route) == ["tcp \(place)"])
            }
        }
    }

    @Test func `They are asked when TCP merely stalls`() async throws {
        try await withKit { kit in
            let cloudflare = try await start(kit)
            let hole = kit.keep(try await BlackHole.start())
            try await RunningProxy.routed {
                Self.lend(cloudflare, to: &$0.routes)
                $0.routes.tcpAddresses = [2: [.loopback(hole.port)]]
                $0.connect.headStartMilliseconds = 300
            } _: { proxy in
                let (digest, time) = try await measured { try await proxy.session() }
                print("community domain behind a stalling TCP route: first session complete after \(time.inSeconds)")
                #expect(time >= .milliseconds(295))
                #expect(cloudflare.edge.carried.map(\.digest) == [digest])
            }
        }
    }

    @Test func `The one that worked is asked again, one that failed is followed by another`() async throws {
        try await withKit { kit in
            let cloudflare = try await start(kit)
            try await RunningProxy.routed {
                Self.lend(cloudflare, to: &$0.routes)
            } _: { proxy in
                for _ in 0..<4 { try await proxy.session() }
                let hosts = cloudflare.edge.facts.map(\.host)
                #expect(hosts.count == 4)
                #expect(Set(hosts).count == 1, "clients stay with a domain that works: \(hosts)")
                cloudflare.edge.setBehaviour(.status(503), forHost: hosts[0])
                let digest = try await proxy.session()
                let later = cloudflare.edge.facts.map(\.host).dropFirst(4)
                #expect(later.first == hosts[0])
                #expect(later.count == 2)
                #expect(cloudflare.edge.carried.last?.digest == digest)
                #expect(cloudflare.edge.carried.last?.host == later.last)
            }
        }
    }

    /// What keeps strangers' domains out.
    enum Prohibition: String, CaseIterable, Sendable {
        case cloudflareOff, communityOff, ownDomains

        func apply(to routes: inout RouteConfiguration, dead: SocketTarget) {
            switch self {
            case .cloudflareOff:
                routes.usesCloudflareDomains = false
            case .communityOff:
                routes.communityEnabled = false
            case .ownDomains:
                routes.ownDomains = ["own.example"]
                routes.dialOverrides["own.example"] = dead
            }
        }
    }

    @Test(arguments: Prohibition.allCases)
    func `Where they may not be asked they are not, even if nothing else works`(_ why: Prohibition) async throws {
        try await withKit { kit in
            let cloudflare = try await start(kit)
            let dead = try await SocketTarget.refusing()
            try await RunningProxy.routed {
                Self.lend(cloudflare, to: &$0.routes)
                $0.routes.tcpAddresses = [2: [dead]]
                why.apply(to: &$0.routes, dead: dead)
            } _: { proxy in
                let client = try await proxy.telegramClient()
                try await client.send([1])
                try await client.expectEnd()
                await client.close()
                let tried = try await proxy.line("no route to the data center")["tried"] ?? ""
                #expect(!tried.contains("cf-community"))
                #expect(cloudflare.edge.connectionCount == 0)
            }
        }
    }

    @Test func `With Cloudflare's domains off an own one is not asked either, but a Worker is`() async throws {
        try await withKit { kit in
            let inner = kit.keep(try await FakeDataCenter.start())
            let cloudflare = kit.keep(try await CloudflareEdge.start(domains: ["own.example"], inner: inner))
            try await RunningProxy.routed {
                $0.routes.usesCloudflareDomains = false
                $0.routes.ownDomains = ["own.example"]
                $0.routes.workers = ["worker.example"]
                for name in ["own.example", "worker.example"] {
                    $0.routes.dialOverrides[name] = .loopback(cloudflare.port)
                }
            } _: { proxy in
                cloudflare.setQuota(0)
                let client = try await proxy.telegramClient()
                try await client.send([1])
                try await client.expectEnd()
                await client.close()
                #expect(cloudflare.edge.facts.map(\.host) == ["worker.example"])
            }
        }
    }
}
