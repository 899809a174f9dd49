import MTProtoWire
import ProxyPolicy

extension RouteFailure {
    /// What happened, as the end of a sentence.
    var words: String {
        switch self {
        case .timedOut(.tcp): "no answer to TCP"
        case .timedOut(.tls): "TCP stands, no answer to TLS"
        case .timedOut(.upgrade): "TLS stands, no answer to the upgrade"
        case .refused: "refused"
        case .reset: "reset"
        case .unreachable: "no route to that address"
        case .badCertificate: "its certificate is not valid"
        case .badAcceptKey: "what answers is no WebSocket server"
        case .redirected(let status): "redirected (\(status))"
        case .status(let status, _): "HTTP status \(status)"
        case .wrongDataCenter: "another data center answers (-444)"
        case .silent: "connected, but not a byte came"
        case .closedEarly: "closed before it answered"
        case .nameNotFound: "the name has no address"
        case .noMiddleProxy: "no middle proxy is known"
        case .middleProxyRefused: "closed right after the handshake"
        case .clockSkew(let seconds): "its clock differs by \(Figures.span(seconds: seconds))"
        case .other(let code): code
        }
    }
}

extension ProbeFailure {
    var words: String {
        switch self {
        case .route(let failure): failure.words
        case .transport(.wrongDataCenter): RouteFailure.wrongDataCenter.words
        case .transport(.flood): "Telegram answers: too many connections (-429)"
        case .transport(.unknownKey): "Telegram answers with an error (-404)"
        case .noDataCenter: "something answers that is no data center"
        }
    }

    /// One stable word.
    var code: String {
        switch self {
        case .route(let failure): failure.code
        case .transport(.wrongDataCenter): RouteFailure.wrongDataCenter.code
        case .transport(.flood): "flood"
        case .transport(.unknownKey): "transport-error"
        case .noDataCenter: "no-data-center"
        }
    }

    /// What most likely is behind it, and what to do, for a route of this kind.
    func remedy(_ route: Route) -> Remedy {
        switch self {
        case .transport(.flood):
            Remedy("Telegram limits this address for now.", "wait, and look whether others use this address")
        case .transport, .noDataCenter, .route(.wrongDataCenter):
            Remedy(
                "What stands at that address is not this data center.",
                "correct the address (routes.dc_ip, routes.tcp), or leave it out to use the built-in one")
        case .route(let failure): failure.remedy(route)
        }
    }
}

/// What a failure means and what helps.
struct Remedy: Equatable {
    var reason: String
    var advice: String
    var commands: [String]

    init(_ reason: String, _ advice: String, _ commands: [String] = []) {
        self.reason = reason
        self.advice = advice
        self.commands = commands
    }
}

extension RouteFailure {
    fileprivate func remedy(_ route: Route) -> Remedy {
        switch self {
        case .badCertificate:
            Remedy(
                "Somebody between here and there shows another certificate, or this machine's roots or clock are wrong.",
                "install the roots (ca-certificates), set the clock, look at routes.ca_file",
                ["apt-get install ca-certificates", "timedatectl"])
        case .nameNotFound:
            Remedy(
                "DNS knows no address for it.",
                "correct the name or its record, or give its address with cloudflare.dial",
                route.serverName.map { ["getent ahosts \($0)"] } ?? [])
        case .badAcceptKey, .redirected, .status(300...428, _):
            Remedy(
                "What answers there does not forward to Telegram.",
                route.kind == .webSocket
                    ? "correct the address (routes.dc_ip)"
                    : "look at the Worker or the domain's records and its SSL mode (Flexible); see docs/routes.md")
        case .status(429, _), .status(500...599, _):
            Remedy("The server has had enough, or is broken for now.", "wait and run this again")
        case .refused, .reset, .closedEarly:
            Remedy(
                "Nobody serves there, or somebody between here and there breaks the connection.",
                "look at the address; where Telegram is blocked, use a Worker or your own domain (docs/routes.md)",
                route.tryIt)
        case .timedOut, .silent, .unreachable:
            Remedy(
                "Packets get lost on the way: most often a firewall or a provider that blocks Telegram.",
                "let connections out to it; where Telegram is blocked, use a Worker or your own domain (docs/routes.md)",
                route.tryIt)
        default:
            Remedy(
                "The connection could not be made.", "look at the address and at this machine's network", route.tryIt)
        }
    }
}

extension Route {
    fileprivate var serverName: String? {
        if case .webSocket(let endpoint) = target { endpoint.serverName } else { nil }
    }

    /// A command that shows the same trouble without Martlet.
    fileprivate var tryIt: [String] {
        switch target {
        case .tcp(let place): ["nc -vz \(place.host) \(place.port)"]
        case .webSocket(let endpoint):
            [
                "openssl s_client -connect \(endpoint.dial) -servername \(endpoint.serverName) </dev/null"
            ]
        case .middleProxy: []
        }
    }
}
