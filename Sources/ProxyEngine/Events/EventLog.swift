package import Logging
package import MTProtoWire
package import ProxyPolicy

/// Why a session ended: one stable word for logs and metrics.
package enum CloseReason: String, Sendable, CaseIterable {
    case clientClosed = "client-closed"
    case clientReset = "client-reset"
    case clientFailed = "client-failed"
    case clientProtocol = "client-protocol-error"
    case upstreamClosed = "upstream-closed"
    case upstreamReset = "upstream-reset"
    case upstreamFailed = "upstream-failed"
    case noRoute = "no-route"
    case refused = "refused"
    case idle = "idle"
    case drained = "drained"
    case handshakeTimeout = "handshake-timeout"
    /// The client did not take what it asked for.
    case overloaded = "overloaded"
    /// The user's traffic of the period is used up.
    case quota = "user-quota"
    case userExpired = "user-expired"
    /// The user was removed or disabled, or may not come from there any more.
    case userRevoked = "user-revoked"
    /// Closed to keep within the memory budget.
    case evicted = "evicted"
}

/// What is worth knowing about a session that has ended.
package struct SessionSummary: Sendable {
    package var number: UInt64
    /// Nil for Unix sockets.
    package var address: IPAddress?
    package var userName: String
    package var dataCenter: DataCenter
    package var route: Route?
    package var reason: CloseReason
    package var bytesUp: Int
    package var bytesDown: Int
    package var milliseconds: Int64
}

/// Turns what happens into log lines: static messages with metadata, never a secret, and calm under load.
///
/// Lines about single connections are limited to `linesPerSecond`; what is left out is counted and said.
package struct EventLog: Sendable {
    /// More lines than a person reads; a flood would only bury what matters.
    private static let linesPerSecond = 20

    private struct Budget {
        var second: Int64 = 0
        var used = 0
        var omitted = 0
    }

    private struct Loggers: Sendable {
        let clients, routes, middleProxies, users, server: Logger

        init(_ logger: Logger) {
            func about(_ subsystem: LogSubsystem) -> Logger {
                var logger = logger
                logger[metadataKey: LogSubsystem.metadataKey] = "\(subsystem.rawValue)"
                return logger
            }
            (clients, routes, middleProxies) = (about(.clients), about(.routes), about(.middleProxies))
            (users, server) = (about(.users), about(.server))
        }
    }

    private let loggers: Loggers
    private let budget = Locked(Budget())
    private let reachable = Locked<[DataCenter: RouteKind]>([:])

    package init(logger: Logger) {
        loggers = Loggers(logger)
    }

    // MARK: Sessions

    func sessionEnded(_ summary: SessionSummary) {
        write(loggers.clients, .info, "session ended") {
            [
                "connection": "\(summary.number)", "client": "\(Self.text(summary.address))",
                "user": "\(summary.userName)",
                "dc": "\(summary.dataCenter)", "route": "\(summary.route?.name ?? "none")",
                "reason": "\(summary.reason.rawValue)", "up": "\(summary.bytesUp)", "down": "\(summary.bytesDown)",
                "seconds": "\(Double(summary.milliseconds / 100) / 10)",
            ]
        }
    }

    func stranger(_ number: UInt64, _ reason: StrangerReason, _ address: IPAddress?) {
        write(loggers.clients, .debug, "stranger") {
            ["connection": "\(number)", "client": "\(Self.text(address))", "reason": "\(reason.rawValue)"]
        }
    }

    func userRefused(_ number: UInt64, _ user: String, _ refusal: UserRefusal, _ address: IPAddress) {
        write(loggers.users, .info, "user not let in") {
            ["connection": "\(number)", "user": "\(user)", "client": "\(address)", "reason": "\(refusal.rawValue)"]
        }
    }

    private static func text(_ address: IPAddress?) -> String { address?.description ?? "local" }

    func noRoute(_ number: UInt64, _ dataCenter: DataCenter, _ failures: [(Route, RouteFailure)]) {
        write(loggers.clients, .warning, "no route to the data center") {
            let tried = failures.map { "\($0.0.name): \($0.1.code)" }.joined(separator: ", ")
            return ["connection": "\(number)", "dc": "\(dataCenter)", "tried": "\(tried.isEmpty ? "nothing" : tried)"]
        }
    }

    // MARK: Routes

    func routeFailed(_ route: Route, _ dataCenter: DataCenter, _ failure: RouteFailure, cooldown: Int64) {
        write(loggers.routes, .info, "route failed") {
            [
                "route": "\(route.name)", "dc": "\(dataCenter)", "because": "\(failure.code)",
                "again_in_seconds": "\(cooldown / 1_000)",
            ]
        }
    }

    func poolFailed(_ route: Route, _ dataCenter: DataCenter, _ failure: RouteFailure) {
        write(loggers.routes, .debug, "warm connection not made") {
            ["route": "\(route.name)", "dc": "\(dataCenter)", "because": "\(failure.code)"]
        }
    }

    /// Says which way a data center is reached when that is new.
    func routeWorks(_ route: Route, _ dataCenter: DataCenter) {
        let isNews = reachable.withLock { $0.updateValue(route.kind, forKey: dataCenter) != route.kind }
        guard isNews else { return }
        write(loggers.routes, .info, "data center reached") { ["dc": "\(dataCenter)", "route": "\(route.name)"] }
    }

    func routeHealed(_ route: Route, _ dataCenter: DataCenter) {
        write(loggers.routes, .info, "route works again") { ["route": "\(route.name)", "dc": "\(dataCenter)"] }
    }

    func networkChanged(_ why: String) {
        loggers.server.notice(
            "network changed: warm connections dropped, all routes are tried afresh", metadata: ["why": "\(why)"])
    }

    func maskUnreachable(_ target: SocketTarget, _ failure: RouteFailure) {
        write(loggers.routes, .warning, "mask host cannot be reached") {
            ["target": "\(target)", "because": "\(failure.code)"]
        }
    }

    func communityList(_ count: Int) {
        loggers.routes.info("community domain list read", metadata: ["domains": "\(count)"])
    }

    func communityListFailed(_ why: String) {
        loggers.routes.info("community domain list not read; the last good one stays", metadata: ["because": "\(why)"])
    }

    // MARK: Middle proxies

    func linkEstablished(_ target: MiddleProxyTarget) {
        write(loggers.middleProxies, .debug, "link to a middle proxy stands") {
            ["target": "\(target.host):\(target.port)"]
        }
    }

    func linkFailed(_ target: MiddleProxyTarget, _ failure: RouteFailure) {
        let place = "\(target.host):\(target.port)"
        switch failure {
        case .middleProxyRefused(let skew):
            write(
                loggers.middleProxies, .warning,
                "the middle proxy closed right after the handshake: our public address or our clock is wrong"
            ) {
                [
                    "target": "\(place)", "clock_skew_seconds": "\(skew)",
                    "hint": "behind NAT give middle_proxy.public_address or middle_proxy.nat",
                ]
            }
        case .clockSkew(let skew):
            write(loggers.middleProxies, .warning, "our clock is too far from the middle proxy's: put it right") {
                ["target": "\(place)", "clock_skew_seconds": "\(skew)"]
            }
        default:
            write(loggers.middleProxies, .info, "link to a middle proxy failed") {
                ["target": "\(place)", "because": "\(Self.text(failure))"]
            }
        }
    }

    func linkLost(_ target: MiddleProxyTarget, _ failure: RouteFailure, sessions: Int) {
        write(loggers.middleProxies, .info, "link to a middle proxy lost") {
            [
                "target": "\(target.host):\(target.port)", "because": "\(Self.text(failure))",
                "sessions": "\(sessions)",
            ]
        }
    }

    /// Its code, or what is wrong with a middle proxy's words: an outdated secret is nothing to guess at.
    private static func text(_ failure: RouteFailure) -> String {
        if case .other(let what) = failure { what } else { failure.code }
    }

    func middleProxyLists(targets: Int) {
        loggers.middleProxies.info("lists of middle proxies taken", metadata: ["targets": "\(targets)"])
    }

    func publicAddress(_ address: IPAddress, local: IPAddress) {
        loggers.server.info("public address found", metadata: ["address": "\(address)", "local": "\(local)"])
    }

    func networkLists(blocked: Int, allowed: Int?) {
        loggers.server.info(
            "lists of networks taken",
            metadata: ["blocked_ranges": "\(blocked)", "allowed_ranges": "\(allowed.map(String.init) ?? "all")"])
    }

    // MARK: The process

    func listening(_ place: String, loops: Int, cipher: String) {
        loggers.server.notice("listening", metadata: ["on": "\(place)", "loops": "\(loops)", "cipher": "\(cipher)"])
    }

    func full(limit: Int) {
        write(loggers.server, .warning, "connection limit reached: newcomers wait") { ["limit": "\(limit)"] }
    }

    func acceptingTooFast() {
        write(loggers.server, .warning, "connections come faster than limits.accepts_per_second: newcomers wait") {
            [:]
        }
    }

    func evicted(_ count: Int, budget: Int) {
        write(loggers.server, .warning, "sessions closed to keep within limits.memory") {
            ["sessions": "\(count)", "budget_bytes": "\(budget)"]
        }
    }

    func usersChanged(_ count: Int) {
        loggers.users.info("users changed", metadata: ["users": "\(count)"])
    }

    func draining(_ sessions: Int, milliseconds: Int64) {
        loggers.server.notice(
            "stopping", metadata: ["sessions": "\(sessions)", "drain_seconds": "\(milliseconds / 1_000)"])
    }

    func stopped(cut: Int) {
        loggers.server.notice("stopped", metadata: ["sessions_cut": "\(cut)"])
    }

    func problem(_ what: String, _ why: String) {
        loggers.server.warning("\(what)", metadata: ["because": "\(why)"])
    }

    private func write(
        _ logger: Logger, _ level: Logger.Level, _ message: Logger.Message, _ metadata: () -> Logger.Metadata
    ) {
        guard level >= logger.logLevel else { return }
        let second = DeadlineWheel.now() / 1_000
        let (isAllowed, omitted) = budget.withLock { budget in
            if budget.second != second { budget = Budget(second: second, used: 0, omitted: budget.omitted) }
            guard budget.used < Self.linesPerSecond else {
                budget.omitted += 1
                return (false, 0)
            }
            budget.used += 1
            defer { if budget.used == 1 { budget.omitted = 0 } }
            return (true, budget.used == 1 ? budget.omitted : 0)
        }
        if omitted > 0 { logger.info("lines left out", metadata: ["count": "\(omitted)"]) }
        if isAllowed { logger.log(level: level, message, metadata: metadata()) }
    }
}
