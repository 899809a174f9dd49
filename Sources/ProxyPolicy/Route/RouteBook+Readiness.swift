extension RouteBook {
    /// One line per kind of route, in the order in which they are tried.
    package func readiness() -> [RouteReadiness] {
        RouteKind.allCases.map { kind in
            switch kind {
            case .middleProxy: middleProxyReadiness
            case .webSocket: webSocketReadiness
            case .worker: hostReadiness(.worker, catalog.configuration.workers, unit: "Worker")
            case .ownDomain: ownDomainReadiness
            case .tcp: tcpReadiness
            case .communityDomain: communityReadiness
            }
        }
    }

    private var middleProxyReadiness: RouteReadiness {
        guard catalog.configuration.usesMiddleProxies else { return off(.middleProxy, "off by configuration") }
        guard !catalog.configuration.forceTest else { return off(.middleProxy, Self.notForTest) }
        return RouteReadiness(kind: .middleProxy, isReady: true, detail: "first for users with an ad tag")
    }

    private var webSocketReadiness: RouteReadiness {
        guard catalog.configuration.usesWebSocket else { return off(.webSocket, "off by configuration") }
        return addressReadiness(
            .webSocket, catalog.configuration.webSocketAddresses, test: catalog.configuration.testWebSocketAddresses
        )
    }

    private var tcpReadiness: RouteReadiness {
        guard catalog.configuration.usesTCP else { return off(.tcp, "off by configuration") }
        return addressReadiness(
            .tcp, catalog.configuration.tcpAddresses, test: catalog.configuration.testTCPAddresses
        )
    }

    private var ownDomainReadiness: RouteReadiness {
        guard catalog.configuration.usesCloudflareDomains else { return off(.ownDomain, "off by configuration") }
        return hostReadiness(.ownDomain, catalog.configuration.ownDomains, unit: "domain")
    }

    private var communityReadiness: RouteReadiness {
        let configuration = catalog.configuration
        guard configuration.usesCloudflareDomains, configuration.communityEnabled else {
            return off(.communityDomain, "off by configuration: other people's servers are never asked")
        }
        guard !configuration.forceTest else { return off(.communityDomain, Self.notForTest) }
        guard configuration.ownDomains.isEmpty else {
            return off(.communityDomain, "replaced by your own domains: other people's servers are never asked")
        }
        guard !communityDomains.isEmpty else { return off(.communityDomain, "the list is empty") }
        let count = Self.count(communityDomains.count, "domain")
        return RouteReadiness(
            kind: .communityDomain, isReady: true,
            detail: "\(count) of other people, asked only when everything else has failed or stalled"
        )
    }

    private func addressReadiness(
        _ kind: RouteKind, _ production: [Int: [SocketTarget]], test: [Int: [SocketTarget]]
    ) -> RouteReadiness {
        let isTest = catalog.configuration.forceTest
        let table = isTest ? test : production
        let ids = table.filter { !$0.value.isEmpty }.keys.sorted()
        guard !ids.isEmpty else { return off(kind, "no address is configured") }
        return RouteReadiness(
            kind: kind, isReady: true,
            detail: "\(isTest ? "test " : "")data centers \(ids.map(String.init).joined(separator: ", "))"
        )
    }

    private func hostReadiness(_ kind: RouteKind, _ hosts: [String], unit: String) -> RouteReadiness {
        guard !hosts.isEmpty else { return off(kind, "none configured") }
        guard !catalog.configuration.forceTest else { return off(kind, Self.notForTest) }
        return RouteReadiness(
            kind: kind, isReady: true,
            detail: "\(Self.count(hosts.count, unit)): \(hosts.joined(separator: ", "))"
        )
    }

    private func off(_ kind: RouteKind, _ detail: String) -> RouteReadiness {
        RouteReadiness(kind: kind, isReady: false, detail: detail)
    }

    private static let notForTest = "does not reach the test environment"

    private static func count(_ number: Int, _ unit: String) -> String {
        "\(number) \(unit)\(number == 1 ? "" : "s")"
    }
}
