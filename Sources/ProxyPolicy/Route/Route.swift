/// The ways to a data center, in the order in which they are tried.
package enum RouteKind: String, Sendable, CaseIterable {
    /// Telegram's middle proxies: for users with an ad tag, and for them alone unless configured otherwise.
    case middleProxy = "middle-proxy"
    /// Telegram's own WebSocket endpoint, dialled by address.
    case webSocket = "websocket"
    /// The operator's Cloudflare Worker: a raw tunnel to a data center's address.
    case worker = "worker"
    /// The operator's own domain on Cloudflare, which forwards to Telegram's WebSocket endpoint.
    case ownDomain = "cf-domain"
    /// Plain TCP to a data center.
    case tcp = "tcp"
    /// Somebody else's domain on Cloudflare: asked last.
    case communityDomain = "cf-community"

    /// Run by people who are neither the operator nor Telegram.
    package var isCommunity: Bool { self == .communityDomain }

    /// Goes first for a while once it has served somebody. Others' servers never do, and middle proxies have a place
    /// of their own.
    package var canWin: Bool {
        switch self {
        case .webSocket, .worker, .ownDomain, .tcp: true
        case .middleProxy, .communityDomain: false
        }
    }

    /// May be tried in the background to see whether it works again. Workers cost their owner's daily quota, and
    /// community domains belong to others: both are only ever asked for a client.
    package var isProbed: Bool {
        switch self {
        case .middleProxy, .webSocket, .ownDomain, .tcp: true
        case .worker, .communityDomain: false
        }
    }
}

/// A TLS WebSocket upstream: direct, Worker and Cloudflare domain differ only in these values.
package struct WebSocketEndpoint: Hashable, Sendable {
    /// Where the TCP connection goes.
    package var dial: SocketTarget
    /// TLS server name, and the name that the certificate must carry.
    package var serverName: String
    /// The `Host` header.
    package var host: String
    /// Path and query of the upgrade request.
    package var path: String
    /// True: one MTProto packet per message, which is what Telegram's endpoint expects. False: a raw stream in
    /// messages of any size (a Worker).
    package var sendsPackets: Bool

    package init(dial: SocketTarget, serverName: String, host: String, path: String, sendsPackets: Bool) {
        self.dial = dial
        self.serverName = serverName
        self.host = host
        self.path = path
        self.sendsPackets = sendsPackets
    }
}

/// What a connector needs to know.
package enum RouteTarget: Hashable, Sendable {
    case webSocket(WebSocketEndpoint)
    case tcp(SocketTarget)
    /// One of the middle proxies that Telegram's list names for this number of a client's header.
    case middleProxy(Int16)
}

/// One way to a data center. Immutable; copies share storage and the hash is computed once, since a plan with all
/// routes is made for every client.
package struct Route: Hashable, Sendable, CustomStringConvertible {
    private let storage: Storage

    package init(kind: RouteKind, target: RouteTarget, name: String) {
        storage = Storage(kind: kind, target: target, name: name)
    }

    package var kind: RouteKind { storage.kind }
    package var target: RouteTarget { storage.target }
    /// Short text for logs, for example `websocket kws2.web.telegram.org`.
    package var name: String { storage.name }
    package var description: String { name }

    package static func == (left: Route, right: Route) -> Bool {
        if left.storage === right.storage { return true }
        return left.storage.hash == right.storage.hash && left.kind == right.kind && left.target == right.target
            && left.name == right.name
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(storage.hash)
    }

    private final class Storage: Sendable {
        let kind: RouteKind
        let target: RouteTarget
        let name: String
        let hash: Int

        init(kind: RouteKind, target: RouteTarget, name: String) {
            self.kind = kind
            self.target = target
            self.name = name
            var hasher = Hasher()
            hasher.combine(kind)
            hasher.combine(target)
            hasher.combine(name)
            hash = hasher.finalize()
        }
    }
}
