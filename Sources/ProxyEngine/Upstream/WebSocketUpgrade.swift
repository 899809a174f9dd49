import MTProtoWire
import NIOCore
import NIOHTTP1
import NIOTLS
import ProxyPolicy

/// Asks for the WebSocket once TLS stands, judges the answer, and takes itself and the HTTP codecs out of the way.
final class WebSocketUpgrade: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = HTTPClientRequestPart

    enum Event {
        case tlsStands
        case upgraded
        case failed(RouteFailure)
    }

    private let endpoint: WebSocketEndpoint
    private let handshake: WebSocketHandshake
    private var report: ((Event) -> Void)?
    /// Takes the HTTP codec out of the pipeline; the future says when it has left.
    var removeCodec: ((ChannelPipeline) -> EventLoopFuture<Void>)?
    /// The right answer came, and the codec is on its way out.
    private var isUpgraded = false
    /// What the codec left of the bytes behind the answer.
    private var early: [NIOAny] = []

    init(endpoint: WebSocketEndpoint, random: inout some RandomNumberGenerator, report: @escaping (Event) -> Void) {
        self.endpoint = endpoint
        self.report = report
        handshake = WebSocketHandshake(using: &random)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            report?(.tlsStands)
            sendRequest(context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func sendRequest(_ context: ChannelHandlerContext) {
        let headers = HTTPHeaders(handshake.requestHeaders(host: endpoint.host).map { ($0.name, $0.value) })
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: endpoint.path, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard report != nil else { return }
        if isUpgraded { return early.append(data) }
        switch unwrapInboundIn(data) {
        case .head(let head):
            if let failure = judge(head) { finish(.failed(failure)) }
        case .body:
            break
        case .end:
            // A 101 has no body: its end comes at once, and behind it the first frame. The codec leaves in its own time
            // and takes all that is written until then for HTTP, so nobody may write before it is gone.
            guard let removed = removeCodec?(context.pipeline) else { return }
            isUpgraded = true
            removed.assumeIsolated().whenComplete { _ in self.codecHasLeft(context) }
        }
    }

    private func codecHasLeft(_ context: ChannelHandlerContext) {
        guard report != nil else { return }
        finish(.upgraded)
        for data in early { context.fireChannelRead(data) }
        early = []
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    private func judge(_ head: HTTPResponseHead) -> RouteFailure? {
        let status = Int(head.status.code)
        switch status {
        case 101:
            let accepts = head.headers["sec-websocket-accept"]
            guard accepts.count == 1, handshake.isAccepted(by: accepts[0]) else { return .badAcceptKey }
            return nil
        case 301, 302, 303, 307, 308:
            return .redirected(status)
        default:
            let seconds = head.headers.first(name: "retry-after").flatMap { Int($0) }
            return .status(status, retryAfter: seconds)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        finish(.failed(RouteFailure(classifying: error)))
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(.failed(.closedEarly))
        context.fireChannelInactive()
    }

    private func finish(_ event: Event) {
        let notify = report
        report = nil
        removeCodec = nil
        notify?(event)
    }
}
