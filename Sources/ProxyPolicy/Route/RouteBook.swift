package import MTProtoWire

/// Knows every route to every data center and how it fared, and says in which order to try them.
///
/// Pure: time and randomness come in. Times are milliseconds of one clock that never runs backwards. Routes are only
/// ever reordered, never dropped, and no failure is remembered for longer than an hour after its rest.
package struct RouteBook: Sendable {
    var catalog: RouteCatalog
    var ladders: [DataCenter: RouteLadder] = [:]
    /// Answers that concern a Worker or domain as a whole (429, 403); only ailing hosts are in it.
    var hostHealth: [HostID: RouteHealth] = [:]
    var communityDomains: [String] = []
    private var balancer = DomainBalancer()
    private(set) var hostIDs: [String: HostID] = [:]
    private var nextHostNumber = 0

    /// Data centers known at once; Telegram has 6 with and without media and 3 in the test environment. The one that
    /// was not used for the longest time is forgotten first.
    static let maximumDataCenters = 64

    package init(_ configuration: RouteConfiguration) {
        catalog = RouteCatalog(configuration)
        if catalog.usesCommunity { communityDomains = Self.bounded(configuration.communityDomains) }
        numberHosts()
    }

    // MARK: - Questions

    /// The community's list can be used, so that fetching it makes sense.
    package var wantsCommunityList: Bool { catalog.usesCommunity && catalog.configuration.listURL != nil }

    /// The data center that a client's header means; one that nobody knows becomes the default one.
    package func resolve(wire: Int16) -> DataCenter {
        let forceTest = catalog.configuration.forceTest
        if let named = DataCenter(wire: wire, forceTest: forceTest) { return resolve(named) }
        return DataCenter(
            id: catalog.configuration.defaultDataCenter, isMedia: wire < 0,
            // Beyond 10000 a header speaks of the test environment even when the rest of it means nothing.
            isTest: forceTest || wire.magnitude >= 10_000
        )
    }

    func resolve(_ dataCenter: DataCenter) -> DataCenter {
        guard !catalog.isKnown(dataCenter) else { return dataCenter }
        var known = dataCenter
        known.id = catalog.configuration.defaultDataCenter
        return known
    }

    /// All routes for a client of that data center, best first.
    ///
    /// 1. Sound routes of the operator and Telegram: the one that worked last, then direct WebSocket, Workers (in
    ///    random order), own domains (the preferred one, then in random order), direct TCP.
    /// 2. Resting routes of the same, soonest rested first.
    /// 3. Sound community domains: the preferred one, then in random order.
    /// 4. Resting community domains.
    ///
    /// When nothing is left for 1, then 3 goes before 2.
    ///
    /// - Parameter usesMiddleProxies: the client is one who is to have middle proxies: they go before all others.
    package mutating func plan(
        for dataCenter: DataCenter, usesMiddleProxies: Bool = false, now: Int64,
        shuffle: inout some RandomNumberGenerator
    ) -> RoutePlan {
        let dataCenter = resolve(dataCenter)
        let seed = shuffle.next()
        let preferred = balancer.preferredHost(for: dataCenter.id)
        let hosts = hostHealth
        return withLadder(for: dataCenter) { ladder in
            ladder.lastUse = now
            var order = RouteOrder(ladder, hosts: hosts, now: now, usesMiddleProxies: usesMiddleProxies)
            order.shuffle(seed: seed, preferred: preferred)
            return order.plan(for: dataCenter)
        }
    }

    // MARK: - Reports

    /// - Parameter evidence: what the success proves. A session also makes the route the one that is tried first; a
    ///   mere
    ///   connection (a probe, a pooled connection) only heals it from failures to connect.
    package mutating func succeeded(
        _ route: Route, for dataCenter: DataCenter, now: Int64, evidence: RouteEvidence = .session
    ) {
        let dataCenter = resolve(dataCenter)
        let host = withLadder(for: dataCenter) { ladder -> HostID? in
            guard let index = ladder.index(of: route) else { return nil }
            ladder.withHealth(of: index) { health in
                health.succeeded(evidence)
                health.lastSuccess = now
            }
            if evidence == .session, route.kind.canWin { ladder.noteWinner(index, at: now) }
            return ladder.rungs[index].host
        }
        guard let host else { return }
        hostHealth[host] = nil
        if evidence == .session { balancer.succeeded(host, for: dataCenter.id) }
    }

    /// - Returns: how long the route rests from now on, ms; 0 when the book does not have it (any more).
    @discardableResult
    package mutating func failed(
        _ route: Route, for dataCenter: DataCenter, because failure: RouteFailure, now: Int64
    ) -> Int64 {
        let dataCenter = resolve(dataCenter)
        let (host, rest) = withLadder(for: dataCenter) { ladder -> (HostID?, Int64?) in
            guard let index = ladder.index(of: route) else { return (nil, 0) }
            ladder.noteLoser(index)
            let host = ladder.rungs[index].host
            if host != nil, failure.concernsWholeHost { return (host, nil) }
            return (host, ladder.withHealth(of: index) { $0.failed(because: failure, at: now) })
        }
        if let host { balancer.failed(host, for: dataCenter.id) }
        if let rest { return rest }
        guard let host else { return 0 }
        return hostHealth[host, default: RouteHealth()].failed(because: failure, at: now)
    }

    /// Another network, or the machine slept: what failed before says nothing any more. What worked stays first, since
    /// most often it is the same network again.
    package mutating func networkChanged() {
        hostHealth.removeAll()
        for key in ladders.keys { ladders[key]?.forgetFailures() }
    }

    /// Takes a newly fetched list; ignored when the community's domains are not used. Domains that were in the list
    /// before keep their health and preference.
    package mutating func replaceCommunityDomains(_ domains: [String]) {
        guard catalog.usesCommunity else { return }
        communityDomains = Self.bounded(domains)
        numberHosts()
        forgetUnusedHosts()
        let hostIDs = hostIDs
        for key in ladders.keys {
            let entries = catalog.communityRoutes(for: key, domains: communityDomains)
            ladders[key]?.replaceCommunity(entries) { hostIDs[$0] }
        }
    }

    // MARK: - Parts

    /// Lends the ladder of a resolved data center, made when it is not there.
    private mutating func withLadder<Result>(
        for dataCenter: DataCenter, _ body: (inout RouteLadder) -> Result
    ) -> Result {
        if let index = ladders.index(forKey: dataCenter) { return body(&ladders.values[index]) }
        if ladders.count >= Self.maximumDataCenters,
            let oldest = ladders.min(by: { ($0.value.lastUse ?? .min) < ($1.value.lastUse ?? .min) })
        {
            ladders[oldest.key] = nil
        }
        var ladder = RouteLadder(dataCenter, catalog: catalog, communityDomains: communityDomains) { hostIDs[$0] }
        let result = body(&ladder)
        ladders[dataCenter] = ladder
        return result
    }

    /// Gives numbers to new hosts and forgets those of hosts that are gone.
    mutating func numberHosts() {
        var numbered: [String: HostID] = [:]
        for host in catalog.configuration.workers + catalog.configuration.ownDomains + communityDomains {
            guard numbered[host] == nil else { continue }
            if let known = hostIDs[host] {
                numbered[host] = known
            } else {
                numbered[host] = HostID(number: nextHostNumber)
                nextHostNumber += 1
            }
        }
        hostIDs = numbered
    }

    mutating func forgetUnusedHosts() {
        let inUse = Set(hostIDs.values)
        hostHealth = hostHealth.filter { inUse.contains($0.key) }
        balancer.keep { inUse.contains($0) }
    }

    /// Without repetitions, and no more than a list may have.
    static func bounded(_ domains: [String]) -> [String] {
        var seen: Set<String> = []
        return Array(domains.filter { seen.insert($0).inserted }.prefix(CommunityDomainList.maximumNames))
    }
}
