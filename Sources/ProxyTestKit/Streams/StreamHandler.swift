import NIOCore
import NIOSSL
import NIOTLS

/// The upper end of a connection's pipeline: keeps bytes until somebody asks, and reads only while somebody waits.
final class StreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private struct Waiter {
        var id: Int
        var minimum: Int
        var maximum: Int
        var promise: EventLoopPromise<ByteBuffer?>
        var timer: Scheduled<Void>?
    }

    private let counters: StreamCounters
    private var context: ChannelHandlerContext?
    private var buffer = ByteBuffer()
    private var waiter: Waiter?
    private var isPaused = false
    private var isReading = false
    private var hasEnded = false
    private var failure: (any Error)?
    private var secured: EventLoopPromise<Void>?
    private var closed: EventLoopPromise<Void>

    init(counters: StreamCounters, closed: EventLoopPromise<Void>) {
        self.counters = counters
        self.closed = closed
    }

    // MARK: Asked by the stream

    /// Between `minimum` and `maximum` bytes, or fewer than `minimum` when the stream ended, or nil at the end.
    func read(
        _ id: Int,
        minimum: Int,
        maximum: Int,
        within limit: TimeAmount?,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<ByteBuffer?> {
        let promise = eventLoop.makePromise(of: ByteBuffer?.self)
        guard waiter == nil else {
            promise.fail(KitError.violation("two readers on one stream"))
            return promise.futureResult
        }
        waiter = Waiter(id: id, minimum: minimum, maximum: maximum, promise: promise, timer: nil)
        serve()
        if waiter?.id == id, let limit {
            waiter?.timer = eventLoop.assumeIsolated().scheduleTask(in: limit) {
                self.fail(id, KitError.timedOut("reading \(minimum) bytes, have \(self.buffer.readableBytes)"))
            }
        }
        return promise.futureResult
    }

    func fail(_ id: Int, _ error: any Error) {
        guard let waiter, waiter.id == id else { return }
        self.waiter = nil
        waiter.timer?.cancel()
        waiter.promise.fail(error)
    }

    func setReading(paused: Bool) {
        isPaused = paused
        if !paused { serve() }
    }

    /// Completes when TLS is up, fails when it cannot come up any more.
    func waitUntilSecured(_ promise: EventLoopPromise<Void>) {
        if hasEnded {
            promise.fail(failure ?? KitError.ended(counters.ending))
        } else {
            secured = promise
            context?.read()
        }
    }

    // MARK: Told by the channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end(nil)
        self.context = nil
        closed.succeed()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        buffer.discardReadBytes()
        buffer.writeBuffer(&bytes)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        serve()
        if waiter == nil, secured != nil { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { end(nil) }
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event {
            secured?.succeed()
            secured = nil
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A TLS peer that leaves without close_notify: the FIN below was counted already.
        if let error = error as? NIOSSLError, case .uncleanShutdown = error {
            end(nil)
        } else {
            end(error)
        }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(nil)
    }

    // MARK: Inside

    private func end(_ error: (any Error)?) {
        if failure == nil { failure = error }
        hasEnded = true
        secured?.fail(error ?? KitError.ended(counters.ending))
        secured = nil
        serve()
    }

    /// Answers the waiter when it can be answered, asks the socket for more when it cannot.
    private func serve() {
        guard let waiter, !isPaused else { return }
        let enough = buffer.readableBytes >= waiter.minimum
        guard enough || hasEnded else {
            if !isReading, let context {
                isReading = true
                context.read()
            }
            return
        }
        self.waiter = nil
        waiter.timer?.cancel()
        let count = min(buffer.readableBytes, waiter.maximum)
        waiter.promise.succeed(count == 0 && hasEnded ? nil : buffer.readSlice(length: count))
    }
}
