package import MTProtoWire

/// Everything about Telegram's middle proxies.
package struct MiddleProxyConfiguration: Sendable, Equatable {
    /// Who is served over middle proxies.
    package enum Use: String, Sendable, Equatable, CaseIterable {
        /// Users with an ad tag, their own or the general one.
        case tagged
        case always
        case never
    }

    package enum Family: String, Sendable, Equatable, CaseIterable {
        case ipv4, ipv6, both
    }

    /// Our address on one side of a NAT and on the other.
    package struct NATRule: Sendable, Equatable {
        package var local: IPAddress
        package var global: IPAddress

        package init(local: IPAddress, global: IPAddress) {
            self.local = local
            self.global = global
        }
    }

    package var use = Use.tagged
    /// The tag of users who have none of their own.
    package var adTag: AdTag?
    package var family = Family.ipv4
    /// Files that replace fetching; absolute paths.
    package var secretFile: String?
    package var configFile: String?
    package var configFileV6: String?
    package var secretURL = "https://core.telegram.org/getProxySecret"
    package var configURL = "https://core.telegram.org/getProxyConfig"
    package var configURLV6 = "https://core.telegram.org/getProxyConfigV6"
    /// How often files are read again and lists fetched.
    package var refreshSeconds: Int64 = 3_600
    /// The address that middle proxies see, where it differs from that of our socket and is always the same.
    package var publicAddress: IPAddress?
    package var publicAddressV6: IPAddress?
    /// Goes before ``publicAddress`` for the local addresses that it names.
    package var natRules: [NATRule] = []
    /// Pages that answer with the caller's address as text; asked when our socket's address is a private one and
    /// nothing above says what it becomes. Empty: nobody is asked.
    package var addressServices = [
        "https://api.ipify.org", "https://ident.me", "https://ifconfig.me/ip", "https://icanhazip.com",
    ]
    /// Makes links with Diffie-Hellman (schema 3) in the group of this prime, big endian; nil: plain AES (schema 1).
    package var diffieHellmanPrime: [UInt8]?
    /// What a link's opening may take, from the first packet to the last of the handshake. Telegram's own proxy allows
    /// 3 s for TCP and 3 s for the rest.
    package var openingMilliseconds: Int64 = 5_000
    /// Links to one target from one event loop at most.
    package var linksPerTarget = 8
    /// What may wait in memory for one client that does not read, bytes; beyond it the client is let go.
    package var clientQueueBytes = 4 << 20

    package init() {}
}
