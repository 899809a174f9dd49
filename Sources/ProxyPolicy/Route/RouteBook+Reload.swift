package import MTProtoWire

extension RouteBook {
    /// Takes another configuration. Routes that are still there keep what is known of them, and so do hosts; all others
    /// are forgotten. A list of community domains that was fetched stays, as long as it is used at all.
    package mutating func reconfigure(_ configuration: RouteConfiguration) {
        guard configuration != catalog.configuration else { return }
        let hadCommunity = catalog.usesCommunity
        catalog = RouteCatalog(configuration)
        if !catalog.usesCommunity {
            communityDomains = []
        } else if !hadCommunity {
            communityDomains = Self.bounded(configuration.communityDomains)
        }
        numberHosts()
        forgetUnusedHosts()
        let hostIDs = hostIDs
        for (dataCenter, old) in ladders {
            guard catalog.isKnown(dataCenter) else {
                ladders[dataCenter] = nil
                continue
            }
            var ladder = RouteLadder(dataCenter, catalog: catalog, communityDomains: communityDomains) { hostIDs[$0] }
            ladder.takeOver(old)
            ladders[dataCenter] = ladder
        }
    }

    /// Whether the route is one of those to the data center.
    package func has(_ route: Route, for dataCenter: DataCenter) -> Bool {
        ladders[resolve(dataCenter)]?.index(of: route) != nil
    }
}
