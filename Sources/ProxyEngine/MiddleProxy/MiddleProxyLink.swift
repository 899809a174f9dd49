import MTProtoWire
import NIOCore
import ProxyPolicy

/// One established connection to a middle proxy, shared by many sessions of its event loop.
///
/// What sessions send is gathered in `batch` during one turn of the event loop and encrypted together with other
/// links' batches: CBC is serial within one stream, but not across several. What arrives is decrypted, cut into frames
/// and handed to the sessions that it names.
final class MiddleProxyLink: ChannelInboundHandler, DeadlineOwner, @unchecked Sendable {
    // Unchecked: confined to the event loop of its hub.
    typealias InboundIn = ByteBuffer

    let hub: MiddleProxyHub
    let channel: any Channel
    let encryptor: CBCEncryptor
    /// The links to the same target; they know this one by `id`.
    unowned let group: LinkGroup
    let id: LinkPlan.LinkID
    /// Whether a session was ever bound to it.
    private(set) var wasUsed = false
    private(set) var sessions: [UInt64: MiddleProxyRelay] = [:]
    private(set) var isAlive = true
    /// Whether the hub knows that there is something to send.
    var isDirty = false
    private(set) var batch = ByteBuffer()
    private(set) var watch: LinkWatch
    private var writer: MiddleProxyFrameWriter
    private var reader: MiddleProxyFrameReader
    private var incoming: LinkCipherText
    /// Decrypted bytes of a frame that is not complete: at most ``MiddleProxyFrameReader/maximumFrameLength``.
    private var partial = ByteBuffer()
    /// The size of that frame, as far as it is known.
    private var partialLength = 0
    private var pace: LinkPace
    private var isPaused = false
    /// Sessions that wait until the link takes more.
    private var waiting: [MiddleProxyRelay] = [] {
        didSet {
            guard oldValue.isEmpty != waiting.isEmpty else { return }
            if waiting.isEmpty { hub.linkEmptied() } else { hub.linkFilled() }
        }
    }
    private var isResuming = false
    private let deadline = Deadline()
    private let paceDeadline = Deadline()

    init(channel: any Channel, established: EstablishedLink, group: LinkGroup, id: LinkPlan.LinkID) {
        self.channel = channel
        self.group = group
        self.id = id
        hub = group.hub
        encryptor = established.encryptor
        incoming = LinkCipherText(established.decryptor, leftOver: established.undecrypted)
        writer = established.writer
        reader = established.reader
        watch = LinkWatch(now: DeadlineWheel.now())
        pace = LinkPace(hardBound: group.hub.loop.settings.configuration.middleProxy.clientQueueBytes)
    }

    /// What may wait for one client, bytes.
    func setClientQueue(_ bytes: Int) { pace.setHardBound(bytes) }

    /// What may be queued for the middle proxy before its clients are no longer read. The marks are close together: room
    /// comes in small pieces to all links at once, so that their batches can be encrypted together, instead of in large
    /// ones to one link after the other.
    private static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 768 << 10, high: 1 << 20)
    /// What is taken from clients for one batch: one read, and what another one brings on top.
    private static let batchBytes = 256 << 10

    func handlerAdded(context: ChannelHandlerContext) {
        try? context.channel.syncOptions?.setOption(.writeBufferWaterMark, value: Self.waterMark)
        look()
    }

    // MARK: Sessions

    /// The place that was leased is not used.
    func giveBack() { group.sessionLeft(self) }

    func bind(_ relay: MiddleProxyRelay) -> UInt64 {
        wasUsed = true
        hub.loop.counts.bindings &+= 1
        let connection = hub.nextConnection()
        sessions[connection] = relay
        pace.join(connection, now: DeadlineWheel.now())
        return connection
    }

    /// - Parameter says: tell the middle proxy that the client is gone; not where it said so itself.
    func unbind(_ connection: UInt64, says: Bool) {
        guard let relay = sessions.removeValue(forKey: connection), isAlive else { return }
        if let place = waiting.firstIndex(where: { $0 === relay }) { waiting.remove(at: place) }
        act(on: pace.leave(connection, now: DeadlineWheel.now()))
        if says { send(MiddleProxyMessage.closeConnectionPayload(connection)) }
        group.sessionLeft(self)
    }

    // MARK: Towards the middle proxy

    /// Whether more would pile up in memory.
    private var isFull: Bool { !channel.isWritable || batch.readableBytes >= Self.batchBytes }

    /// The session has sent what it had. Where the link is full its client waits; else the next one that waits may go
    /// on, so that they take turns.
    ///
    /// - Returns: whether the session may go on.
    func takesMore(from relay: MiddleProxyRelay) -> Bool {
        guard isFull else {
            resumeNext()
            return true
        }
        waiting.append(relay)
        return false
    }

    /// Lets one session go on, and the next one a turn of the loop later: the first may have nothing to send.
    func resumeNext() {
        guard !waiting.isEmpty, !isFull, isAlive, !isResuming else { return }
        waiting.removeFirst().linkHasRoom()
        guard !waiting.isEmpty else { return }
        isResuming = true
        hub.loop.eventLoop.assumeIsolated().execute {
            self.isResuming = false
            self.resumeNext()
        }
    }

    func send(_ payload: [UInt8]) {
        _ = writeFrame(payloadLength: payload.count) { space in
            payload.withUnsafeBytes {
                space.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(space), byteCount: $0.count)
            }
            return true
        }
    }

    /// Appends one frame to the batch.
    ///
    /// - Parameter body: writes the payload, exactly `payloadLength` bytes, and says whether it may be sent.
    /// - Returns: what `body` said.
    func writeFrame(payloadLength: Int, _ body: (UnsafeMutableRawPointer) -> Bool) -> Bool {
        guard isAlive else { return false }
        if batch.readableBytes == 0 { batch = hub.takeBatch() }
        let start = writer.begin(payloadLength: payloadLength, into: &batch)
        var isGood = false
        batch.writeWithUnsafeMutableBytes(minimumWritableBytes: payloadLength) { space in
            guard let base = space.baseAddress else { return 0 }
            isGood = body(base)
            return payloadLength
        }
        guard isGood else {
            batch.moveWriterIndex(to: start)
            writer.sequence -= 1
            return false
        }
        writer.end(&batch, start: start)
        hub.hasBatch(self, bytes: payloadLength)
        return true
    }

    /// Fills up to whole blocks and lends the bytes for encryption.
    func withPaddedBatch(_ body: (UnsafeMutableRawBufferPointer) -> Void) {
        MiddleProxyFrameWriter.pad(&batch, from: batch.readerIndex)
        batch.withUnsafeMutableReadableBytes { body($0) }
    }

    func sendBatch() {
        guard isAlive else { return }
        var bytes = ByteBuffer()
        swap(&bytes, &batch)
        hub.loop.counts.wrote(bytes.readableBytes)
        channel.writeAndFlush(bytes, promise: nil)
        hub.returnBatch(bytes)
        watch.sent(at: DeadlineWheel.now())
        lookSoon()
        letClientsGoOn()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        // The middle proxy takes what we send: it lives, however long its pong waits behind all that.
        watch.progressed(at: DeadlineWheel.now())
        letClientsGoOn()
    }

    /// The link takes more again, or still.
    private func letClientsGoOn() {
        if !waiting.isEmpty, channel.isWritable { hub.hasRoom(self) }
    }

    // MARK: From the middle proxy

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        receive(&buffer)
        hub.loop.receive.giveBack(buffer)
    }

    /// What came behind the handshake in the same read.
    func receiveLeftover(_ plain: ByteBuffer) {
        guard plain.readableBytes > 0 else { return }
        var plain = plain
        passFrames(&plain)
    }

    private func receive(_ buffer: inout ByteBuffer) {
        guard isAlive else { return }
        hub.loop.counts.read(buffer.readableBytes)
        watch.received(at: DeadlineWheel.now())
        var plain = partial
        partial = ByteBuffer()
        let isGathering = plain.readableBytes > 0
        if !isGathering { plain = hub.takePlain() }
        plain.reserveCapacity(minimumWritableBytes: max(buffer.readableBytes + 16, partialLength - plain.readableBytes))
        incoming.decrypt(&buffer, into: &plain)
        if plain.readableBytes >= partialLength {
            passFrames(&plain)
        } else {
            swap(&partial, &plain)
        }
        if !isGathering { hub.returnPlain(plain) }
    }

    /// Handles all complete frames; what is left over is kept.
    private func passFrames(_ plain: inout ByteBuffer) {
        partialLength = 0
        var failure: WireError?
        let used = plain.withUnsafeReadableBytes { bytes in
            var offset = 0
            do throws(WireError) {
                while isAlive {
                    switch try reader.next(UnsafeRawBufferPointer(rebasing: bytes[offset...])) {
                    case .needMore(let count):
                        partialLength = count
                        return offset
                    case .filler(let count):
                        offset += count
                    case .frame(let payload, let length):
                        let range = (offset + payload.lowerBound)..<(offset + payload.upperBound)
                        try handle(UnsafeRawBufferPointer(rebasing: bytes[range]))
                        offset += length
                    }
                }
            } catch {
                failure = error
            }
            return offset
        }
        if failure != nil { return lose(.other("middle-proxy-bad-frame")) }
        plain.moveReaderIndex(forwardBy: used)
        guard plain.readableBytes > 0, isAlive else { return partialLength = 0 }
        partial = ByteBufferAllocator().buffer(capacity: max(partialLength, plain.readableBytes))
        partial.writeBuffer(&plain)
    }

    private func handle(_ payload: UnsafeRawBufferPointer) throws(WireError) {
        switch try MiddleProxyMessage(payload) {
        case .answer(let connection, _, let range):
            guard let relay = sessions[connection] else { return disown(connection, .answer) }
            relay.deliver(UnsafeRawBufferPointer(rebasing: payload[range]))
            note(relay, connection)
        case .simpleAck(let connection, let confirm):
            guard let relay = sessions[connection] else { return disown(connection, .acknowledgement) }
            relay.acknowledge(confirm)
            note(relay, connection)
        case .closeExternal(let connection), .closeConnection(let connection):
            sessions[connection]?.closedByMiddleProxy()
        case .ping(let id):
            send(MiddleProxyMessage.pongPayload(id: id))
        case .pong:
            watch.ponged(at: DeadlineWheel.now())
        case .unknown:
            hub.loop.shared.metrics.middleProxyUnknown.add()
        }
    }

    private enum Stray { case answer, acknowledgement }

    /// For a client that is gone: the middle proxy is told again.
    private func disown(_ connection: UInt64, _ stray: Stray) {
        let metrics = hub.loop.shared.metrics
        (stray == .answer ? metrics.middleProxyStrayAnswers : metrics.middleProxyStrayAcks).add()
        send(MiddleProxyMessage.closeConnectionPayload(connection))
    }

    // MARK: Pace

    private func note(_ relay: MiddleProxyRelay, _ connection: UInt64) {
        // It may have ended while it was served.
        guard isAlive, sessions[connection] != nil else { return }
        act(on: pace.queued(connection, queue: relay.queuedBytes, now: DeadlineWheel.now()))
    }

    /// The session has sent something: it waits for an answer.
    func noteRequest(_ connection: UInt64) {
        act(on: pace.sent(connection, now: DeadlineWheel.now()))
    }

    /// The client has taken some of what was queued for it.
    func noteDrained(_ connection: UInt64, queue: Int) {
        act(on: pace.drained(connection, queue: queue, now: DeadlineWheel.now()))
    }

    private func act(on verdict: LinkPace.Verdict) {
        for connection in verdict.letGo { sessions[connection]?.letGo() }
        guard isAlive, let reading = verdict.reading else { return }
        switch reading {
        case .pause:
            channel.setReading(false)
            watch.paused()
            hub.loop.wheel.arm(paceDeadline, for: self, after: LinkPace.tickMilliseconds)
        case .resume:
            paceDeadline.cancel()
            watch.resumed(at: DeadlineWheel.now())
            channel.setReading(true)
        }
    }

    /// While nothing is read: who takes bytes, and who does not?
    private func checkPace() {
        for (connection, relay) in sessions where relay.hasQueue {
            noteDrained(connection, queue: relay.queuedBytes)
        }
        guard isAlive, pace.isPaused else { return }
        act(on: pace.tick(now: DeadlineWheel.now()))
        guard isAlive, pace.isPaused else { return }
        hub.loop.wheel.arm(paceDeadline, for: self, after: LinkPace.tickMilliseconds)
    }

    // MARK: Watch and end

    func deadlineReached(_ deadline: Deadline) {
        if deadline === paceDeadline { checkPace() } else { look() }
    }

    private func lookSoon() {
        guard !deadline.isArmed || nextLook > DeadlineWheel.now() + 2_500 else { return }
        look()
    }

    private var nextLook: Int64 = 0

    /// Asks the watch what is due.
    private func look() {
        guard isAlive else { return }
        let now = DeadlineWheel.now()
        switch watch.check(at: now) {
        case .wait(let milliseconds):
            nextLook = now + milliseconds
            hub.loop.wheel.arm(deadline, for: self, after: milliseconds)
        case .ping:
            send(MiddleProxyMessage.pingPayload(id: hub.loop.random.next()))
            nextLook = now + 2_000
            hub.loop.wheel.arm(deadline, for: self, after: 2_000)
        case .lost:
            lose(.silent)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { lose(.closedEarly) }
    }

    func channelInactive(context: ChannelHandlerContext) { lose(.closedEarly) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { lose(RouteFailure(classifying: error)) }

    /// Closes a link that is not wanted any more.
    func close() { lose(nil) }

    /// The link is over: each session goes on elsewhere, or ends.
    private func lose(_ failure: RouteFailure?) {
        guard isAlive else { return }
        isAlive = false
        deadline.cancel()
        paceDeadline.cancel()
        channel.close(promise: nil)
        let interrupted = interruptedConnection
        let orphans = sessions
        sessions = [:]
        waiting = []
        group.linkEnded(self, failure)
        for (connection, relay) in orphans {
            relay.linkLost(failure ?? .closedEarly, wasInterrupted: connection == interrupted, watch.confirmedUntil)
        }
    }

    /// Whose packet is being received; nil: nobody's, or its first bytes do not tell yet.
    var interruptedConnection: UInt64? {
        // Length, sequence, type, flags, connection: see `RPC_PROXY_ANS`.
        partial.getInteger(at: partial.readerIndex + 16, endianness: .little, as: UInt64.self)
    }
}
