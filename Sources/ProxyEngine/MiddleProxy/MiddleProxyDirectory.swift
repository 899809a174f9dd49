package import MTProtoWire
package import ProxyPolicy

/// What is needed to use middle proxies: Telegram's secret and its lists. Immutable; replaced as a whole.
package struct MiddleProxyDirectory: Sendable, Equatable {
    package var secret: MiddleProxySecret
    package var list: MiddleProxyList?
    package var listV6: MiddleProxyList?

    package init(secret: MiddleProxySecret, list: MiddleProxyList?, listV6: MiddleProxyList?) {
        self.secret = secret
        self.list = list
        self.listV6 = listV6
    }

    /// The middle proxies for a client's number, each once: exactly that number's, else those of the default.
    func targets(for wire: Int16) -> [MiddleProxyTarget] {
        var targets = list?.targets(for: wire) ?? []
        for target in listV6?.targets(for: wire) ?? [] where !targets.contains(target) { targets.append(target) }
        return targets
    }

    /// Every target of every data center.
    var allTargets: Set<MiddleProxyTarget> {
        Set([list, listV6].compactMap { $0 }.flatMap { $0.clusters.values.flatMap { $0 } })
    }
}

/// What the middle proxies see as our address, and what we know of it.
package struct OwnAddresses: Sendable {
    private var configuration: MiddleProxyConfiguration
    /// Learned from address services, by the local address that asked.
    private var learned: [IPAddress: IPAddress] = [:]

    package init(_ configuration: MiddleProxyConfiguration) {
        self.configuration = configuration
    }

    /// Takes other rules; what was learned stays.
    mutating func reconfigure(_ configuration: MiddleProxyConfiguration) {
        self.configuration = configuration
    }

    /// What a peer sees where our socket says `local`; nil: not known, and `local` is certainly not it.
    package func global(of local: IPAddress, towards peer: IPAddress) -> IPAddress? {
        if let rule = configuration.natRules.first(where: { $0.local == local }) { return rule.global }
        // A peer in our own network sees us as we are.
        if !peer.isGlobal { return local }
        let configured = local.isIPv4 ? configuration.publicAddress : configuration.publicAddressV6
        if let configured { return configured }
        return local.isGlobal ? local : learned[local]
    }

    /// The same for the address that a client connected to, of which nothing depends.
    func announced(of local: IPAddress) -> IPAddress {
        global(of: local, towards: IPAddress(v4: 0x0101_0101)) ?? local
    }

    mutating func learn(_ global: IPAddress, of local: IPAddress) { learned[local] = global }
}
