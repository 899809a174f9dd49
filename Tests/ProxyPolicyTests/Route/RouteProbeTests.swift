import MTProtoWire
import ProxyPolicy
import Testing

/// Routes heal in the background.
@Suite struct RouteProbeTests {
    private static let dc2 = DataCenter(id: 2)

    private func fixture(
        _ configuration: RouteConfiguration = .everything(), used dataCenters: [DataCenter] = [dc2]
    ) -> (RouteBook, [Route]) {
        var book = RouteBook(configuration)
        var random = TestGenerator(seed: 9)
        var routes: [Route] = []
        for dataCenter in dataCenters {
            routes += book.plan(for: dataCenter, now: 0, shuffle: &random).tries
        }
        return (book, routes)
    }

    private func isSkipped(_ route: Route, _ book: RouteBook, at now: Int64) -> Bool {
        var book = book
        var random = TestGenerator(seed: 9)
        return book.plan(for: Self.dc2, now: now, shuffle: &random).skipped.contains { $0.route == route }
    }

    @Test func `A route is probed when its rest ends, once until somebody reports`() throws {
        var (book, routes) = fixture()
        let tcp = try #require(routes.first { $0.kind == .tcp })
        #expect(book.dueProbes(now: 0).count == 0)
        book.failed(tcp, for: Self.dc2, because: .refused, now: 0)
        #expect(book.dueProbes(now: 9_999).count == 0)
        let probes = book.dueProbes(now: 10_000)
        #expect(probes.map(\.route) == [tcp])
        #expect(probes.map(\.dataCenter) == [Self.dc2])
        #expect(book.dueProbes(now: 10_001).count == 0)
        // A failed probe lengthens the rest.
        #expect(book.failed(tcp, for: Self.dc2, because: .refused, now: 11_000) == 20_000)
        #expect(book.dueProbes(now: 31_000).map(\.route) == [tcp])
        book.succeeded(tcp, for: Self.dc2, now: 31_500, evidence: .connection)
        #expect(!isSkipped(tcp, book, at: 31_500))
        #expect(book.dueProbes(now: 600_000).count == 0)
    }

    @Test func `A probe that never reports is handed out again after a minute`() throws {
        var (book, routes) = fixture()
        let tcp = try #require(routes.first { $0.kind == .tcp })
        book.failed(tcp, for: Self.dc2, because: .refused, now: 0)
        #expect(book.dueProbes(now: 10_000).count == 1)
        #expect(book.dueProbes(now: 69_999).count == 0)
        #expect(book.dueProbes(now: 70_000).count == 1)
    }

    @Test func `Clients wait ten seconds for the probe and then try the route themselves`() throws {
        let (book, routes) = fixture()
        let tcp = try #require(routes.first { $0.kind == .tcp })
        var ailing = book
        ailing.failed(tcp, for: Self.dc2, because: .refused, now: 0)
        #expect(isSkipped(tcp, ailing, at: 19_999))
        #expect(!isSkipped(tcp, ailing, at: 20_000))
    }

    @Test(arguments: [RouteKind.worker, .communityDomain])
    func `Workers and community domains are not probed and simply become eligible`(kind: RouteKind) throws {
        for failure in [RouteFailure.refused, .status(429, retryAfter: 10), .status(403, retryAfter: nil)] {
            var (book, routes) = fixture()
            let route = try #require(routes.first { $0.kind == kind })
            let rest = book.failed(route, for: Self.dc2, because: failure, now: 0)
            #expect(book.dueProbes(now: rest).count == 0)
            #expect(isSkipped(route, book, at: rest - 1))
            #expect(!isSkipped(route, book, at: rest))
        }
    }

    @Test(arguments: [RouteFailure.silent, .wrongDataCenter, .closedEarly])
    func `What only a session shows is neither probed nor healed by a connection`(failure: RouteFailure) throws {
        var (book, routes) = fixture()
        let route = try #require(routes.first { $0.kind == .webSocket })
        let rest = book.failed(route, for: Self.dc2, because: failure, now: 0)
        book.succeeded(route, for: Self.dc2, now: 1, evidence: .connection)
        #expect(isSkipped(route, book, at: 2))
        #expect(book.dueProbes(now: rest).count == 0)
        #expect(!isSkipped(route, book, at: rest))
        // It is remembered, so that the next rest is longer.
        #expect(book.failed(route, for: Self.dc2, because: failure, now: rest) == min(rest * 2, 900_000))
        book.succeeded(route, for: Self.dc2, now: rest + 1)
        #expect(!isSkipped(route, book, at: rest + 1))
    }

    @Test func `Data centers that nobody uses are not probed`() throws {
        var (book, routes) = fixture()
        let tcp = try #require(routes.first { $0.kind == .tcp })
        book.failed(tcp, for: Self.dc2, because: .refused, now: 0)
        #expect(book.dueProbes(now: 600_001).count == 0)
        var random = TestGenerator(seed: 1)
        _ = book.plan(for: Self.dc2, now: 700_000, shuffle: &random)
        #expect(book.dueProbes(now: 700_001).count == 1)
    }

    @Test func `Few probes are handed out at once, the longest waiting first, and all in the end`() throws {
        let dataCenters = (1...5).map { DataCenter(id: $0) }
        var (book, _) = fixture(.defaults, used: dataCenters)
        var random = TestGenerator(seed: 1)
        var expected: Set<String> = []
        for (index, dataCenter) in dataCenters.enumerated() {
            for route in book.plan(for: dataCenter, now: 0, shuffle: &random).tries where !route.kind.isCommunity {
                book.failed(route, for: dataCenter, because: .refused, now: Int64(100 - index))
                expected.insert("\(dataCenter) \(route)")
            }
        }
        var seen: Set<String> = []
        var order: [Int] = []
        for round in 0..<5 {
            let probes = book.dueProbes(now: 20_000 + Int64(round))
            #expect(probes.count == 4)
            for probe in probes {
                seen.insert("\(probe.dataCenter) \(probe.route)")
                order.append(probe.dataCenter.id)
            }
        }
        #expect(seen == expected)
        #expect(order == order.sorted(by: >))
        #expect(book.dueProbes(now: 20_010).count == 0)
    }

    @Test func `One probe asks for a host that refused every data center`() throws {
        let dataCenters = [1, 2, 3].map { DataCenter(id: $0) }
        var (book, routes) = fixture(.own(domains: ["mine.example"]), used: dataCenters)
        let domain = try #require(routes.first { $0.name == "cf-domain kws2.mine.example" })
        book.failed(domain, for: Self.dc2, because: .status(403, retryAfter: nil), now: 0)
        #expect(book.dueProbes(now: 299_999).count == 0)
        let probes = book.dueProbes(now: 300_000)
        #expect(probes.count == 1)
        #expect(probes.first?.route.kind == .ownDomain)
        let probe = try #require(probes.first)
        book.succeeded(probe.route, for: probe.dataCenter, now: 300_100, evidence: .connection)
        #expect(!isSkipped(domain, book, at: 300_101))
    }

    @Test func `Another network takes probes back`() throws {
        var (book, routes) = fixture()
        let tcp = try #require(routes.first { $0.kind == .tcp })
        book.failed(tcp, for: Self.dc2, because: .refused, now: 0)
        book.networkChanged()
        #expect(book.dueProbes(now: 10_000).count == 0)
    }
}
