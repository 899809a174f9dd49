import MTProtoWire
import NIOCore
import ProxyPolicy

/// One connection to a data center, by whatever route: the last handler of its channel.
///
/// It lives through two states: *idle* (connected, perhaps waiting in a pool; pings are answered, and anything else
/// that arrives makes it unusable) and *leased* to a ``Relay``. It takes the WebSocket framing off what arrives; what
/// leaves is framed by the relay, which knows where packets begin.
final class Upstream: ChannelInboundHandler, RemovableChannelHandler, DeadlineOwner, @unchecked Sendable {
    // Unchecked: confined to the event loop of its context.
    typealias InboundIn = ByteBuffer

    let route: Route
    let loop: LoopContext
    /// Which network it was opened on; see ``EngineState/networkChanged(_:)``.
    let generation: UInt64
    /// Called once when the connection ends or misbehaves before it was leased.
    var whenUnusable: (() -> Void)?
    /// The end of the channel below TLS; nil without TLS.
    var socketEnd: ReceiveReturn?
    /// Whether it waited in a pool before a client came.
    var wasWarm = false
    private(set) var isUsable = true
    private var context: ChannelHandlerContext?
    private var relay: Relay?
    private var frames = WebSocketFrameReader()
    /// The answer to the last ping, while the relay is inside a frame of its own.
    private var pendingPong: ByteBuffer?
    private var sentClose = false
    /// Bounds the time that the last bytes may take once the session is over.
    private var farewell: Deadline?

    init(route: Route, loop: LoopContext) {
        self.route = route
        self.loop = loop
        generation = loop.shared.generation
    }

    var channel: (any Channel)? { context?.channel }
    var isWebSocket: Bool { if case .webSocket = route.target { true } else { false } }

    /// Whether one MTProto packet must be exactly one WebSocket message.
    var sendsPackets: Bool {
        if case .webSocket(let endpoint) = route.target { endpoint.sendsPackets } else { false }
    }

    func lease(to relay: Relay) {
        self.relay = relay
        whenUnusable = nil
    }

    // MARK: Towards the data center

    var isWritable: Bool { context?.channel.isWritable ?? false }

    /// What waits in memory to be sent, bytes; a little counts as nothing.
    var queuedBytes: Int {
        guard let channel = context?.channel, !channel.isWritable else { return 0 }
        return (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    func write(_ buffer: ByteBuffer) {
        loop.counts.wrote(buffer.readableBytes)
        context?.writeAndFlush(NIOAny(buffer), promise: nil)
    }

    /// Sends what ended on this side: FIN on a TCP route, a close frame on a WebSocket, which has no half-close.
    func finishWriting() {
        guard let context else { return }
        guard isWebSocket else { return context.channel.closeOutputAfterFlush(loop.eventLoop) }
        // Amid a packet there is no place for a close frame: what was cut off cannot be ended in good order.
        if relay?.isInsideFrame == true { closeChannel(context) } else { sendClose(code: 1000) }
    }

    /// Closes at once; a WebSocket says so first.
    ///
    /// - Parameter flushing: what the client said before its end shall still go out on a TCP route. (On a WebSocket the
    ///   data center has the last word: it answered our close frame, or will not read any more.)
    func close(flushing: Bool = false) {
        let isInsideFrame = relay?.isInsideFrame == true
        relay = nil
        whenUnusable = nil
        guard let context else { return }
        if isWebSocket, isUsable, !isInsideFrame { sendClose(code: 1000) }
        isUsable = false
        guard flushing, !isWebSocket else { return closeChannel(context) }
        context.channel.closeAfterFlush()
        guard context.channel.isActive else { return }
        let farewell = Deadline()
        self.farewell = farewell
        loop.wheel.arm(farewell, for: self, after: ClientConnection.closingMilliseconds)
    }

    /// The data center does not take what is left for it.
    func deadlineReached(_ deadline: Deadline) { context?.close(promise: nil) }

    private func closeChannel(_ context: ChannelHandlerContext) {
        context.close(promise: nil)
        socketEnd?.closeSocket()
        socketEnd = nil
    }

    func pauseReading() { context?.channel.setReading(false) }
    func resumeReading() { context?.channel.setReading(true) }

    private func sendClose(code: UInt16) {
        guard !sentClose, context != nil else { return }
        sentClose = true
        write(WebSocketFrameWriter.close(code: code, mask: loop.random.next()))
    }

    private func answerPing(_ payload: ByteBuffer) {
        guard context != nil, !sentClose else { return }
        let pong = WebSocketFrameWriter.pong(payload, mask: loop.random.next())
        if relay?.isInsideFrame == true {
            pendingPong = pong
        } else {
            write(pong)
        }
    }

    /// The relay ended a frame: what had to wait may go now.
    func frameEnded() {
        guard let pong = pendingPong else { return }
        pendingPong = nil
        write(pong)
    }

    // MARK: From the data center

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        farewell?.cancel()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        loop.counts.read(buffer.readableBytes)
        if isWebSocket {
            readFrames(&buffer)
        } else if let relay {
            relay.beginDown(bytes: buffer.readableBytes)
            buffer.withUnsafeReadableBytes { relay.down($0) }
            relay.endDown()
            loop.receive.giveBack(buffer)
        } else {
            // A data center says nothing before it has our header.
            becomeUnusable()
        }
    }

    private func readFrames(_ buffer: inout ByteBuffer) {
        let leased = relay
        leased?.beginDown(bytes: buffer.readableBytes)
        let outcome = passFrames(&buffer)
        // What came before the end goes out before the end is dealt with.
        leased?.endDown()
        switch outcome {
        case .more: break
        case .ended: ended()
        case .spoke: becomeUnusable()
        case .broken:
            sendClose(code: 1002)
            failed(.other("websocket-protocol-error"))
        }
    }

    private enum FrameOutcome {
        case more, ended, broken
        /// Data before anybody asked: an endpoint that is out of step.
        case spoke
    }

    private func passFrames(_ buffer: inout ByteBuffer) -> FrameOutcome {
        do throws(WireError) {
            while true {
                switch try frames.next(&buffer) {
                case .data(let count):
                    guard let relay else { return .spoke }
                    buffer.readWithUnsafeReadableBytes { bytes in
                        relay.down(UnsafeRawBufferPointer(rebasing: bytes.prefix(count)))
                        return count
                    }
                case .ping(let payload):
                    answerPing(payload)
                case .pong:
                    break
                case .close(let code, _):
                    sendClose(code: code ?? 1000)
                    return .ended
                case .needMore:
                    return .more
                }
            }
        } catch {
            return .broken
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        relay?.upstreamWritabilityChanged()
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent {
            ended()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failed(RouteFailure(classifying: error))
    }

    func channelInactive(context: ChannelHandlerContext) {
        ended()
        relay?.upstreamClosed()
        relay = nil
    }

    /// Nothing more will come, in good order.
    private func ended() {
        if let relay {
            relay.upstreamEnded()
        } else {
            becomeUnusable()
        }
    }

    private func failed(_ failure: RouteFailure) {
        if let relay {
            relay.upstreamFailed(failure)
        } else {
            becomeUnusable()
        }
    }

    private func becomeUnusable() {
        guard isUsable else { return }
        isUsable = false
        let notify = whenUnusable
        whenUnusable = nil
        if let context { closeChannel(context) }
        notify?()
    }
}
