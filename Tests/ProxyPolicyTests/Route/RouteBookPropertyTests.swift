import MTProtoWire
import ProxyPolicy
import Testing

/// Whatever happens, in whatever order: nothing is lost, nothing is blacklisted, other people's servers stay last.
@Suite struct RouteBookPropertyTests {
    private static let configurations: [RouteConfiguration] = [
        .defaults,
        .everything(),
        .own(workers: ["w1.example", "w2.example"], domains: ["d1.example", "d2.example", "d3.example"]),
        RouteConfiguration(usesWebSocket: false, usesTCP: false, communityDomains: ["a.example", "b.example"]),
    ]
    private static let dataCenters = [
        DataCenter(id: 2), DataCenter(id: 2, isMedia: true), DataCenter(id: 203), DataCenter(id: 2, isTest: true),
    ]

    /// Does random things to a book and checks every plan.
    private struct Storm {
        var book: RouteBook
        var random: TestGenerator
        var now: Int64 = 0
        var trace: [String] = []

        init(_ configuration: RouteConfiguration, seed: UInt64) {
            book = RouteBook(configuration)
            random = TestGenerator(seed: seed)
        }

        mutating func step() throws {
            let dataCenter = try #require(dataCenters.randomElement(using: &random))
            now += [0, 1, 500, 7_000, 60_000, 900_000].randomElement(using: &random) ?? 0
            let plan = book.plan(for: dataCenter, now: now, shuffle: &random)
            check(plan)
            trace.append(plan.tries.map(\.name).joined(separator: " "))
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<12:
                guard let route = plan.tries.randomElement(using: &random) else { return }
                let rest = book.failed(route, for: dataCenter, because: failure(), now: now)
                #expect((0...3_600_000).contains(rest))
            case 12..<15:
                guard let route = plan.tries.randomElement(using: &random) else { return }
                let evidence: RouteEvidence = Bool.random(using: &random) ? .session : .connection
                book.succeeded(route, for: dataCenter, now: now, evidence: evidence)
            case 15..<18:
                let probes = book.dueProbes(now: now)
                #expect(probes.count <= 4)
                for probe in probes { report(probe.route, probe.dataCenter) }
            case 18:
                let domains = (0..<Int.random(in: 0...6, using: &random)).map { "r\($0).example" }
                book.replaceCommunityDomains(domains)
            default:
                if Int.random(in: 0..<5, using: &random) == 0 { book.networkChanged() }
            }
        }

        private mutating func report(_ route: Route, _ dataCenter: DataCenter) {
            #expect(route.kind != .worker && route.kind != .communityDomain)
            // Some never report.
            switch Int.random(in: 0..<3, using: &random) {
            case 0: book.succeeded(route, for: dataCenter, now: now, evidence: .connection)
            case 1: book.failed(route, for: dataCenter, because: failure(), now: now)
            default: break
            }
        }

        private mutating func failure() -> RouteFailure {
            let failures: [RouteFailure] = [
                .timedOut(stage: .tcp), .refused, .badCertificate, .redirected(302), .wrongDataCenter, .silent,
                .closedEarly, .status(503, retryAfter: nil), .status(403, retryAfter: nil),
                .status(429, retryAfter: Int.random(in: -10...100_000, using: &random)), .other("storm"),
            ]
            return failures.randomElement(using: &random) ?? .refused
        }

        func check(_ plan: RoutePlan) {
            // Every route once: a book without a past has the same ones.
            #expect(Set(plan.tries).count == plan.tries.count)
            var fresh = book
            fresh.networkChanged()
            var other = TestGenerator(seed: 1)
            let complete = fresh.plan(for: plan.dataCenter, now: now, shuffle: &other)
            #expect(complete.skipped.isEmpty)
            #expect(Set(plan.tries) == Set(complete.tries))
            // Rests are bounded: an hour and the time for a probe.
            for skipped in plan.skipped {
                #expect(skipped.until > now && skipped.until <= now + 3_610_000)
                #expect(plan.tries.contains(skipped.route))
            }
            // No community domain before a sound route of the others; no sound one behind a resting one of its class.
            let resting = Set(plan.skipped.map(\.route))
            var seenCommunity = false
            var seenResting: [Bool: Bool] = [:]
            for route in plan.tries {
                let isResting = resting.contains(route)
                if !route.kind.isCommunity { #expect(!seenCommunity || isResting) }
                #expect(isResting || seenResting[route.kind.isCommunity] != true)
                seenCommunity = seenCommunity || route.kind.isCommunity
                if isResting { seenResting[route.kind.isCommunity] = true }
            }
            let own = plan.tries.filter { !$0.kind.isCommunity }
            if own.contains(where: { !resting.contains($0) }) {
                #expect(Array(plan.tries.prefix(own.count)) == own)
            }
        }
    }

    @Test(arguments: configurations.indices, UInt64(1)...12)
    func `Plans stay complete, bounded and in order whatever happens`(configuration: Int, seed: UInt64) throws {
        var storm = Storm(Self.configurations[configuration], seed: seed)
        for _ in 0..<200 { try storm.step() }
        // Nothing is blacklisted: an hour and a probe later every route is tried like new.
        storm.now += 3_610_000
        for dataCenter in Self.dataCenters {
            let plan = storm.book.plan(for: dataCenter, now: storm.now, shuffle: &storm.random)
            #expect(plan.skipped.isEmpty)
        }
    }

    @Test(arguments: UInt64(1)...5)
    func `The same events and numbers give the same plans`(seed: UInt64) throws {
        var one = Storm(.everything(), seed: seed)
        var two = Storm(.everything(), seed: seed)
        for _ in 0..<200 {
            try one.step()
            try two.step()
        }
        #expect(one.trace == two.trace)
    }

    @Test(arguments: configurations.indices, UInt64(1)...8)
    func `From every state every route can fail, and every route can become sound`(
        configuration: Int, seed: UInt64
    ) throws {
        var storm = Storm(Self.configurations[configuration], seed: seed)
        for _ in 0..<60 { try storm.step() }
        let dataCenter = DataCenter(id: 2)
        for route in storm.book.plan(for: dataCenter, now: storm.now, shuffle: &storm.random).tries {
            storm.book.failed(route, for: dataCenter, because: .refused, now: storm.now)
            var plan = storm.book.plan(for: dataCenter, now: storm.now, shuffle: &storm.random)
            #expect(plan.skipped.contains { $0.route == route })
            storm.book.succeeded(route, for: dataCenter, now: storm.now)
            plan = storm.book.plan(for: dataCenter, now: storm.now, shuffle: &storm.random)
            #expect(!plan.skipped.contains { $0.route == route })
        }
    }
}
