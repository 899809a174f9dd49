import Synchronization

/// What a WebSocket edge knows about one connection.
package struct EdgeFacts: Sendable, Equatable {
    /// SNI of the ClientHello.
    package var serverName: String?
    /// Whether the TLS handshake was completed, which a client that refuses the certificate does not do.
    package var isSecured = false
    /// The upgrade request with its headers in order.
    package var request: HTTPRequest?
    /// Status answered.
    package var status: Int?
    /// Messages received, and how many of them came in several frames.
    package var messages = 0
    package var fragmentedMessages = 0
    /// Pings sent, and pongs that came back with the right content.
    package var pingsSent = 0
    package var pongsReceived = 0
    /// Status code of the client's close frame; 1005 when it had none.
    package var closeCode: Int?
    /// Whether the connection is over.
    package var isOver = false
    /// How the client ended it.
    package var ending = StreamEnding.open
    /// What went wrong, such as a failed handshake.
    package var failure: String?

    /// The Host header.
    package var host: String { request?["Host"] ?? "" }
    /// Header names in the order of the wire.
    package var headerNames: [String] { request?.fields.map(\.name) ?? [] }
    /// Whether 101 was answered.
    package var isUpgraded: Bool { status == 101 }
}

/// One connection to a WebSocket edge, live or over.
package final class EdgeConnection: Sendable {
    private struct State {
        var facts = EdgeFacts()
        var webSocket: WebSocketServerStream?
    }
    private let state = Mutex(State())
    private let stream: ByteStream

    init(stream: ByteStream) {
        self.stream = stream
    }

    /// What is known at this moment.
    package var facts: EdgeFacts {
        var facts = state.withLock { $0.facts }
        facts.ending = stream.ending
        return facts
    }

    /// Sends a ping; nothing before the upgrade.
    package func ping(_ payload: [UInt8] = Array("are you there".utf8)) async throws {
        try await state.withLock { $0.webSocket }?.ping(payload)
    }

    /// Sends a close frame and half-closes.
    package func sendClose(code: Int? = 1000) async throws {
        try await state.withLock { $0.webSocket }?.finish(code: code)
    }

    /// Ends the connection without a close frame: FIN, or RST.
    package func drop(reset: Bool) {
        stream.closeSocket(reset: reset)
    }

    func update(_ change: (inout EdgeFacts) -> Void) {
        state.withLock { change(&$0.facts) }
    }

    func set(_ webSocket: WebSocketServerStream) {
        state.withLock { $0.webSocket = webSocket }
    }
}
