/// Everything that decides which ways to a data center exist: addresses, domains, switches.
///
/// Keys of the address tables are data center ids (1...5, 203, or what an operator adds), without sign and without
/// the 10000 of the test environment.
package struct RouteConfiguration: Sendable, Equatable {
    /// Where Telegram's WebSocket endpoint is dialled, per production data center. A data center that is not listed
    /// has no direct WebSocket route.
    package var webSocketAddresses: [Int: [SocketTarget]]
    /// The same for the test environment (path `/apiws_test`).
    package var testWebSocketAddresses: [Int: [SocketTarget]]
    /// Plain TCP addresses per production data center, IPv4 and IPv6; also what a Worker is asked to reach.
    package var tcpAddresses: [Int: [SocketTarget]]
    /// The same for the test environment.
    package var testTCPAddresses: [Int: [SocketTarget]]
    /// Treats every client as one of the test environment.
    package var forceTest: Bool
    /// The id used for headers that name no known data center.
    package var defaultDataCenter: Int
    /// Direct WebSocket routes are tried.
    package var usesWebSocket: Bool
    /// Direct TCP routes are tried.
    package var usesTCP: Bool
    /// Cloudflare domains are tried, own and community (`cloudflare.enabled`); Workers do not depend on it.
    package var usesCloudflareDomains: Bool
    /// Middle proxies are tried for the clients who are to have them.
    package var usesMiddleProxies: Bool
    /// Host names of the operator's Cloudflare Workers.
    package var workers: [String]
    /// The operator's own Cloudflare domains; when there is one, the community list is not used at all.
    package var ownDomains: [String]
    /// Other people's Cloudflare domains may be asked, last of all.
    package var communityEnabled: Bool
    /// The community's domains known at the start; replaced at run time when the list was fetched.
    package var communityDomains: [String]
    /// Where the community list is fetched; nil: never.
    package var listURL: String?
    /// The address to dial for a Cloudflare domain or Worker apart from its name. Keys are lower case: a Worker's
    /// host, a base domain, or a full host like `kws2.example.com` (which goes before its base domain).
    package var dialOverrides: [String: SocketTarget]

    package init(
        webSocketAddresses: [Int: [SocketTarget]] = BuiltInAddresses.webSocket,
        testWebSocketAddresses: [Int: [SocketTarget]] = BuiltInAddresses.testWebSocket,
        tcpAddresses: [Int: [SocketTarget]] = BuiltInAddresses.tcp,
        testTCPAddresses: [Int: [SocketTarget]] = BuiltInAddresses.testTCP,
        forceTest: Bool = false,
        defaultDataCenter: Int = 2,
        usesWebSocket: Bool = true,
        usesTCP: Bool = true,
        usesCloudflareDomains: Bool = true,
        usesMiddleProxies: Bool = false,
        workers: [String] = [],
        ownDomains: [String] = [],
        communityEnabled: Bool = true,
        communityDomains: [String] = CommunityDomainList.builtIn,
        listURL: String? = RouteConfiguration.defaultListURL,
        dialOverrides: [String: SocketTarget] = [:]
    ) {
        self.webSocketAddresses = webSocketAddresses
        self.testWebSocketAddresses = testWebSocketAddresses
        self.tcpAddresses = tcpAddresses
        self.testTCPAddresses = testTCPAddresses
        self.forceTest = forceTest
        self.defaultDataCenter = defaultDataCenter
        self.usesWebSocket = usesWebSocket
        self.usesTCP = usesTCP
        self.usesCloudflareDomains = usesCloudflareDomains
        self.usesMiddleProxies = usesMiddleProxies
        self.workers = workers
        self.ownDomains = ownDomains
        self.communityEnabled = communityEnabled
        self.communityDomains = communityDomains
        self.listURL = listURL
        self.dialOverrides = dialOverrides
    }

    /// What a start without any configuration uses.
    package static let defaults = RouteConfiguration()

    /// The community's list of Cloudflare domains, one encoded name per line.
    package static let defaultListURL =
        "https://raw.githubusercontent.com/Flowseal/tg-ws-proxy/main/.github/cfproxy-domains.txt"
}

/// Telegram's addresses as the field's clients and proxies carry them; all on port 443.
///
/// Source: production and test IPv4 as in tg-ws-proxy, IPv6 as in tdlib's list of data centers; WebSocket addresses
/// observed in DNS answers for `kws{n}.web.telegram.org`.
package enum BuiltInAddresses {
    /// Telegram's TLS and MTProto port.
    package static let port = 443

    /// Direct WebSocket, production.
    package static let webSocket: [Int: [SocketTarget]] = table([
        1: ["149.154.174.100"],
        2: ["149.154.167.220"],
        3: ["149.154.174.100"],
        4: ["149.154.167.220"],
        5: ["149.154.170.100"],
    ])

    /// Direct WebSocket, test environment.
    package static let testWebSocket: [Int: [SocketTarget]] = table([
        2: ["149.154.167.220"]
    ])

    /// Plain TCP, production, IPv4 before IPv6. 203 is the data center of media caches and has no known IPv6 address.
    package static let tcp: [Int: [SocketTarget]] = table([
        1: ["149.154.175.50", "2001:b28:f23d:f001::a"],
        2: ["149.154.167.51", "2001:67c:4e8:f002::a"],
        3: ["149.154.175.100", "2001:b28:f23d:f003::a"],
        4: ["149.154.167.91", "2001:67c:4e8:f004::a"],
        5: ["149.154.171.5", "2001:b28:f23f:f005::a"],
        203: ["91.105.192.100"],
    ])

    /// Plain TCP, test environment, IPv4 before IPv6.
    package static let testTCP: [Int: [SocketTarget]] = table([
        1: ["149.154.175.10", "2001:b28:f23d:f001::e"],
        2: ["149.154.167.40", "2001:67c:4e8:f002::e"],
        3: ["149.154.175.117", "2001:b28:f23d:f003::e"],
    ])

    private static func table(_ hosts: [Int: [String]]) -> [Int: [SocketTarget]] {
        hosts.mapValues { $0.map { SocketTarget(host: $0, port: port) } }
    }
}
