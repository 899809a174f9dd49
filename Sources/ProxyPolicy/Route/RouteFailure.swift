/// How a try of a route ended badly. What the failure says about the route decides how long it rests.
package enum RouteFailure: Error, Sendable, Hashable {
    /// The part of opening an upstream that did not answer in time.
    package enum Stage: String, Sendable, CaseIterable {
        case tcp, tls, upgrade
    }

    case timedOut(stage: Stage)
    case refused
    case reset
    case unreachable
    case badCertificate
    case badAcceptKey
    /// 301, 302, 303, 307 or 308 in answer to the upgrade request.
    case redirected(Int)
    /// Any other status that is not 101. `retryAfter` in seconds, when the answer named it.
    case status(Int, retryAfter: Int?)
    /// Telegram answered with the transport error -444: the place reached is another data center.
    case wrongDataCenter
    /// Connected, but no byte ever came.
    case silent
    /// Closed by the other side before it sent a byte.
    case closedEarly
    case nameNotFound
    /// Telegram's secret or list of middle proxies is not there (yet), or names none for the data center.
    case noMiddleProxy
    /// A middle proxy closed right after our handshake: our public address in the keys, or our clock, is wrong.
    /// `skew`: its clock minus ours in seconds.
    case middleProxyRefused(skew: Int)
    /// A middle proxy's clock is further from ours than it tolerates; seconds, its minus ours.
    case clockSkew(Int)
    case other(String)

    /// One stable word for logs and metrics; a closed set whatever a server answers.
    package var code: String {
        switch self {
        case .timedOut(let stage): "timeout-\(stage.rawValue)"
        case .refused: "refused"
        case .reset: "reset"
        case .unreachable: "unreachable"
        case .badCertificate: "bad-certificate"
        case .badAcceptKey: "bad-accept-key"
        case .redirected: "redirected"
        case .status(403, _): "http-403"
        case .status(429, _): "http-429"
        case .status(500...599, _): "http-5xx"
        case .status: "http-status"
        case .wrongDataCenter: "wrong-dc"
        case .silent: "silent"
        case .closedEarly: "closed-early"
        case .nameNotFound: "name-not-found"
        case .noMiddleProxy: "no-middle-proxy"
        case .middleProxyRefused: "middle-proxy-refused"
        case .clockSkew: "clock-skew"
        case .other: "other"
        }
    }

    /// True for failures that only a session shows: opening the route again proves nothing about them, so neither a
    /// probe nor a pooled connection heals them.
    package var isSeenOnlyInSession: Bool {
        switch self {
        case .wrongDataCenter, .silent, .closedEarly: true
        case .timedOut, .refused, .reset, .unreachable, .badCertificate, .badAcceptKey, .redirected, .status,
            .nameNotFound, .noMiddleProxy, .middleProxyRefused, .clockSkew, .other:
            false
        }
    }

    /// True when the answer is about the account or host as a whole, not about one data center behind it.
    package var concernsWholeHost: Bool {
        switch self {
        case .status(403, _), .status(429, _): true
        default: false
        }
    }

    /// Rest after the first failure in a row, in milliseconds.
    package var baseCooldown: Int64 {
        switch self {
        // A packet filter that swallows packets rarely stops within seconds, and every further try costs the head
        // start of a client.
        case .timedOut: 30_000
        // A restart or a short outage: the answer comes at once, so asking again is cheap.
        case .refused, .reset, .unreachable: 10_000
        // Configuration of the place reached; people, not seconds, change it.
        case .redirected, .badCertificate, .badAcceptKey: 300_000
        case .status(let status, _): Self.baseCooldown(status: status)
        // The address belongs to another data center; only new addresses help.
        case .wrongDataCenter: 600_000
        case .silent: 60_000
        case .closedEarly: 15_000
        case .nameNotFound: 60_000
        // The list is being fetched: look again soon.
        case .noMiddleProxy: 5_000
        // An address or a clock has to be put right; until then every try costs the middle proxy and us a handshake.
        case .middleProxyRefused, .clockSkew: 60_000
        case .other: 30_000
        }
    }

    private static func baseCooldown(status: Int) -> Int64 {
        switch status {
        case 429: 60_000
        case 500...599: 30_000
        // Forbidden, not found, wrong method: a misconfigured or withdrawn endpoint.
        case 400...499: 300_000
        default: 60_000
        }
    }
}
