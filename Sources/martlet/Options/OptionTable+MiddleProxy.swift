import MTProtoWire
import ProxyPolicy

/// Telegram's middle proxies, which put the sponsored channel of an ad tag before a proxy's users.
enum MiddleProxyOptions: OptionSection {
    static let title = "Ad tag and middle proxies"

    static let options: [OptionDefinition] = use + sources + addresses + links

    private static let use: [OptionDefinition] = [
        .value(
            "middle_proxy.use", flag: "middle-proxy", \.configuration.middleProxy.use, .word(placeholder: "USE"),
            "Who is served over Telegram's middle proxies: tagged means users with an ad tag, their own or the general"
                + " one; or always, or never.",
            example: "always"
        ),
        .value(
            "middle_proxy.ad_tag", flag: "ad-tag", \.configuration.middleProxy.adTag, .adTag, absence: "none",
            "Ad tag from @MTProxybot, 32 hex digits, for users without one of their own; its channel is shown to them.",
            example: "3f40462915a3e6026a4d790127b95ded"
        ),
        .value(
            "middle_proxy.family", flag: "middle-proxy-family", \.configuration.middleProxy.family,
            .word(placeholder: "FAMILY"),
            "Over which IP version middle proxies are reached: ipv4, ipv6 or both.", example: "both"
        ),
    ]

    private static let sources: [OptionDefinition] = [
        .value(
            "middle_proxy.secret_file", flag: "middle-proxy-secret-file", \.configuration.middleProxy.secretFile,
            .path, absence: nil, "File with Telegram's secret for proxies, instead of fetching it.",
            example: "/etc/martlet/proxy-secret"
        ),
        .value(
            "middle_proxy.config_file", flag: "middle-proxy-config-file", \.configuration.middleProxy.configFile,
            .path, absence: nil, "File with Telegram's list of middle proxies for IPv4, instead of fetching it.",
            example: "/etc/martlet/proxy-multi.conf"
        ),
        .value(
            "middle_proxy.config_v6_file", flag: "middle-proxy-config-v6-file",
            \.configuration.middleProxy.configFileV6, .path, absence: nil, "The same for IPv6.",
            example: "/etc/martlet/proxy-multi-v6.conf"
        ),
        .value(
            "middle_proxy.secret_url", flag: "middle-proxy-secret-url", \.configuration.middleProxy.secretURL, .url,
            "Where Telegram's secret for proxies is fetched.", example: "https://example.com/getProxySecret"
        ),
        .value(
            "middle_proxy.config_url", flag: "middle-proxy-config-url", \.configuration.middleProxy.configURL, .url,
            "Where the list of middle proxies for IPv4 is fetched.", example: "https://example.com/getProxyConfig"
        ),
        .value(
            "middle_proxy.config_v6_url", flag: "middle-proxy-config-v6-url",
            \.configuration.middleProxy.configURLV6, .url, "The same for IPv6.",
            example: "https://example.com/getProxyConfigV6"
        ),
        .value(
            "middle_proxy.refresh", flag: "middle-proxy-refresh", \.configuration.middleProxy.refreshSeconds,
            .seconds(60...604_800), "How often the secret and the lists are fetched, or their files read, again.",
            example: "6h"
        ),
    ]

    private static let addresses: [OptionDefinition] = [
        .value(
            "middle_proxy.public_address", flag: "public-address", \.configuration.middleProxy.publicAddress,
            .address(of: .v4), absence: nil,
            "IPv4 address under which middle proxies see this machine, where that differs from its own.",
            example: "203.0.113.5"
        ),
        .value(
            "middle_proxy.public_address_v6", flag: "public-address-v6", \.configuration.middleProxy.publicAddressV6,
            .address(of: .v6), absence: nil, "The same for IPv6.", example: "2001:db8::5"
        ),
        .list(
            "middle_proxy.nat", flag: "nat-info", .natRule,
            "What one address of this machine becomes on its way out; goes before the public address.",
            example: ["10.0.0.5:203.0.113.5", "[fd00::5]:[2001:db8::5]"],
            load: { $0.configuration.middleProxy.natRules },
            store: { $1.configuration.middleProxy.natRules = $0 ?? [] }
        ),
        .list(
            "middle_proxy.address_services", flag: "address-service", .url,
            "Page that answers with the caller's address, asked when this machine has a private one and nothing"
                + " else says what it becomes; given at all, it replaces the whole list. `none` asks nobody.",
            example: ["https://api.ipify.org", "https://ident.me"], emptyWord: "none",
            load: { $0.configuration.middleProxy.addressServices },
            store: { $1.configuration.middleProxy.addressServices = $0 ?? [] }
        ),
    ]

    private static let links: [OptionDefinition] = [
        .value(
            "middle_proxy.dh_prime", flag: "dh-prime", \.configuration.middleProxy.diffieHellmanPrime,
            .diffieHellmanPrime, absence: "none",
            "Prime of 2048 bits, 512 hex digits, with which links to middle proxies agree on keys by Diffie-Hellman;"
                + " without it their keys come from Telegram's secret alone.",
            example: examplePrime
        ),
        .value(
            "middle_proxy.links_per_target", flag: "links-per-target", \.configuration.middleProxy.linksPerTarget,
            .integer(1...1_024, placeholder: "COUNT"),
            "Connections to one middle proxy from one event loop at most; clients share them.", example: "4"
        ),
        .value(
            "middle_proxy.client_queue", flag: "client-queue", \.configuration.middleProxy.clientQueueBytes,
            .byteCount(64 << 10...1 << 30),
            "What may wait in memory for one client that does not read; beyond it the client is let go.",
            example: "8 MiB"
        ),
    ]

    /// A safe prime that everybody may know: the one of Telegram's clients.
    private static let examplePrime = """
        c71caeb9c6b1c9048e6c522f70f13f73980d40238e3e21c14934d037563d930f48198a0aa7c14058229493d22530f4dbfa336f6e0ac925\
        139543aed44cce7c3720fd51f69458705ac68cd4fe6b6b13abdc9746512969328454f18faf8c595f642477fe96bb2a941d5bcd1d4ac8cc\
        49880708fa9b378e3c4f3a9060bee67cf9a4a4a695811051907e162753b56b0f6b410dba74d8a84b2a14b3144e0ef1284754fd17ed950d\
        5965b4b9dd46582db1178d169c6bc465b0d6ff9ca3928fef5b9ae4e418fc15e83ebea0f87fa9ff5eed70050ded2849f47bf959d956850c\
        e929851f0d8115f635b105ee2e4e15d04b2454bf6f4fadf034b10403119cd8e3b92fcc5b
        """
}
