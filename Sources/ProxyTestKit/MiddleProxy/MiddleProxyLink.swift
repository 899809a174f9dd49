import MTProtoWire
import NIOCore
import Synchronization

/// One link from a proxy, at the middle proxy's end. Does what its desk's behaviour says, and what it is told by hand.
package actor MiddleProxyLink {
    /// Counted from 0 in the order in which links were accepted.
    package nonisolated let index: Int
    nonisolated let stream: ByteStream
    nonisolated let desk: MiddleProxyDesk
    private nonisolated let state: Mutex<MiddleProxyLinkFacts>
    var sender = LinkSender()
    var decoder = LinkFrameDecoder()
    /// Deciphers what comes in; nil while the link is plain.
    var inbound: LinkCipher?
    /// Ciphertext that is no whole block yet.
    private var partial: [UInt8] = []
    var sessions: [UInt64: MiddleProxySession] = [:]
    /// Connections that the proxy closed: their ids do not come back.
    var closed: Set<UInt64> = []
    /// Payloads that wait for the end of what was read.
    private var outbox: [[UInt8]] = []
    private var tasks: [Task<Void, Never>] = []

    init(stream: ByteStream, index: Int, desk: MiddleProxyDesk) {
        self.stream = stream
        self.index = index
        self.desk = desk
        var facts = MiddleProxyLinkFacts()
        facts.index = index
        facts.peer = stream.remoteAddress.flatMap { Endpoint($0) }
        state = Mutex(facts)
    }

    /// What is known at this moment.
    package nonisolated var facts: MiddleProxyLinkFacts {
        state.withLock { facts in
            var facts = facts
            facts.ending = stream.ending
            return facts
        }
    }

    nonisolated func update(_ change: (inout MiddleProxyLinkFacts) -> Void) {
        state.withLock { change(&$0) }
    }

    // MARK: By hand

    /// Sends payloads as frames of one batch and waits until the kernel took them.
    package func send(_ payloads: [[UInt8]], fault: LinkFrame.Fault? = nil) async throws {
        let style = desk.behaviour.style
        for payload in payloads { sender.add(payload, style: style, fault: fault) }
        update { $0.framesSent += payloads.count }
        try await write(try sender.take(), style).value(within: nil, "sending to a proxy")
    }

    /// Enciphers and sends bytes that need not be frames, filled up to whole blocks.
    package func send(raw bytes: [UInt8]) async throws {
        sender.add(raw: bytes)
        try await write(try sender.take(), desk.behaviour.style).value(within: nil, "sending to a proxy")
    }

    /// Sends bytes past the cipher.
    package func send(ciphertext bytes: [UInt8]) async throws {
        try await stream.write(bytes)
    }

    /// Sends RPC_PING and gives its id.
    @discardableResult
    package func ping() async throws -> UInt64 {
        let id = UInt64.random(in: 0...(.max))
        update { $0.pingsSent.append(id) }
        try await send([LinkWord.ping(id)])
        return id
    }

    /// While paused nothing is taken from the socket.
    package nonisolated func setReading(paused: Bool) {
        stream.setReading(paused: paused)
    }

    /// Closes the connection with a FIN.
    package nonisolated func close() async {
        await stream.close()
    }

    /// Closes the connection with a RST.
    package nonisolated func reset() async {
        await stream.reset()
    }

    // MARK: Running

    func run(_ opening: MiddleProxyOpening) async {
        do {
            try await open(opening)
            if desk.behaviour.reading == .never { setReading(paused: true) }
            try await talk()
            end(nil)
        } catch {
            end(error)
        }
    }

    private func end(_ error: (any Error)?) {
        for task in tasks { task.cancel() }
        for session in sessions.values { session.noteLinkLost() }
        update {
            $0.isOver = true
            $0.liveSessions = 0
            $0.endedAt = .now
            $0.fillersReceived = decoder.fillers
            $0.failure = error.map { String(describing: $0) }
        }
    }

    /// Runs beside the link until it ends.
    func keep(_ body: @escaping @Sendable () async throws -> Void) {
        tasks.append(Task { try? await body() })
    }

    // MARK: Bytes

    /// Takes bytes from the socket; false at its end.
    func fill() async throws -> Bool {
        var maximum = 1 << 18
        if case .slow(let bytes, let pause) = desk.behaviour.reading {
            maximum = max(1, bytes)
            try await Task.sleep(for: pause)
        }
        guard let bytes = try await stream.read(upTo: maximum) else {
            guard partial.isEmpty, decoder.waiting == 0 else {
                throw KitError.truncated(wanted: 0, got: partial.count + decoder.waiting, stream.ending)
            }
            return false
        }
        partial += Array(buffer: bytes)
        if inbound == nil {
            decoder.append(partial)
            partial = []
        } else {
            let whole = partial.count / 16 * 16
            let plain = try inbound?.decrypt(Array(partial.prefix(whole))) ?? []
            partial.removeFirst(whole)
            decoder.append(plain)
        }
        return true
    }

    /// Keeps a payload until ``flush()``.
    func queue(_ payload: [UInt8]) {
        outbox.append(payload)
    }

    /// Sends what was queued, in one batch, and does not wait for the kernel: a link that answers goes on reading.
    func flush() throws {
        guard !outbox.isEmpty else { return }
        let style = desk.behaviour.style
        for payload in outbox { sender.add(payload, style: style) }
        update { $0.framesSent += outbox.count }
        outbox = []
        _ = write(try sender.take(), style)
    }

    private func write(_ bytes: [UInt8], _ style: MiddleProxyBehaviour.Style) -> EventLoopFuture<Void> {
        var last = stream.channel.eventLoop.makeSucceededVoidFuture()
        for piece in style.segments.pieces(of: ByteBuffer(bytes: bytes)) { last = stream.enqueue(piece) }
        return last
    }
}

extension Endpoint {
    init?(_ socket: SocketAddress) {
        guard let text = socket.ipAddress, let address = IPAddress(text), let port = socket.port else { return nil }
        self.init(address: address, port: UInt16(truncatingIfNeeded: port))
    }
}
