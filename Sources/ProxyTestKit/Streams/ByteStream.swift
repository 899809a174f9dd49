package import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// One TCP connection, with or without TLS, as bytes that are read only when somebody asks for them.
///
/// One task reads at a time; writes are sent in the order of the calls. While nobody reads, the kernel's buffers fill
/// and the other side has to wait, so a stream that is not read is a slow reader.
package final class ByteStream: Sendable {
    /// The channel below, for what the kit does not offer.
    package let channel: any Channel

    private let counters: StreamCounters
    let tap: NIOLoopBound<SocketTap>
    let handler: NIOLoopBound<StreamHandler>
    private let ended: EventLoopFuture<Void>
    private let closed: EventLoopFuture<Void>
    private let nextReader = Atomic<Int>(0)

    /// Call on the channel's event loop, in its initializer; `security` goes between the socket and the stream.
    init(channel: any Channel, captures: Bool = false, security: [any ChannelHandler] = []) throws {
        let counters = StreamCounters(captures: captures)
        let ended = channel.eventLoop.makePromise(of: Void.self)
        let closed = channel.eventLoop.makePromise(of: Void.self)
        let tap = SocketTap(counters: counters)
        let handler = StreamHandler(counters: counters, tap: tap, ended: ended, closed: closed)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(tap)
        try pipeline.addHandlers(security)
        try pipeline.addHandler(handler)
        self.channel = channel
        self.counters = counters
        self.tap = NIOLoopBound(tap, eventLoop: channel.eventLoop)
        self.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
        self.ended = ended.futureResult
        self.closed = closed.futureResult
    }

    // MARK: Reading

    /// The next bytes, at least one and at most `maximum`; nil when the other side has sent its last.
    /// - Throws: ``KitError/ended(_:)`` after a RST, the TLS library's error when TLS broke.
    package func read(upTo maximum: Int = 1 << 18, within limit: Duration? = nil) async throws -> ByteBuffer? {
        try await read(minimum: 1, maximum: maximum, within: limit)
    }

    /// Exactly `count` bytes.
    /// - Throws: ``KitError/truncated(wanted:got:_:)`` or ``KitError/ended(_:)`` when the stream ends before.
    @discardableResult
    package func read(exactly count: Int, within limit: Duration? = nil) async throws -> ByteBuffer {
        guard count > 0 else { return ByteBuffer() }
        guard let bytes = try await read(minimum: count, maximum: count, within: limit) else {
            throw KitError.ended(ending)
        }
        guard bytes.readableBytes == count else {
            throw KitError.truncated(wanted: count, got: bytes.readableBytes, ending)
        }
        return bytes
    }

    /// Everything until the other side ends the stream, at most `maximum` bytes.
    package func readToEnd(upTo maximum: Int = 1 << 30, within limit: Duration? = nil) async throws -> ByteBuffer {
        var all = ByteBuffer()
        let deadline = limit.map { ContinuousClock.now + $0 }
        while all.readableBytes < maximum {
            let left = deadline.map { $0 - ContinuousClock.now }
            guard var bytes = try await read(upTo: 1 << 18, within: left) else { break }
            all.writeBuffer(&bytes)
        }
        return all
    }

    private func read(minimum: Int, maximum: Int, within limit: Duration?) async throws -> ByteBuffer? {
        let id = nextReader.add(1, ordering: .relaxed).newValue
        let (handler, eventLoop) = (handler, channel.eventLoop)
        let amount = limit.map { TimeAmount($0) }
        return try await withTaskCancellationHandler {
            try await eventLoop.flatSubmit {
                handler.value.read(id, minimum: minimum, maximum: maximum, within: amount, on: eventLoop)
            }.get()
        } onCancel: {
            eventLoop.execute { handler.value.cancel(id) }
        }
    }

    /// While paused nothing is taken from the socket, even when a task waits in a read.
    package func setReading(paused: Bool) {
        let handler = handler
        channel.eventLoop.execute { handler.value.setReading(paused: paused) }
    }

    // MARK: Writing

    /// Sends bytes and waits until the kernel took them, at most `limit`.
    package func write(_ bytes: ByteBuffer, within limit: Duration? = nil) async throws {
        try await enqueue(bytes).value(within: limit, "writing \(bytes.readableBytes) bytes")
    }

    /// Sends bytes and waits until the kernel took them, at most `limit`.
    package func write(_ bytes: [UInt8], within limit: Duration? = nil) async throws {
        try await write(ByteBuffer(bytes: bytes), within: limit)
    }

    /// Sends bytes; the future completes when the kernel took them.
    package func enqueue(_ bytes: ByteBuffer) -> EventLoopFuture<Void> {
        channel.writeAndFlush(bytes)
    }

    // MARK: Ending

    /// Sends FIN (below TLS: after close_notify) and goes on reading.
    package func halfClose() async throws {
        try await channel.close(mode: .output).value(within: .seconds(10), "half-closing")
    }

    /// Closes orderly. Unread bytes turn a FIN into a RST, as with every socket.
    package func close() async {
        let (channel, handler) = (channel, handler)
        channel.eventLoop.execute {
            channel.close(promise: nil)
            handler.value.drain()
        }
        try? await closed.value(within: .seconds(5), "closing")
    }

    /// Closes with a RST.
    package func reset() async {
        closeSocket(reset: true)
        await waitUntilClosed()
    }

    /// Closes the socket at once, below TLS and without its farewell.
    package func closeSocket(reset: Bool = false) {
        let tap = tap
        channel.eventLoop.execute { tap.value.closeSocket(reset: reset) }
    }

    /// Returns when the other side ended its direction, or the connection is closed; without reading.
    package func waitUntilEnded(within limit: Duration? = nil) async throws {
        try await ended.value(within: limit, "end of the stream")
    }

    /// Returns when the connection is closed in both directions.
    package func waitUntilClosed() async {
        try? await closed.value(within: nil, "closing")
    }

    // MARK: Facts

    /// How the other side ended the connection. A FIN or RST may stay unseen while nobody reads.
    package var ending: StreamEnding { counters.ending }
    /// Whether a FIN came, even when a RST followed.
    package var sawFinish: Bool { counters.sawFinish }
    /// Bytes that came out of the socket, TLS included.
    package var bytesReceived: Int { counters.received }
    /// Bytes handed to the socket, TLS included.
    package var bytesSent: Int { counters.sent }
    /// Everything that came out of the socket, where the listener was asked to capture it.
    package var captured: ByteBuffer { counters.captured }
    /// Our address of this connection.
    package var localAddress: SocketAddress? { channel.localAddress }
    /// The other side's address.
    package var remoteAddress: SocketAddress? { channel.remoteAddress }

    func waitUntilSecured(within limit: Duration) async throws {
        let (handler, eventLoop) = (handler, channel.eventLoop)
        let secured: EventLoopFuture<Void> = eventLoop.flatSubmit {
            let promise = eventLoop.makePromise(of: Void.self)
            handler.value.waitUntilSecured(promise)
            return promise.futureResult
        }
        try await secured.value(within: limit, "TLS handshake")
    }
}
