import MTProtoWire
import ProxyEngine
import ProxyPolicy

/// Every data center by every configured way, up to an answer that only a data center gives.
struct DataCenterCheck: Sendable {
    struct Try: Sendable {
        var dataCenter: DataCenter
        var route: Route
        /// Why it is not tried.
        var obstacle: String?
    }

    /// Connections at once: more look like an attack to a packet filter.
    private static let width = 24

    private let patient: Patient
    private let tries: [Try]
    private let dataCenters: [DataCenter]

    init(patient: Patient) {
        self.patient = patient
        var routes = patient.configuration.routes
        routes.usesMiddleProxies = false
        if !patient.asksCommunity { routes.communityEnabled = false }
        dataCenters = Self.dataCenters(routes)
        var book = RouteBook(routes)
        var random = SecureRandom()
        tries = dataCenters.flatMap { dataCenter in
            book.plan(for: dataCenter, now: 0, shuffle: &random).tries.map {
                Try(dataCenter: dataCenter, route: $0, obstacle: Self.obstacle(to: $0))
            }
        }
    }

    /// A round of tries takes as long as the slowest of them.
    var limit: Duration { patient.timeout * (tries.count / Self.width + 2) + .seconds(5) }

    func findings() async -> [Finding] {
        let tls = TLSContexts(caFile: patient.configuration.connect.caFile)
        let limit = patient.timeout
        let outcomes = await sideBySide(tries, atMost: Self.width) { one -> RouteProbe.Outcome? in
            guard one.obstacle == nil else { return nil }
            return await RouteProbe(route: one.route, dataCenter: one.dataCenter, tls: tls, limit: limit).run()
        }
        let hasCommunity =
            patient.configuration.routes.communityEnabled && patient.configuration.routes.usesCloudflareDomains
            && patient.configuration.routes.ownDomains.isEmpty && !patient.asksCommunity
        return Self.findings(dataCenters, tries, outcomes, hasOtherDomains: hasCommunity)
    }

    /// - Parameter hasOtherDomains: community domains would be asked by the server, and were not asked here.
    static func findings(
        _ dataCenters: [DataCenter], _ tries: [Try], _ outcomes: [RouteProbe.Outcome?], hasOtherDomains: Bool
    ) -> [Finding] {
        let results = Array(zip(tries, outcomes))
        let verdicts = dataCenters.map { dataCenter in
            let own = results.filter { $0.0.dataCenter == dataCenter }
            // One without a way is missed by few; none with a way serves nobody.
            let without: Level = tries.isEmpty ? .fail : .warn
            return verdict(dataCenter, own, whenWithout: without, hasOtherDomains: hasOtherDomains)
        }
        return verdicts + results.map { finding($0.0, $0.1) }
    }

    private static func verdict(
        _ dataCenter: DataCenter, _ results: [(Try, RouteProbe.Outcome?)], whenWithout: Level, hasOtherDomains: Bool
    ) -> Finding {
        let subject = dataCenter.description
        let tried = results.compactMap { entry in entry.1.map { (entry.0.route, $0) } }
        let good = tried.filter { $0.1.failure == nil }
        if let best = good.min(by: { $0.1.times.total < $1.1.times.total }) {
            let total = best.1.times.total
            return .pass(
                .dataCenter, subject,
                "\(good.count) of \(Figures.count(tried.count, "route")), best \(best.0.name) in \(Figures.time(total))",
                measured: ["routes": Double(tried.count), "good": Double(good.count), "best_ms": total])
        }
        if hasOtherDomains {
            return .trouble(
                .warn, .dataCenter, subject, tried.isEmpty ? "no route of your own" : "no route of your own works",
                because: "Only other people's Cloudflare domains are left, and they were not asked.",
                advice: "ask them too, or make a Worker or domain of your own (docs/routes.md)",
                commands: ["martlet doctor --only dc --community"])
        }
        return .trouble(
            results.isEmpty ? whenWithout : .fail, .dataCenter, subject,
            tried.isEmpty ? "no route" : "no route works",
            because:
                "Clients of this data center cannot be served\(tried.isEmpty ? ": no way there is configured" : "").",
            advice: tried.isEmpty
                ? "give an address (routes.dc_ip, routes.tcp), a Worker or a domain; see docs/routes.md"
                : "look at its routes below; where Telegram is blocked, use a Worker or your own domain (docs/routes.md)",
            measured: ["routes": Double(tried.count), "good": 0])
    }

    private static func finding(_ one: Try, _ outcome: RouteProbe.Outcome?) -> Finding {
        let subject = "\(one.dataCenter) \(one.route.name)"
        guard let outcome else { return .skipped(.route, subject, one.obstacle ?? "not tried") }
        let times = outcome.times
        let parts = [("tcp", times.tcp), ("tls", times.tls), ("upgrade", times.upgrade), ("answer", times.answer)]
        let known = parts.compactMap { name, time in time.map { (name, $0) } }
        let measured = Dictionary(uniqueKeysWithValues: known.map { ("\($0.0)_ms", $0.1) })
        let text = known.map { "\($0.0) \(Figures.time($0.1))" }.joined(separator: ", ")
        guard let failure = outcome.failure else {
            return .pass(.route, subject, "answers in \(Figures.time(times.total)): \(text)", measured: measured)
        }
        let remedy = failure.remedy(one.route)
        return .trouble(
            .warn, .route, subject, failure.words + (text.isEmpty ? "" : " (\(text))"), because: remedy.reason,
            advice: remedy.advice, commands: remedy.commands, measured: measured)
    }

    // MARK: Which

    private static func dataCenters(_ routes: RouteConfiguration) -> [DataCenter] {
        let isTest = routes.forceTest
        let usual: Set<Int> = isTest ? [1, 2, 3] : [1, 2, 3, 4, 5, 203]
        let named =
            isTest
            ? Set(routes.testTCPAddresses.keys).union(routes.testWebSocketAddresses.keys)
            : Set(routes.tcpAddresses.keys).union(routes.webSocketAddresses.keys)
        return usual.union(named).sorted().map { DataCenter(id: $0, isTest: isTest) }
    }

    /// A machine without a route for one family of addresses is no reason for a warning per data center.
    private static func obstacle(to route: Route) -> String? {
        let host: String
        switch route.target {
        case .tcp(let place): host = place.host
        case .webSocket(let endpoint): host = endpoint.dial.host
        case .middleProxy: return "asked apart"
        }
        guard let address = IPAddress(host), address.isIPv6, PublicAddress.localAddress(towards: address) == nil else {
            return nil
        }
        return "this machine has no IPv6 route there"
    }
}
