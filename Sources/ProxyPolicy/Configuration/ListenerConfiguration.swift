package import MTProtoWire

/// Where one listening socket is bound.
package enum ListenPlace: Hashable, Sendable {
    /// Port 0 lets the system choose.
    case tcp(IPAddress, port: Int)
    /// A Unix socket; `mode` are its permission bits (0o600 and the like).
    case unix(path: String, mode: UInt16)
}

extension ListenPlace: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tcp(let host, let port): host.isIPv4 ? "\(host):\(port)" : "[\(host)]:\(port)"
        case .unix(let path, _): "unix:\(path)"
        }
    }
}

/// One place where clients connect, with its own rules.
package struct ListenerConfiguration: Sendable, Equatable {
    package var place: ListenPlace
    package var transports = ClientTransports.standard
    /// Whether every connection starts with a PROXY protocol header.
    package var proxyProtocol = false
    /// Who may send that header; a connection from elsewhere is a stranger's. Does not concern Unix sockets.
    package var trustedSources: [Network] = Network.loopback
    /// The data center of clients whose transport does not name one; nil: the routes' default.
    package var defaultDataCenter: Int?
    package var socket = ClientSocketOptions()

    package init(place: ListenPlace) {
        self.place = place
    }
}

/// Options of accepted TCP sockets; nil leaves the system's value.
package struct ClientSocketOptions: Sendable, Equatable {
    /// TCP_WINDOW_CLAMP, bytes.
    package var windowClampBytes: Int?
    /// Silence after which the kernel asks whether the peer is still there, s; three probes 10 s apart follow.
    package var keepAliveSeconds = 30
    /// TCP_USER_TIMEOUT: how long sent bytes may stay unacknowledged, ms.
    package var userTimeoutMilliseconds: Int?

    package init() {}
}
