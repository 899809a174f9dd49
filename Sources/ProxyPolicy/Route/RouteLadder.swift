import MTProtoWire

/// The routes to one data center with their health, in the order of the kinds; made once and kept.
struct RouteLadder: Sendable {
    struct Rung: Sendable {
        let route: Route
        /// The Worker or Cloudflare domain behind it.
        let host: HostID?
        var health = RouteHealth()
    }

    private(set) var rungs: [Rung]
    /// Where the middle proxies stand in `rungs`: nowhere, or first.
    private(set) var middleProxies: Range<Int>
    /// Where the Workers, the own domains and the community's domains stand in `rungs`.
    private(set) var workers: Range<Int>
    private(set) var ownDomains: Range<Int>
    private(set) var community: Range<Int>
    /// The route of the operator's or Telegram's own that worked last, and since when it is the one, ms.
    private var winner: (index: Int, since: Int64)?
    /// When a client last asked for this data center, ms; nil: never.
    var lastUse: Int64?

    /// More than any sensible configuration has; keeps the memory of a mistaken one bounded.
    static let maximumOwnRoutes = 256
    /// How long a winner goes before the order of the kinds, ms. Without an end, one slow answer would move a data
    /// center to a Worker, and to its owner's quota, for ever.
    static let winnerLife: Int64 = 30 * 60_000

    init(
        _ dataCenter: DataCenter, catalog: RouteCatalog, communityDomains: [String], hostID: (String) -> HostID?
    ) {
        rungs = []
        middleProxies = 0..<0
        workers = 0..<0
        ownDomains = 0..<0
        community = 0..<0
        middleProxies = append(catalog.middleProxyRoutes(for: dataCenter), hostID)
        append(catalog.webSocketRoutes(for: dataCenter), hostID)
        workers = append(catalog.workerRoutes(for: dataCenter), hostID)
        ownDomains = append(catalog.ownDomainRoutes(for: dataCenter), hostID)
        append(catalog.tcpRoutes(for: dataCenter), hostID)
        community = rungs.count..<rungs.count
        replaceCommunity(catalog.communityRoutes(for: dataCenter, domains: communityDomains), hostID)
    }

    /// Takes new community routes; those that were there before keep their health.
    mutating func replaceCommunity(_ entries: [RouteCatalog.Entry], _ hostID: (String) -> HostID?) {
        var known: [Route: RouteHealth] = [:]
        for rung in rungs[community] { known[rung.route] = rung.health }
        rungs.removeSubrange(community)
        let start = rungs.count
        for entry in entries.prefix(CommunityDomainList.maximumNames) {
            let host = entry.host.flatMap(hostID)
            rungs.append(Rung(route: entry.route, host: host, health: known[entry.route] ?? RouteHealth()))
        }
        community = start..<rungs.count
    }

    /// Keeps what another ladder to the same data center knows about routes that this one has, too.
    mutating func takeOver(_ old: RouteLadder) {
        let known = Dictionary(old.rungs.map { ($0.route, $0.health) }) { first, _ in first }
        for index in rungs.indices { rungs[index].health = known[rungs[index].route] ?? RouteHealth() }
        lastUse = old.lastUse
        if let (index, since) = old.winner, let place = self.index(of: old.rungs[index].route) {
            winner = (place, since)
        }
    }

    func index(of route: Route) -> Int? { rungs.firstIndex { $0.route == route } }

    /// The route to try first; nil: none is known, or it was first for long enough.
    func winner(at now: Int64) -> Int? {
        guard let winner, now - winner.since < Self.winnerLife else { return nil }
        return winner.index
    }

    mutating func noteWinner(_ index: Int, at now: Int64) {
        if winner(at: now) != index { winner = (index, now) }
    }

    mutating func noteLoser(_ index: Int) {
        if winner?.index == index { winner = nil }
    }

    mutating func withHealth<Result>(of index: Int, _ body: (inout RouteHealth) -> Result) -> Result {
        body(&rungs[index].health)
    }

    mutating func forgetFailures() {
        for index in rungs.indices { rungs[index].health = RouteHealth() }
    }

    @discardableResult
    private mutating func append(_ entries: [RouteCatalog.Entry], _ hostID: (String) -> HostID?) -> Range<Int> {
        let start = rungs.count
        for entry in entries where rungs.count < Self.maximumOwnRoutes && index(of: entry.route) == nil {
            rungs.append(Rung(route: entry.route, host: entry.host.flatMap(hostID)))
        }
        return start..<rungs.count
    }
}
