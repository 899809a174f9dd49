import MTProtoWire
import NIOCore
import ProxyPolicy

/// Bytes to and from a data center, in WebSocket messages where the route has them.
struct MessageLine {
    private let conversation: Conversation
    private let isWebSocket: Bool
    private var frames = WebSocketFrameReader()
    private var random = SecureRandom()
    /// What came and was not read yet.
    var rest = ByteBuffer()

    init(_ conversation: Conversation, endpoint: WebSocketEndpoint?) {
        self.conversation = conversation
        isWebSocket = endpoint != nil
    }

    mutating func send(_ bytes: [UInt8]) async throws {
        guard isWebSocket else { return try await conversation.send(ByteBuffer(bytes: bytes)) }
        let mask = UInt32(truncatingIfNeeded: random.next())
        try await conversation.send(WebSocketFrameWriter.frame(.binary, payload: bytes, mask: mask))
    }

    /// The next bytes of the data center's.
    /// - Throws: `RouteFailure.closedEarly` at the end.
    mutating func receive() async throws -> [UInt8] {
        while true {
            if rest.readableBytes == 0 {
                guard let bytes = try await conversation.receive() else { throw RouteFailure.closedEarly }
                rest = bytes
            }
            guard isWebSocket else { return rest.readBytes(length: rest.readableBytes) ?? [] }
            switch try frames.next(&rest) {
            case .data(let count): return rest.readBytes(length: count) ?? []
            case .ping(let payload):
                let mask = UInt32(truncatingIfNeeded: random.next())
                try await conversation.send(WebSocketFrameWriter.pong(payload, mask: mask))
            case .close: throw RouteFailure.closedEarly
            case .pong, .needMore: break
            }
        }
    }
}

/// The head of an answer to an upgrade request.
struct UpgradeAnswer: Equatable {
    var status: Int
    var accept: String?
    /// Seconds.
    var retryAfter: Int?

    /// Takes the head out of what came; nil, and nothing taken, as long as it is incomplete.
    init?(reading received: inout ByteBuffer) {
        let end = Array("\r\n\r\n".utf8)
        let view = received.readableBytesView
        guard let stop = view.indices.first(where: { view[$0...].starts(with: end) }) else { return nil }
        let head = String(decoding: view[..<stop], as: UTF8.self)
        received.moveReaderIndex(to: stop + end.count)
        let lines = head.split(separator: "\r\n")
        let words = (lines.first ?? "").split(separator: " ")
        // What has no status is an answer without a meaning.
        status = words.count > 1 && words[0].hasPrefix("HTTP/") ? Int(words[1]) ?? 0 : 0
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            switch line[..<colon].lowercased() {
            case "sec-websocket-accept": accept = String(value)
            case "retry-after": retryAfter = Int(value)
            default: break
            }
        }
    }

    /// nil: the WebSocket stands.
    func failure(accepting handshake: WebSocketHandshake) -> RouteFailure? {
        switch status {
        case 101: accept.map { handshake.isAccepted(by: $0) } == true ? nil : .badAcceptKey
        case 301, 302, 303, 307, 308: .redirected(status)
        default: .status(status, retryAfter: retryAfter)
        }
    }
}
