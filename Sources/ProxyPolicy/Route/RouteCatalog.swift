import MTProtoWire

/// Makes the routes to a data center out of the configuration: names, paths and addresses, no health.
struct RouteCatalog: Sendable {
    /// A route and the Cloudflare host that it shares with the routes to other data centers.
    struct Entry {
        var route: Route
        var host: String?
    }

    let configuration: RouteConfiguration

    /// Data centers that Telegram has, whatever the address tables say.
    private static let productionIDs: Set<Int> = [1, 2, 3, 4, 5, 203]
    private static let testIDs: Set<Int> = [1, 2, 3]
    /// TLS and WebSocket of Workers and Cloudflare domains.
    private static let port = 443

    init(_ configuration: RouteConfiguration) {
        self.configuration = configuration
    }

    func isKnown(_ dataCenter: DataCenter) -> Bool {
        let id = dataCenter.id
        if dataCenter.isTest {
            return Self.testIDs.contains(id) || configuration.testWebSocketAddresses[id] != nil
                || configuration.testTCPAddresses[id] != nil
        }
        return Self.productionIDs.contains(id) || configuration.webSocketAddresses[id] != nil
            || configuration.tcpAddresses[id] != nil
    }

    var usesOwnDomains: Bool { configuration.usesCloudflareDomains && !configuration.ownDomains.isEmpty }

    /// Own domains replace the community's altogether.
    var usesCommunity: Bool {
        configuration.usesCloudflareDomains && configuration.communityEnabled && configuration.ownDomains.isEmpty
    }

    // MARK: - Kinds, in their order

    /// Middle proxies serve production alone; which of them, Telegram's list says when the time comes.
    func middleProxyRoutes(for dataCenter: DataCenter) -> [Entry] {
        guard configuration.usesMiddleProxies, !dataCenter.isTest else { return [] }
        let route = Route(
            kind: .middleProxy, target: .middleProxy(dataCenter.wireValue), name: "middle-proxy dc \(dataCenter)")
        return [Entry(route: route, host: nil)]
    }

    /// Host names as Telegram's web client uses them: `kws{n}` and `kws{n}-1`, the latter first for media; 203 has
    /// none of its own and is served by those of 2.
    func webSocketRoutes(for dataCenter: DataCenter) -> [Entry] {
        guard configuration.usesWebSocket else { return [] }
        let table = dataCenter.isTest ? configuration.testWebSocketAddresses : configuration.webSocketAddresses
        guard let addresses = table[dataCenter.id] else { return [] }
        let base = dataCenter.id == 203 ? 2 : dataCenter.id
        let names = ["kws\(base).web.telegram.org", "kws\(base)-1.web.telegram.org"]
        let path = dataCenter.isTest ? "/apiws_test" : "/apiws"
        // Names outside, addresses inside: when an address is dead the next try goes to another one.
        return (dataCenter.isMedia ? names.reversed() : names).flatMap { name in
            addresses.map { address in
                let label = addresses.count > 1 ? " at \(address)" : ""
                return Entry(
                    route: Self.webSocket(.webSocket, name, dial: address, path: path, label: name + label),
                    host: nil
                )
            }
        }
    }

    /// A Worker is a raw tunnel to port 443 of an IPv4 address, which the query names.
    func workerRoutes(for dataCenter: DataCenter) -> [Entry] {
        guard !dataCenter.isTest, let destination = workerDestination(for: dataCenter.id) else { return [] }
        return configuration.workers.map { worker in
            let endpoint = WebSocketEndpoint(
                dial: dialTarget(for: worker, domain: worker),
                serverName: worker,
                host: worker,
                path: "/apiws?dst=\(destination)&dc=\(dataCenter.id)",
                sendsPackets: false
            )
            let route = Route(kind: .worker, target: .webSocket(endpoint), name: "worker \(worker)")
            return Entry(route: route, host: worker)
        }
    }

    func ownDomainRoutes(for dataCenter: DataCenter) -> [Entry] {
        guard usesOwnDomains else { return [] }
        return configuration.ownDomains.compactMap { domainRoute(.ownDomain, $0, for: dataCenter) }
    }

    func tcpRoutes(for dataCenter: DataCenter) -> [Entry] {
        guard configuration.usesTCP else { return [] }
        let table = dataCenter.isTest ? configuration.testTCPAddresses : configuration.tcpAddresses
        let addresses = table[dataCenter.id] ?? []
        let inOrder = addresses.filter { $0.address?.isIPv6 != true } + addresses.filter { $0.address?.isIPv6 == true }
        return inOrder.map { Entry(route: Route(kind: .tcp, target: .tcp($0), name: "tcp \($0)"), host: nil) }
    }

    /// The owners of the community's domains make records for Telegram's own data centers.
    func communityRoutes(for dataCenter: DataCenter, domains: [String]) -> [Entry] {
        guard usesCommunity, Self.productionIDs.contains(dataCenter.id) else { return [] }
        return domains.compactMap { domainRoute(.communityDomain, $0, for: dataCenter) }
    }

    // MARK: - Parts

    /// The IPv4 address that Workers are asked to reach; Workers know IPv4 only.
    func workerDestination(for id: Int) -> String? {
        let isIPv4 = { (target: SocketTarget) in target.address?.isIPv4 == true }
        let target =
            configuration.tcpAddresses[id]?.first(where: isIPv4) ?? BuiltInAddresses.tcp[id]?.first(where: isIPv4)
        return target?.host
    }

    /// A domain has one record per data center, `kws{n}`, for media and the rest alike; no test environment.
    private func domainRoute(_ kind: RouteKind, _ domain: String, for dataCenter: DataCenter) -> Entry? {
        guard !dataCenter.isTest else { return nil }
        let name = "kws\(dataCenter.id).\(domain)"
        let dial = dialTarget(for: name, domain: domain)
        return Entry(route: Self.webSocket(kind, name, dial: dial, path: "/apiws", label: name), host: domain)
    }

    private func dialTarget(for host: String, domain: String) -> SocketTarget {
        let overrides = configuration.dialOverrides
        return overrides[host.lowercased()] ?? overrides[domain.lowercased()]
            ?? SocketTarget(host: host, port: Self.port)
    }

    private static func webSocket(
        _ kind: RouteKind, _ host: String, dial: SocketTarget, path: String, label: String
    ) -> Route {
        let endpoint = WebSocketEndpoint(dial: dial, serverName: host, host: host, path: path, sendsPackets: true)
        return Route(kind: kind, target: .webSocket(endpoint), name: "\(kind.rawValue) \(label)")
    }
}
