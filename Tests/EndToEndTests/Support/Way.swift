import MTProtoWire
import NIOCore
import ProxyPolicy
import ProxyTestKit

/// A way to a data center that the kit can play.
enum Way: String, CaseIterable, Sendable {
    case tcp, webSocket, worker, ownDomain

    /// What the proxy calls it.
    var routeKind: RouteKind {
        switch self {
        case .tcp: .tcp
        case .webSocket: .webSocket
        case .worker: .worker
        case .ownDomain: .ownDomain
        }
    }

    /// Whether each WebSocket message has to be one packet.
    var sendsPackets: Bool { self == .webSocket || self == .ownDomain }
}

/// A way with its servers running.
struct OpenWay: Sendable {
    let way: Way
    /// The data center at its end.
    let desk: DataCenterDesk
    /// The TLS WebSocket server on it; nil for TCP.
    let edge: WebSocketEdge?
    private let port: Int
    private let authority: String

    static func open(
        _ way: Way,
        _ behaviour: DataCenterBehaviour = .echo,
        listen: ListenOptions = ListenOptions(),
        in kit: KitScope
    ) async throws -> OpenWay {
        let authority = way == .tcp ? "" : try await CertificateAuthority.shared().certificatePath
        let desk: DataCenterDesk
        var edge: WebSocketEdge?
        let port: Int
        switch way {
        case .tcp:
            let dataCenter = kit.keep(try await FakeDataCenter.start(behaviour, listen: listen))
            (desk, port) = (dataCenter.desk, dataCenter.port)
        case .webSocket:
            let server = kit.keep(try await WebSocketEdge.start(dataCenter: behaviour, listen: listen))
            (desk, edge, port) = (server.dataCenter, server, server.port)
        case .worker:
            let inner = kit.keep(try await FakeDataCenter.start(behaviour, listen: listen))
            let server = kit.keep(try await CloudflareEdge.start(inner: inner, listen: listen))
            (desk, edge, port) = (inner.desk, server.edge, server.port)
        case .ownDomain:
            let server = kit.keep(try await CloudflareEdge.start(dataCenter: behaviour, listen: listen))
            (desk, edge, port) = (server.edge.dataCenter, server.edge, server.port)
        }
        return OpenWay(way: way, desk: desk, edge: edge, port: port, authority: authority)
    }

    /// Makes this the only way that a proxy knows to data center 2.
    func configure(_ configuration: inout ProxyConfiguration) {
        let target = SocketTarget(host: "127.0.0.1", port: port)
        if way != .tcp { configuration.connect.caFile = authority }
        switch way {
        case .tcp:
            configuration.routes.tcpAddresses = [2: [target]]
        case .webSocket:
            configuration.routes.webSocketAddresses = [2: [target]]
        case .worker:
            configuration.routes.workers = ["worker.example"]
            configuration.routes.dialOverrides = ["worker.example": target]
        case .ownDomain:
            configuration.routes.ownDomains = ["cf.example"]
            configuration.routes.dialOverrides = ["cf.example": target]
        }
    }
}

/// Runs a test against a proxy with one way to data center 2, patient enough for a slow machine, which knows the test
/// key in all three forms unless told otherwise.
func withProxy(
    to way: Way,
    _ behaviour: DataCenterBehaviour = .echo,
    listen: ListenOptions = ListenOptions(),
    adapt: (inout ProxyConfiguration) -> Void = { _ in },
    _ body: (RunningProxy, OpenWay) async throws -> Void
) async throws {
    try await withKit { kit in
        let open = try await OpenWay.open(way, behaviour, listen: listen, in: kit)
        try await RunningProxy.with {
            $0.secrets = SecretForm.allCases.map(\.named)
            // A slow machine must not look like a slow client or a bad route.
            $0.handshake.timeoutMilliseconds = 120_000
            $0.connect.headStartMilliseconds = 20_000
            $0.connect.budgetMilliseconds = 60_000
            $0.connect.firstByteTimeoutMilliseconds = 300_000
            open.configure(&$0)
            adapt(&$0)
        } _: { proxy in
            try await body(proxy, open)
        }
    }
}

extension RunningProxy {
    /// Waits for the line that says how the session with this index in the order of their ends went.
    func endOfSession(_ index: Int = 0) async throws -> [String: String] {
        try await eventually(timeout: .seconds(60), "session \(index) in the log") {
            self.log.lines("session ended").count > index
        }
        return log.lines("session ended")[index]
    }

    /// Waits for the first stranger in the log and gives the word for it.
    func firstStranger() async throws -> String {
        try await eventually("a stranger in the log") { !self.log.lines("stranger").isEmpty }
        return log.lines("stranger")[0]["reason"] ?? ""
    }
}

extension ByteStream {
    /// Waits for the other side's end, which must come without another byte, and says what it was.
    func endWithoutAWord(within limit: Duration = .seconds(30)) async throws -> StreamEnding {
        do {
            if let bytes = try await read(within: limit) {
                throw KitError.violation("\(bytes.readableBytes) bytes where silence was due")
            }
        } catch KitError.ended(_) {}
        return ending
    }
}
