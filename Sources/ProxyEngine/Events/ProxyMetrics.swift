import CoreMetrics
package import MTProtoWire
import Metrics
package import ProxyPolicy

/// Every number that the proxy counts, made once, so that counting is an addition without look-up.
///
/// Labels come from closed sets: nothing that a stranger sends ever becomes a label.
package struct ProxyMetrics: Sendable {
    package let connections = Tally(label: "martlet_connections_total")
    package let connectionsActive = Level(label: "martlet_connections_active")
    package let sessionsActive = Level(label: "martlet_sessions_active")
    package let bytesUp = Tally(label: "martlet_client_bytes_total", dimensions: [("direction", "up")])
    package let bytesDown = Tally(label: "martlet_client_bytes_total", dimensions: [("direction", "down")])
    package let maskedBytesUp = Tally(label: "martlet_mask_bytes_total", dimensions: [("direction", "up")])
    package let maskedBytesDown = Tally(label: "martlet_mask_bytes_total", dimensions: [("direction", "down")])
    package let poolHits = Tally(label: "martlet_pool_leases_total", dimensions: [("result", "hit")])
    package let poolMisses = Tally(label: "martlet_pool_leases_total", dimensions: [("result", "miss")])
    package let wrongDataCenter = Tally(label: "martlet_transport_errors_total", dimensions: [("code", "-444")])
    package let retries = Tally(label: "martlet_session_retries_total")
    package let noRoute = Tally(label: "martlet_sessions_without_route_total")
    package let networkChanges = Tally(label: "martlet_network_changes_total")
    package let middleProxyLinks = Level(label: "martlet_middle_proxy_links")
    package let middleProxySkew = Level(label: "martlet_middle_proxy_clock_skew_seconds")
    package let middleProxyOpenings = Tally(label: "martlet_middle_proxy_link_attempts_total")
    package let middleProxySessionsMoved = Tally(
        label: "martlet_middle_proxy_orphans_total", dimensions: [("outcome", "moved")])
    package let middleProxySessionsLost = Tally(
        label: "martlet_middle_proxy_orphans_total", dimensions: [("outcome", "closed")])
    package let middleProxyLetGo = Tally(label: "martlet_middle_proxy_slow_clients_total")
    package let middleProxyRefusedMessages = Tally(label: "martlet_middle_proxy_refused_messages_total")
    package let middleProxyStrayAnswers = Tally(
        label: "martlet_middle_proxy_stray_total", dimensions: [("kind", "answer")])
    package let middleProxyStrayAcks = Tally(
        label: "martlet_middle_proxy_stray_total", dimensions: [("kind", "acknowledgement")])
    package let middleProxyUnknown = Tally(
        label: "martlet_middle_proxy_stray_total", dimensions: [("kind", "unknown-type")])
    package let secretTrials = Tally(label: "martlet_secret_trials_total")
    package let memoryHeld = Level(label: "martlet_session_memory_bytes")
    package let acceptFailures = Tally(label: "martlet_accept_failures_total")
    package let evictions = Tally(label: "martlet_evicted_sessions_total")
    private let refused: [AdmissionLimits.Refusal: Tally]
    private let refusedUsers: [UserRefusal: Tally]
    private let strangers: [StrangerReason: Tally]
    private let sessions: [RouteKind: Tally]
    private let attempts: [RouteKind: Tally]
    private let failures: [RouteKind: Tally]
    private let connectTimes: [RouteKind: Metrics.Timer]
    private let routeBytesUp: [RouteKind: Tally]
    private let routeBytesDown: [RouteKind: Tally]
    private let ends: [CloseReason: Tally]
    private let acceptPauses: [AcceptPause: Tally]
    private let handshakes = Metrics.Timer(label: "martlet_handshake_seconds")

    /// Why nobody is accepted for a while.
    package enum AcceptPause: String, Sendable, CaseIterable {
        /// As many clients are there as may be.
        case full
        /// As many came in this second as may come.
        case rate
    }

    package init() {
        func each<Key: CaseIterable & RawRepresentable & Hashable, Value>(
            _ make: (String) -> Value
        ) -> [Key: Value] where Key.RawValue == String {
            Dictionary(uniqueKeysWithValues: Key.allCases.map { ($0, make($0.rawValue)) })
        }
        refused = each { Tally(label: "martlet_refused_total", dimensions: [("reason", $0)]) }
        refusedUsers = each { Tally(label: "martlet_refused_total", dimensions: [("reason", $0)]) }
        strangers = each { Tally(label: "martlet_strangers_total", dimensions: [("reason", $0)]) }
        sessions = each { Tally(label: "martlet_sessions_total", dimensions: [("route", $0)]) }
        attempts = each { Tally(label: "martlet_route_attempts_total", dimensions: [("route", $0)]) }
        failures = each { Tally(label: "martlet_route_failures_total", dimensions: [("route", $0)]) }
        routeBytesUp = each {
            Tally(label: "martlet_route_bytes_total", dimensions: [("route", $0), ("direction", "up")])
        }
        routeBytesDown = each {
            Tally(label: "martlet_route_bytes_total", dimensions: [("route", $0), ("direction", "down")])
        }
        ends = each { Tally(label: "martlet_sessions_ended_total", dimensions: [("reason", $0)]) }
        acceptPauses = each { Tally(label: "martlet_accept_pauses_total", dimensions: [("reason", $0)]) }
        connectTimes = each { Metrics.Timer(label: "martlet_route_connect_seconds", dimensions: [("route", $0)]) }
    }

    package func refused(_ reason: AdmissionLimits.Refusal) { refused[reason]?.add() }
    package func refused(_ reason: UserRefusal) { refusedUsers[reason]?.add() }
    package func stranger(_ reason: StrangerReason) { strangers[reason]?.add() }
    package func sessionBegan(_ route: RouteKind) { sessions[route]?.add() }
    package func attempted(_ route: RouteKind) { attempts[route]?.add() }
    package func failed(_ route: RouteKind) { failures[route]?.add() }
    package func sessionEnded(_ reason: CloseReason) { ends[reason]?.add() }
    package func acceptPaused(_ reason: AcceptPause) { acceptPauses[reason]?.add() }

    package func moved(_ route: RouteKind, up: Int, down: Int) {
        if up > 0 { routeBytesUp[route]?.add(up) }
        if down > 0 { routeBytesDown[route]?.add(down) }
    }

    /// From accept to a client who is known.
    package func handshakeDone(milliseconds: Int64) { handshakes.recordMilliseconds(milliseconds) }

    package func connected(_ route: RouteKind, milliseconds: Int64) {
        connectTimes[route]?.recordMilliseconds(milliseconds)
    }
}

/// Something that is counted.
package struct Tally: Sendable {
    private let counter: Counter

    fileprivate init(label: String, dimensions: [(String, String)] = []) {
        counter = Counter(label: label, dimensions: dimensions)
    }

    package func add(_ amount: Int = 1) { counter.increment(by: amount) }
}

/// Something that goes up and down.
package struct Level: Sendable {
    private let gauge: Gauge

    fileprivate init(label: String) {
        gauge = Gauge(label: label)
    }

    package func set(_ value: Int) { gauge.record(value) }
}
