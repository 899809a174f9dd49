import MTProtoWire
import NIOCore
import NIOHTTP1
import ProxyPolicy

/// A client that speaks HTTP: its requests are taken apart by further handlers of its channel, and what they carry goes
/// the way of any other client's packets.
extension ClientConnection {
    var query: HTTPGateway.Query? { gateway?.query }

    /// Whether a web server connects for its clients, and is believed what it says about them.
    var isBehindTrustedServer: Bool {
        guard let address else { return true }
        return listener.configuration.trustedSources.contains { $0.contains(address) }
    }

    func openGateway() {
        guard let pipeline = channel?.pipeline.syncOperations else { return finish(.clientFailed) }
        let gateway = HTTPGateway(client: self)
        self.gateway = gateway
        phase = .awaitingQuery
        let first = early
        early = ByteBuffer()
        do {
            try pipeline.addHandlers(
                HTTPResponseEncoder(), ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)),
                HTTPServerPipelineHandler(), gateway)
            try pipeline.context(handler: self).fireChannelRead(NIOAny(first))
        } catch {
            finish(.clientFailed)
        }
    }

    /// Bytes for the handlers behind this one, copied, since the receive buffer is the event loop's.
    func readRequests(_ buffer: ByteBuffer, _ context: ChannelHandlerContext) {
        if !isEnded { context.fireChannelRead(NIOAny(ByteBuffer(bytes: buffer.readableBytesView))) }
        loop.receive.giveBack(buffer)
    }

    /// Sends a request's message; the next request is not read before it is answered.
    func ask(_ packet: ByteBuffer) {
        hold(.query)
        asked = DeadlineWheel.now()
        switch phase {
        case .awaitingQuery:
            early = packet
            findRoute()
        case .relaying(let relay):
            var packet = packet
            relayUp(&packet, relay)
        default:
            break
        }
    }

    func failed(_ error: any Error) {
        finish(RouteFailure(classifying: error) == .reset ? .clientReset : .clientFailed)
    }
}
