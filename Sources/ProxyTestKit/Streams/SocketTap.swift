import NIOCore
import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// What one connection carried on the wire, below TLS.
final class StreamCounters: Sendable {
    private struct State {
        var received = 0
        var sent = 0
        var ending = StreamEnding.open
        var sawFinish = false
        var captured: ByteBuffer?
    }
    private let state: Mutex<State>

    init(captures: Bool) {
        state = Mutex(State(captured: captures ? ByteBuffer() : nil))
    }

    var received: Int { state.withLock { $0.received } }
    var sent: Int { state.withLock { $0.sent } }
    var ending: StreamEnding { state.withLock { $0.ending } }
    var sawFinish: Bool { state.withLock { $0.sawFinish } }
    var captured: ByteBuffer { state.withLock { $0.captured ?? ByteBuffer() } }

    func count(received bytes: ByteBuffer) {
        state.withLock {
            $0.received += bytes.readableBytes
            $0.captured?.writeImmutableBuffer(bytes)
        }
    }

    func count(sent bytes: Int) {
        state.withLock { $0.sent += bytes }
    }

    /// The first end counts, except that a RST overrides a FIN that came before it.
    func note(_ ending: StreamEnding) {
        state.withLock {
            if ending == .finished { $0.sawFinish = true }
            switch ($0.ending, ending) {
            case (.open, _), (.finished, .reset): $0.ending = ending
            default: break
            }
        }
    }
}

/// Sits next to the socket: counts bytes, sees FIN and RST, and can close beneath TLS.
final class SocketTap: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let counters: StreamCounters
    private var context: ChannelHandlerContext?
    private var hasHalfClosed = false

    init(counters: StreamCounters) {
        self.counters = counters
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        counters.count(received: unwrapInboundIn(data))
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        counters.count(sent: unwrapOutboundIn(data).readableBytes)
        context.write(data, promise: promise)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { counters.note(.finished) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? IOError {
            counters.note(error.errnoCode == ECONNRESET ? .reset : .failed(error.description))
        } else {
            counters.note(.failed(String(describing: error)))
        }
        context.fireErrorCaught(error)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode == .all { counters.note(.closedHere) }
        if mode == .output { hasHalfClosed = true }
        context.close(mode: mode, promise: promise)
    }

    func channelInactive(context: ChannelHandlerContext) {
        // A FIN that comes after ours closes the channel without another event; so does a write that fails.
        if counters.ending == .open { counters.note(hasHalfClosed ? .finished : .reset) }
        context.fireChannelInactive()
    }

    /// Closes the socket itself, whatever stands above; with `reset` the kernel sends a RST.
    func closeSocket(reset: Bool) {
        guard let context else { return }
        counters.note(.closedHere)
        if reset, let options = context.channel as? any SocketOptionProvider {
            // On the channel's own event loop the option is set when the call returns.
            _ = options.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        }
        context.close(mode: .all, promise: nil)
    }
}
