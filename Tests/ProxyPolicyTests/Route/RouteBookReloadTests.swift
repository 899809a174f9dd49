import MTProtoWire
import ProxyPolicy
import Testing

/// Another configuration of routes while clients use them.
@Suite struct RouteBookReloadTests {
    private static let dc2 = DataCenter(id: 2)

    private struct Fixture {
        var book: RouteBook
        var random = TestGenerator(seed: 5)

        init(_ configuration: RouteConfiguration) { book = RouteBook(configuration) }

        mutating func plan(_ dataCenter: DataCenter = dc2, at now: Int64 = 0) -> RoutePlan {
            book.plan(for: dataCenter, now: now, shuffle: &random)
        }

        mutating func route(_ kind: RouteKind) throws -> Route {
            try #require(plan().tries.first { $0.kind == kind })
        }

        mutating func kinds() -> [RouteKind] { plan().tries.map(\.kind) }
    }

    @Test func `Routes that stay keep their rest, and the winner stays first`() throws {
        var fixture = Fixture(.own(workers: ["w1.example", "w2.example"]))
        let (direct, tcp) = (try fixture.route(.webSocket), try fixture.route(.tcp))
        fixture.book.failed(direct, for: Self.dc2, because: .refused, now: 0)
        fixture.book.succeeded(tcp, for: Self.dc2, now: 0)
        var other = RouteConfiguration.own(workers: ["w2.example", "w3.example"])
        other.usesTCP = true
        fixture.book.reconfigure(other)
        let plan = fixture.plan(at: 1)
        #expect(plan.tries.first == tcp)
        #expect(plan.skipped.map(\.route) == [direct])
        let workers = plan.tries.filter { $0.kind == .worker }.map(\.name)
        #expect(Set(workers) == ["worker w2.example", "worker w3.example"])
    }

    @Test func `Routes that go are forgotten, also when they come back`() throws {
        var fixture = Fixture(.defaults)
        let direct = try fixture.route(.webSocket)
        fixture.book.failed(direct, for: Self.dc2, because: .refused, now: 0)
        var without = RouteConfiguration.defaults
        without.usesWebSocket = false
        fixture.book.reconfigure(without)
        #expect(!fixture.kinds().contains(.webSocket))
        #expect(!fixture.book.has(direct, for: Self.dc2))
        // Reports of tries that were under way change nothing.
        #expect(fixture.book.failed(direct, for: Self.dc2, because: .refused, now: 1) == 0)
        fixture.book.succeeded(direct, for: Self.dc2, now: 1)
        fixture.book.reconfigure(.defaults)
        #expect(fixture.plan(at: 1).skipped == [])
        #expect(fixture.book.has(direct, for: Self.dc2))
    }

    @Test func `A host that stays keeps its rest, and one that was away has none`() throws {
        var fixture = Fixture(.own(workers: ["w1.example"]))
        let worker = try fixture.route(.worker)
        fixture.book.failed(worker, for: Self.dc2, because: .status(429, retryAfter: 600), now: 0)
        fixture.book.reconfigure(.own(workers: ["w1.example", "w2.example"]))
        #expect(fixture.plan(at: 1).skipped.map(\.route) == [worker])
        fixture.book.reconfigure(.own(workers: ["w2.example"]))
        fixture.book.reconfigure(.own(workers: ["w1.example", "w2.example"]))
        #expect(fixture.plan(at: 1).skipped == [])
    }

    @Test func `The fetched list of community domains stays while it is used`() throws {
        var fixture = Fixture(RouteConfiguration(communityDomains: ["a.example"]))
        fixture.book.replaceCommunityDomains(["x.example", "y.example"])
        var other = RouteConfiguration(communityDomains: ["a.example"])
        other.workers = ["w1.example"]
        fixture.book.reconfigure(other)
        func community(_ plan: RoutePlan) -> Set<String> {
            Set(plan.tries.filter { $0.kind == .communityDomain }.map(\.name))
        }
        let names: Set = ["community-domain kws2.x.example", "community-domain kws2.y.example"]
        #expect(community(fixture.plan()).count == names.count)
        let before = community(fixture.plan())
        other.ownDomains = ["own.example"]
        fixture.book.reconfigure(other)
        #expect(community(fixture.plan()) == [])
        #expect(!fixture.book.wantsCommunityList)
        other.ownDomains = []
        fixture.book.reconfigure(other)
        #expect(community(fixture.plan()).count == 1)
        #expect(community(fixture.plan()).isDisjoint(with: before))
    }

    @Test func `The same configuration changes nothing`() throws {
        var fixture = Fixture(.everything())
        for route in fixture.plan().tries { fixture.book.failed(route, for: Self.dc2, because: .refused, now: 0) }
        let before = Set(fixture.plan(at: 1).skipped.map(\.route))
        fixture.book.reconfigure(.everything())
        #expect(Set(fixture.plan(at: 1).skipped.map(\.route)) == before)
        #expect(!before.isEmpty)
    }

    @Test func `A data center that is not known any more is served as the default one`() throws {
        var extra = RouteConfiguration.own()
        extra.tcpAddresses[77] = [.https("127.0.0.77")]
        var fixture = Fixture(extra)
        #expect(fixture.plan(DataCenter(id: 77)).tries.map(\.name).contains("tcp 127.0.0.77:443"))
        fixture.book.reconfigure(.own())
        #expect(fixture.book.resolve(wire: 77) == Self.dc2)
        #expect(!fixture.plan(DataCenter(id: 77)).tries.map(\.name).contains("tcp 127.0.0.77:443"))
    }
}
