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
    /// Of the secret, or of the user whose it is.
    var name: String
    /// Which of the user's secrets; nil when there is one.
    var number: Int?
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

    /// Links for every secret and every user who is let in, in the order of the configuration. There are none when no
    /// port is known: the only listeners are Unix sockets, or the system chooses.
    ///
    /// - Parameters:
    ///   - names: secrets and users to choose; nil is all.
    ///   - port: the port that was bound, when the configuration lets the system choose.
    static func all(for configuration: ProxyConfiguration, names: Set<String>? = nil, port: Int? = nil) -> [ProxyLink] {
        let secrets = configuration.secrets.map { (name: $0.name, number: Int?.none, secret: $0.secret) }
        let users = configuration.users.filter { names != nil || $0.isEnabled }
        let userSecrets = users.flatMap { user in
            user.secrets.enumerated().map { (user.name, user.secrets.count > 1 ? $0 + 1 : nil, $1) }
        }
        return (secrets + userSecrets).filter { names?.contains($0.name) ?? true }.compactMap { name, number, secret in
            let door = LinkDoor(for: secret, configuration, port: port)
            guard door.port != 0 else { return nil }
            let shown = door.form(of: secret)
            let links = shown.proxyLink(server: door.server, port: door.port)
            return ProxyLink(
                name: name, number: number, kind: secret.kindName, server: door.server, port: door.port,
                secret: shown.text, app: links.tg, web: links.web
            )
        }
    }

    /// What people call it: `"alice"`, `"alice", secret 2`.
    var title: String { quoted(name) + (number.map { ", secret \($0)" } ?? "") }

    var json: String {
        JSONText.object([
            ("name", JSONText.string(name)), ("kind", JSONText.string(kind)), ("server", JSONText.string(server)),
            ("port", String(port)), ("secret", JSONText.string(secret)), ("tg", JSONText.string(app)),
            ("web", JSONText.string(web)),
        ])
    }
}

/// Where a secret's link leads.
private struct LinkDoor {
    let server: String
    /// 0 when it is not known.
    let port: Int
    private let transports: ClientTransports

    /// The first listener that takes the secret.
    init(for secret: ProxySecret, _ configuration: ProxyConfiguration, port: Int?) {
        let wanted: ClientTransports = secret.isFakeTLS ? .fakeTLS : [.padded, .obfuscated2]
        let doors = configuration.placesWithTransports.compactMap { place, transports in
            if case .tcp(let host, let port) = place { (host: host, port: port, transports: transports) } else { nil }
        }
        let door = doors.first { !$0.transports.isDisjoint(with: wanted) } ?? doors.first
        let host = door?.host ?? IPAddress(v4: 0)
        let bound = door.map { $0.port == 0 ? port ?? 0 : $0.port }
        server = configuration.link.server ?? LinkServer.address(forListening: host)
        self.port = configuration.link.port ?? bound ?? 0
        transports = door?.transports ?? .standard
    }

    /// Links ask clients for padded packets, whose lengths tell an observer less: the proxy takes them for every
    /// plain secret too, unless the listener takes none.
    func form(of secret: ProxySecret) -> ProxySecret {
        secret.kind == .plain && transports.contains(.padded) ? ProxySecret(key: secret.key, kind: .padded) : secret
    }
}

extension ProxySecret {
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
