import MTProtoWire
import ProxyPolicy

/// A route that is open: what a session is relayed over.
enum OpenRoute {
    /// A connection of the session's own.
    case stream(Upstream)
    /// A link that the session shares with others.
    case link(MiddleProxyLink)

    /// Whether it stood before anybody asked for it: its failure says nothing about opening the route.
    var wasWarm: Bool {
        switch self {
        case .stream(let upstream): upstream.wasWarm
        case .link(let link): link.wasUsed
        }
    }

    /// Nobody needs it now: it is kept for the next client, where it may be.
    func putAside(for dataCenter: DataCenter, _ loop: LoopContext) {
        switch self {
        case .stream(let upstream): loop.pool.adopt(upstream, for: dataCenter)
        case .link(let link): link.giveBack()
        }
    }
}

/// One try at one route; reports exactly once.
protocol RouteAttempt: AnyObject {
    typealias Completion = (Result<OpenRoute, RouteFailure>) -> Void

    var route: Route { get }
    /// Milliseconds of the loop's clock.
    var began: Int64 { get }
    var stage: RouteFailure.Stage { get }

    func start(_ completion: @escaping Completion)
}

enum RouteAttempts {
    /// - Parameter wire: the number in the client's header, for the list of middle proxies; nil: the route's own.
    static func make(_ route: Route, wire: Int16? = nil, loop: LoopContext) -> any RouteAttempt {
        if case .middleProxy(let dataCenter) = route.target {
            return MiddleProxyAttempt(route: route, wire: wire ?? dataCenter, loop: loop)
        }
        return UpstreamAttempt(route: route, loop: loop)
    }
}
