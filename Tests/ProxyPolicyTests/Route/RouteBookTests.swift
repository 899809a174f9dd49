import MTProtoWire
import ProxyPolicy
import Testing

/// What failures and successes change.
@Suite struct RouteBookTests {
    private static let dc2 = DataCenter(id: 2)
    private static let dc4 = DataCenter(id: 4)

    /// A book with its random source and shorthands.
    private struct Fixture {
        var book: RouteBook
        var random = TestGenerator(seed: 3)

        init(_ configuration: RouteConfiguration) { book = RouteBook(configuration) }

        mutating func plan(_ dataCenter: DataCenter = dc2, at now: Int64) -> RoutePlan {
            book.plan(for: dataCenter, now: now, shuffle: &random)
        }

        mutating func kinds(_ dataCenter: DataCenter = dc2, at now: Int64) -> [RouteKind] {
            plan(dataCenter, at: now).tries.map(\.kind)
        }

        mutating func route(_ kind: RouteKind, _ dataCenter: DataCenter = dc2) throws -> Route {
            try #require(plan(dataCenter, at: 0).tries.first { $0.kind == kind })
        }

        mutating func failAll(
            _ dataCenter: DataCenter = dc2, at now: Int64, because failure: RouteFailure = .refused,
            where condition: (Route) -> Bool = { _ in true }
        ) {
            for route in plan(dataCenter, at: now).tries where condition(route) {
                book.failed(route, for: dataCenter, because: failure, now: now)
            }
        }
    }

    // MARK: - Rest

    @Test(arguments: [
        (RouteFailure.timedOut(stage: .tcp), Int64(30)), (.timedOut(stage: .tls), 30), (.timedOut(stage: .upgrade), 30),
        (.refused, 10), (.reset, 10), (.unreachable, 10), (.badCertificate, 300), (.badAcceptKey, 300),
        (.redirected(302), 300), (.status(403, retryAfter: nil), 300), (.status(404, retryAfter: nil), 300),
        (.status(429, retryAfter: nil), 60), (.status(500, retryAfter: nil), 30), (.status(503, retryAfter: nil), 30),
        (.status(200, retryAfter: nil), 60), (.status(0, retryAfter: nil), 60), (.wrongDataCenter, 600), (.silent, 60),
        (.closedEarly, 15), (.nameNotFound, 60), (.other("x"), 30),
    ])
    func `The first rest depends on the failure`(failure: RouteFailure, seconds: Int64) throws {
        var fixture = Fixture(.defaults)
        let route = try fixture.route(.webSocket)
        #expect(fixture.book.failed(route, for: Self.dc2, because: failure, now: 5_000) == seconds * 1_000)
        let skipped = fixture.plan(at: 5_001).skipped
        #expect(skipped.map(\.route) == [route])
        #expect(skipped.map(\.because) == [failure])
    }

    @Test(arguments: [
        (0, Int64(60)), (-5, 60), (61, 61), (600, 600), (3_600, 3_600), (3_601, 3_600), (.max, 3_600), (.min, 60),
    ])
    func `Retry-After is honoured up to an hour`(retryAfter: Int, seconds: Int64) throws {
        var fixture = Fixture(.everything())
        let route = try fixture.route(.worker)
        let failure = RouteFailure.status(429, retryAfter: retryAfter)
        #expect(fixture.book.failed(route, for: Self.dc2, because: failure, now: 0) == seconds * 1_000)
    }

    @Test func `Rests double up to a quarter of an hour and start over after a success`() throws {
        var fixture = Fixture(.defaults)
        let route = try fixture.route(.tcp)
        var now: Int64 = 0
        var rests: [Int64] = []
        for _ in 0..<9 {
            let rest = fixture.book.failed(route, for: Self.dc2, because: .refused, now: now)
            rests.append(rest / 1_000)
            now += rest
        }
        #expect(rests == [10, 20, 40, 80, 160, 320, 640, 900, 900])
        fixture.book.succeeded(route, for: Self.dc2, now: now)
        #expect(fixture.plan(at: now).skipped == [])
        #expect(fixture.book.failed(route, for: Self.dc2, because: .refused, now: now) == 10_000)
    }

    @Test func `A failure long after the last one starts over`() throws {
        var fixture = Fixture(.defaults)
        let route = try fixture.route(.tcp)
        fixture.book.failed(route, for: Self.dc2, because: .refused, now: 0)
        fixture.book.failed(route, for: Self.dc2, because: .refused, now: 10_000)
        #expect(fixture.book.failed(route, for: Self.dc2, because: .refused, now: 30_000 + 3_600_001) == 10_000)
    }

    @Test func `Ten clients that fail together are one failure`() throws {
        var fixture = Fixture(.defaults)
        let route = try fixture.route(.tcp)
        for moment in 0..<10 {
            let rest = fixture.book.failed(route, for: Self.dc2, because: .refused, now: Int64(moment))
            #expect(rest == 10_000 - Int64(moment))
        }
        #expect(fixture.book.failed(route, for: Self.dc2, because: .refused, now: 10_000) == 20_000)
    }

    @Test func `A graver failure lengthens a rest, a lighter one does not shorten it`() throws {
        var fixture = Fixture(.defaults)
        let route = try fixture.route(.webSocket)
        fixture.book.failed(route, for: Self.dc2, because: .refused, now: 0)
        #expect(fixture.book.failed(route, for: Self.dc2, because: .wrongDataCenter, now: 1_000) == 599_000)
        #expect(fixture.book.failed(route, for: Self.dc2, because: .refused, now: 2_000) == 598_000)
        #expect(fixture.plan(at: 3_000).skipped.map(\.because) == [.wrongDataCenter])
    }

    @Test func `A failure counts for its data center and media alone`() throws {
        var fixture = Fixture(.defaults)
        let route = try fixture.route(.webSocket)
        fixture.book.failed(route, for: Self.dc2, because: .wrongDataCenter, now: 0)
        #expect(fixture.plan(DataCenter(id: 2, isMedia: true), at: 1).skipped == [])
        #expect(fixture.plan(Self.dc4, at: 1).skipped == [])
    }

    @Test(arguments: [RouteKind.worker, .communityDomain], [403, 429])
    func `403 and 429 count for the host and all its data centers`(kind: RouteKind, status: Int) throws {
        var fixture = Fixture(.everything())
        let route = try fixture.route(kind)
        fixture.book.failed(route, for: Self.dc2, because: .status(status, retryAfter: nil), now: 0)
        let there = fixture.plan(Self.dc4, at: 1).skipped
        #expect(there.count == 1)
        #expect(there.first?.route.kind == kind)
        #expect(there.first?.because == .status(status, retryAfter: nil))
        // And heal for all of them.
        fixture.book.succeeded(try #require(there.first?.route), for: Self.dc4, now: 2)
        #expect(fixture.plan(at: 2).skipped == [])
    }

    @Test func `Other failures of a host count for one data center`() throws {
        var fixture = Fixture(.everything())
        let route = try fixture.route(.worker)
        fixture.book.failed(route, for: Self.dc2, because: .status(503, retryAfter: nil), now: 0)
        #expect(fixture.plan(at: 1).skipped.count == 1)
        #expect(fixture.plan(Self.dc4, at: 1).skipped == [])
    }

    @Test func `403 of Telegram's own endpoint counts for the route`() throws {
        var fixture = Fixture(.defaults)
        let route = try fixture.route(.webSocket)
        #expect(fixture.book.failed(route, for: Self.dc2, because: .status(403, retryAfter: nil), now: 0) == 300_000)
        #expect(fixture.plan(at: 1).skipped.map(\.route) == [route])
    }

    @Test func `Reports about routes that the book does not have change nothing`() {
        var fixture = Fixture(.defaults)
        let stranger = Route(kind: .tcp, target: .tcp(.https("9.9.9.9")), name: "tcp 9.9.9.9")
        #expect(fixture.book.failed(stranger, for: Self.dc2, because: .refused, now: 0) == 0)
        fixture.book.succeeded(stranger, for: Self.dc2, now: 0)
        #expect(fixture.plan(at: 0).skipped == [])
        #expect(!fixture.plan(at: 0).tries.contains(stranger))
    }

    // MARK: - Order

    @Test func `Resting routes go behind the sound ones, soonest rested first, and community domains stay last`() throws
    {
        var fixture = Fixture(.everything())
        let webSockets = fixture.plan(at: 0).tries.filter { $0.kind == .webSocket }
        fixture.book.failed(webSockets[0], for: Self.dc2, because: .redirected(302), now: 0)
        fixture.book.failed(webSockets[1], for: Self.dc2, because: .refused, now: 0)
        let tries = fixture.plan(at: 1).tries
        #expect(
            tries.map(\.kind) == [
                .worker, .worker, .tcp, .tcp, .webSocket, .webSocket, .communityDomain, .communityDomain,
                .communityDomain,
            ]
        )
        #expect(Array(tries[4...5]) == [webSockets[1], webSockets[0]])
    }

    @Test func `Community domains come forward only when every other route rests`() throws {
        var fixture = Fixture(.everything())
        fixture.failAll(at: 0) { !$0.kind.isCommunity }
        var kinds = fixture.kinds(at: 1)
        #expect(kinds.prefix(3).allSatisfy { $0.isCommunity })
        #expect(kinds.dropFirst(3).allSatisfy { !$0.isCommunity })
        // Resting community domains go to the very end.
        let broken = try #require(fixture.plan(at: 1).tries.first)
        fixture.book.failed(broken, for: Self.dc2, because: .status(503, retryAfter: nil), now: 1)
        #expect(fixture.plan(at: 2).tries.last == broken)
        // One sound route of the others is enough to send them back.
        let worker = try #require(fixture.plan(at: 2).tries.first { $0.kind == .worker })
        fixture.book.succeeded(worker, for: Self.dc2, now: 2)
        kinds = fixture.kinds(at: 2)
        #expect(kinds.first == .worker)
        #expect(kinds.suffix(3).allSatisfy { $0.isCommunity })
    }

    @Test func `The route that worked last comes first, per data center and media, until it fails`() throws {
        var fixture = Fixture(.everything())
        let tcp = try fixture.route(.tcp)
        fixture.book.succeeded(tcp, for: Self.dc2, now: 0)
        #expect(fixture.plan(at: 1).tries.first == tcp)
        #expect(fixture.kinds(DataCenter(id: 2, isMedia: true), at: 1).first == .webSocket)
        fixture.book.failed(tcp, for: Self.dc2, because: .refused, now: 2)
        #expect(fixture.kinds(at: 3).first == .webSocket)
        // Healed, it is back in its place, not in front.
        fixture.book.succeeded(tcp, for: Self.dc2, now: 4, evidence: .connection)
        #expect(fixture.kinds(at: 5).first == .webSocket)
    }

    @Test func `A winner gives way to the order of the kinds after half an hour`() throws {
        var fixture = Fixture(.everything())
        let worker = try fixture.route(.worker)
        for minute in 0..<30 { fixture.book.succeeded(worker, for: Self.dc2, now: Int64(minute) * 60_000) }
        #expect(fixture.plan(at: 1_799_999).tries.first == worker)
        #expect(fixture.kinds(at: 1_800_000).first == .webSocket)
        fixture.book.succeeded(worker, for: Self.dc2, now: 1_800_001)
        #expect(fixture.plan(at: 1_800_002).tries.first == worker)
    }

    @Test func `A community domain that worked never goes before the others`() throws {
        var fixture = Fixture(.everything())
        let community = try fixture.route(.communityDomain)
        fixture.book.succeeded(community, for: Self.dc2, now: 0)
        let kinds = fixture.kinds(at: 1)
        #expect(kinds.first == .webSocket)
        #expect(kinds.suffix(3).allSatisfy { $0.isCommunity })
    }

    @Test(arguments: [RouteKind.communityDomain, .ownDomain])
    func `The domain that worked is preferred for its data center`(kind: RouteKind) throws {
        let names = (0..<12).map { "d\($0).example" }
        var fixture = Fixture(
            kind == .ownDomain ? .own(domains: names) : .everything(community: names)
        )
        let preferred = try #require(fixture.plan(at: 0).tries.last { $0.kind == kind })
        // The connection of a media client of the same data center says as much about a domain.
        fixture.book.succeeded(preferred, for: DataCenter(id: 2, isMedia: true), now: 0)
        func firstDomain(_ dataCenter: DataCenter, at now: Int64 = 1) -> Route? {
            fixture.plan(dataCenter, at: now).tries.first { $0.kind == kind }
        }
        for _ in 0..<10 { #expect(firstDomain(Self.dc2) == preferred) }
        #expect(Set((0..<40).map { _ in firstDomain(Self.dc4) }).count > 1)
        fixture.book.failed(preferred, for: Self.dc2, because: .refused, now: 2)
        #expect(firstDomain(Self.dc2) != preferred)
        // Nor is it preferred once it has rested.
        #expect(Set((0..<40).map { _ in firstDomain(Self.dc2, at: 60_000) }).count > 1)
    }

    // MARK: - Change

    @Test func `Another network forgets failures and keeps what worked`() throws {
        var fixture = Fixture(.everything())
        let tcp = try fixture.route(.tcp)
        fixture.failAll(at: 0, because: .wrongDataCenter)
        fixture.failAll(at: 1, because: .status(429, retryAfter: 3_600))
        fixture.book.succeeded(tcp, for: Self.dc2, now: 2)
        fixture.book.networkChanged()
        let plan = fixture.plan(at: 3)
        #expect(plan.skipped.isEmpty)
        #expect(plan.tries.first == tcp)
        let worker = try fixture.route(.worker)
        #expect(fixture.book.failed(worker, for: Self.dc2, because: .refused, now: 4) == 10_000)
    }

    @Test func `A new community list keeps what is known about the domains that stay`() throws {
        var fixture = Fixture(.everything())
        let routes = fixture.plan(at: 0).tries.filter { $0.kind == .communityDomain }
        let kept = try #require(routes.first { $0.name.contains("kws2.a.") })
        fixture.book.failed(kept, for: Self.dc2, because: .refused, now: 0)
        fixture.book.replaceCommunityDomains(["new.example", "a.example", "new.example"])
        let plan = fixture.plan(at: 1)
        #expect(
            Set(plan.tries.suffix(2).map(\.name)) == ["cf-community kws2.new.example", "cf-community kws2.a.example"]
        )
        #expect(plan.tries.last == kept)
        #expect(plan.skipped.map(\.route) == [kept])
        fixture.book.replaceCommunityDomains([])
        #expect(!fixture.kinds(at: 1).contains(.communityDomain))
        #expect(fixture.plan(at: 1).skipped == [])
    }

    @Test func `A list of any length is bounded`() {
        var fixture = Fixture(.defaults)
        fixture.book.replaceCommunityDomains((0..<10_000).map { "d\($0).example" })
        #expect(fixture.kinds(at: 0).count(where: \.isCommunity) == 200)
    }

    @Test func `More data centers than anybody has are survived`() {
        var configuration = RouteConfiguration.defaults
        for id in 300..<500 { configuration.tcpAddresses[id] = [.https("1.1.1.1")] }
        var fixture = Fixture(configuration)
        for round in 0..<3 {
            for id in 300..<500 {
                #expect(fixture.plan(DataCenter(id: id), at: Int64(round)).tries.count == 1)
            }
        }
    }

    // MARK: - Codes

    @Test func `Codes are a closed set of words`() {
        var codes: Set<String> = []
        for status in -1...1_000 { codes.insert(RouteFailure.status(status, retryAfter: status).code) }
        for status in 300...399 { codes.insert(RouteFailure.redirected(status).code) }
        codes.insert(RouteFailure.other("anything").code)
        #expect(codes == ["http-403", "http-429", "http-5xx", "http-status", "redirected", "other"])
        #expect(RouteFailure.timedOut(stage: .upgrade).code == "timeout-upgrade")
    }
}
