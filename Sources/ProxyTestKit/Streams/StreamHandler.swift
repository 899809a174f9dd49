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
    private let tap: SocketTap
    private var context: ChannelHandlerContext?
    private var buffer = ByteBuffer()
    private var waiter: Waiter?
    private var lastID = 0
    private var cancelled: Set<Int> = []
    private var isPaused = false
    private var isReading = false
    private var isDraining = false
    private var hasEnded = false
    private var failure: (any Error)?
    private var secured: EventLoopPromise<Void>?
    private let ended: EventLoopPromise<Void>
    private let closed: EventLoopPromise<Void>

    init(
        counters: StreamCounters,
        tap: SocketTap,
        ended: EventLoopPromise<Void>,
        closed: EventLoopPromise<Void>
    ) {
        self.counters = counters
        self.tap = tap
        self.ended = ended
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
        lastID = max(lastID, id)
        guard cancelled.remove(id) == nil else {
            promise.fail(CancellationError())
            return promise.futureResult
        }
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

    private func fail(_ id: Int, _ error: any Error) {
        guard let waiter, waiter.id == id else { return }
        self.waiter = nil
        waiter.timer?.cancel()
        waiter.promise.fail(error)
    }

    /// Fails a read that waits, or that is still on its way here.
    func cancel(_ id: Int) {
        if id > lastID { cancelled.insert(id) }
        fail(id, CancellationError())
    }

    func setReading(paused: Bool) {
        isPaused = paused
        if !paused { serve() }
    }

    /// To be called behind an orderly close: reads and forgets, and closes the socket as soon as the other side has
    /// ended its direction too. (A TLS handler that allows half-closure would wait for its own timeout.)
    func drain() {
        isDraining = true
        if hasEnded {
            tap.closeSocket(reset: false)
        } else {
            context?.read()
        }
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
        guard !isDraining else { return }
        var bytes = unwrapInboundIn(data)
        buffer.discardReadBytes()
        buffer.writeBuffer(&bytes)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        serve()
        if isDraining || (waiter == nil && secured != nil) { context.read() }
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
        if counters.ending == .reset {
            failure = KitError.ended(.reset)
        } else if failure == nil {
            failure = error
        }
        hasEnded = true
        ended.succeed()
        if isDraining { tap.closeSocket(reset: false) }
        secured?.fail(failure ?? KitError.ended(counters.ending))
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
        if count > 0 {
            waiter.promise.succeed(buffer.readSlice(length: count))
        } else if let failure {
            waiter.promise.fail(failure)
        } else {
            waiter.promise.succeed(nil)
        }
    }
}
