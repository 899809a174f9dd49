/// What stands behind the upgrade request of a WebSocket edge.
enum EdgeService: Sendable, Equatable {
    /// A data center, one packet per message.
    case dataCenter
    /// A raw tunnel to a TCP port on this machine.
    case tunnel(port: Int)
    /// An ordinary HTTP answer.
    case refusal(Int, [HTTPField], String)
}

/// A WebSocket server over TLS that plays Telegram's web edge: /apiws and /apiws_test, with a data center behind.
///
/// It is strict: whatever a client does against RFC 6455 or against Telegram's habits becomes a violation, and
/// ``withKit(_:)`` fails the test for it.
package final class WebSocketEdge: KitServer {
    /// Telegram's names.
    package static let telegramNames = ["*.web.telegram.org"]

    /// Behaviour and sessions of the data center behind the edge.
    package let dataCenter: DataCenterDesk
    /// The address that it listens on.
    package let host: String
    /// The port that it listens on.
    package var port: Int { listener.port }

    private let desk: EdgeDesk
    private let listener: StreamListener

    init(
        desk: EdgeDesk,
        dataCenter: DataCenterDesk,
        listen: ListenOptions,
        service: @escaping @Sendable (HTTPRequest) -> EdgeService
    ) async throws {
        self.desk = desk
        self.dataCenter = dataCenter
        host = listen.host
        listener = try await StreamListener.start(listen) { stream in
            let talk = EdgeTalk(
                stream: stream,
                connection: EdgeConnection(stream: stream),
                desk: desk,
                dataCenter: dataCenter,
                service: service
            )
            await talk.run()
        }
    }

    /// Starts one.
    /// - Parameters:
    ///   - certificate: for Telegram's names unless told otherwise.
    ///   - checksMessages: whether each WebSocket message must be exactly one packet, the header alone being the first.
    package static func start(
        _ behaviour: EdgeBehaviour = .serve(),
        dataCenter: DataCenterBehaviour = .echo,
        certificate: EdgeCertificate = .issued(WebSocketEdge.telegramNames),
        checksMessages: Bool = true,
        listen: ListenOptions = ListenOptions()
    ) async throws -> WebSocketEdge {
        let desk = EdgeDesk(behaviour)
        try await desk.setCertificate(certificate)
        let inner = DataCenterDesk(dataCenter)
        inner.setChecksMessages(checksMessages)
        return try await WebSocketEdge(
            desk: desk,
            dataCenter: inner,
            listen: listen
        ) { request in
            guard ["/apiws", "/apiws_test"].contains(request.target) else { return .refusal(404, [], "Not found") }
            return .dataCenter
        }
    }

    // MARK: Orders

    /// What every later connection meets, unless something else is queued or set for its host.
    package func setBehaviour(_ behaviour: EdgeBehaviour) {
        desk.setBehaviour(behaviour)
    }

    /// What connections to this name meet from the ClientHello on; nil takes the rule away.
    package func setBehaviour(_ behaviour: EdgeBehaviour?, forHost host: String) {
        desk.setBehaviour(behaviour, forHost: host)
    }

    /// What the next connections meet, one each.
    package func enqueue(_ behaviours: EdgeBehaviour...) {
        desk.enqueue(behaviours)
    }

    /// How messages go into frames from the next connection on.
    package func setStyle(_ style: EdgeOutputStyle) {
        desk.setStyle(style)
    }

    /// The certificate shown from the next connection on.
    package func setCertificate(_ certificate: EdgeCertificate) async throws {
        try await desk.setCertificate(certificate)
    }

    /// Sends a ping on every upgraded connection that is open.
    package func pingAll() async throws {
        for connection in openConnections { try await connection.ping() }
    }

    // MARK: Facts

    /// All connections, in the order of their arrival.
    package var connections: [EdgeConnection] { desk.connections }
    /// Upgraded connections that are not over.
    package var openConnections: [EdgeConnection] {
        desk.connections.filter { $0.facts.isUpgraded && !$0.facts.isOver }
    }
    /// The facts of all connections.
    package var facts: [EdgeFacts] { desk.connections.map { $0.facts } }
    /// TCP connections so far.
    package var connectionCount: Int { desk.connections.count }
    /// Connections that were answered 101 so far.
    package var upgradeCount: Int { facts.count { $0.isUpgraded } }
    /// Correct pongs so far, over all connections.
    package var pongCount: Int { facts.reduce(0) { $0 + $1.pongsReceived } }
    /// The facts of every session that reached the data center behind.
    package var sessions: [SessionFacts] { dataCenter.facts }
    package var violations: [String] { desk.violations + dataCenter.violations }

    package func stop() async {
        await listener.stop()
    }
}
