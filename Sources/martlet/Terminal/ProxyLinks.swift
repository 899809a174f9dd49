import MTProtoWire
import ProxyPolicy

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The links that put a client on this proxy.
struct ProxyLink: Sendable, Equatable {
    var name: String
    /// `plain`, `padded` or `faketls`.
    var kind: String
    var server: String
    var port: Int
    /// The secret as the link carries it.
    var secret: String
    /// `tg://proxy?…`, for a device with a client.
    var app: String
    /// `https://t.me/proxy?…`, for everything that opens web pages, phone cameras among them.
    var web: String

    /// Links for every secret, in the order of the configuration.
    ///
    /// - Parameter port: the port that was bound, when the configuration lets the system choose.
    static func all(for configuration: ProxyConfiguration, port: Int? = nil) -> [ProxyLink] {
        let server = configuration.link.server ?? LinkServer.address(forListening: configuration.listen.host)
        let port = configuration.link.port ?? port ?? configuration.listen.port
        return configuration.secrets.map { entry in
            let secret = entry.secret.forLinks
            let links = secret.proxyLink(server: server, port: port)
            return ProxyLink(
                name: entry.name, kind: entry.secret.kindName, server: server, port: port, secret: secret.text,
                app: links.tg, web: links.web
            )
        }
    }

    var json: String {
        JSONText.object([
            ("name", JSONText.string(name)), ("kind", JSONText.string(kind)), ("server", JSONText.string(server)),
            ("port", String(port)), ("secret", JSONText.string(secret)), ("tg", JSONText.string(app)),
            ("web", JSONText.string(web)),
        ])
    }
}

extension ProxySecret {
    /// Links ask clients for padded packets, whose lengths tell an observer less: the proxy takes them for every
    /// plain secret too.
    fileprivate var forLinks: ProxySecret {
        kind == .plain ? ProxySecret(key: key, kind: .padded) : self
    }

    fileprivate var kindName: String {
        switch kind {
        case .plain: "plain"
        case .padded: "padded"
        case .fakeTLS: "faketls"
        }
    }
}

/// The address under which others find this machine.
enum LinkServer {
    /// The listening address itself, or for "every address" the first of this machine that is not loopback.
    static func address(forListening host: IPAddress) -> String {
        guard host.isUnspecified else { return host.description }
        let addresses = interfaceAddresses().filter { !$0.isLoopback && !$0.isLinkLocal }
        let preferred = addresses.first { $0.isIPv4 } ?? (host.isIPv4 ? nil : addresses.first)
        return (preferred ?? IPAddress(v4: 0x7F00_0001)).description
    }

    /// Addresses of the interfaces that are up, in the system's order.
    private static func interfaceAddresses() -> [IPAddress] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        return sequence(first: first, next: { $0?.pointee.ifa_next }).compactMap { entry -> IPAddress? in
            guard let interface = entry?.pointee, let address = interface.ifa_addr,
                interface.ifa_flags & UInt32(IFF_UP) != 0
            else { return nil }
            return IPAddress(socketAddress: address)
        }
    }
}

extension IPAddress {
    /// fe80::/10 and 169.254.0.0/16: good only together with an interface.
    fileprivate var isLinkLocal: Bool {
        if let v4 { return v4 >> 16 == 0xA9FE }
        return high >> 54 == 0x3FA
    }

    fileprivate init?(socketAddress: UnsafeMutablePointer<sockaddr>) {
        let raw = UnsafeRawPointer(socketAddress)
        switch Int32(socketAddress.pointee.sa_family) {
        case AF_INET:
            var address = raw.loadUnaligned(as: sockaddr_in.self).sin_addr
            self.init(bytes: withUnsafeBytes(of: &address) { Array($0) })
        case AF_INET6:
            var address = raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr
            self.init(bytes: withUnsafeBytes(of: &address) { Array($0) })
        default:
            return nil
        }
    }
}
