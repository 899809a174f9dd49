import MTProtoWire
package import NIOCore
import Synchronization

/// The data center's end of one session: reads the 64-byte header, then packets both ways.
///
/// One task sends at a time and one receives.
package actor DataCenterSession {
    /// A payload that asks a ``DataCenterBehaviour/sink`` for its digest.
    package static let reportRequest = Array("REPORT??".utf8)

    private let transport: any SessionTransport
    private let checksMessages: Bool
    private let note: @Sendable (String) -> Void
    private nonisolated let state = Mutex(SessionFacts())
    private nonisolated let digest = Mutex(RunningDigest())
    private var generator: SeededGenerator
    private var header: ObfuscationHeader?
    private var inbound: AESCTR
    private var outbound: AESCTR
    private var decoder = PacketDecoder(framing: .abridged, side: .server)
    private var plain = ByteBuffer()

    /// - Parameters:
    ///   - checksMessages: whether each message must be exactly one packet, where the transport has messages.
    ///   - note: hears of rules that were broken.
    init(
        transport: any SessionTransport,
        checksMessages: Bool,
        seed: UInt64,
        note: @escaping @Sendable (String) -> Void
    ) {
        self.transport = transport
        self.checksMessages = checksMessages && transport.keepsMessages
        self.note = note
        generator = SeededGenerator(seed: seed)
        inbound = AESCTR(key: Block32(), iv: Block16())
        outbound = AESCTR(key: Block32(), iv: Block16())
        state.withLock {
            $0.host = transport.host
            $0.peer = transport.peer
        }
    }

    /// What is known at this moment.
    package nonisolated var facts: SessionFacts {
        var facts = state.withLock { $0 }
        facts.digest = digest.withLock { $0.value }
        return facts
    }

    /// Whether the 64 bytes came.
    package nonisolated var hasHeader: Bool { state.withLock { !$0.header.isEmpty } }
    /// Payload bytes received so far.
    package nonisolated var payloadBytesReceived: Int { state.withLock { $0.payloadBytesReceived } }

    // MARK: Receiving

    /// The next payload, or nil when the other side has ended its direction.
    package func receive() async throws -> [UInt8]? {
        while true {
            switch try decoder.next(&plain) {
            case .packet(let packet, let wantsQuickAck):
                let payload = try MessageEnvelope.unwrap(packet)
                digest.withLock { $0.update(payload) }
                let count = state.withLock {
                    $0.packetsReceived += 1
                    $0.payloadBytesReceived += payload.count
                    $0.quickAcksWanted += wantsQuickAck ? 1 : 0
                    if $0.packetLengths.count < 4096 { $0.packetLengths.append(packet.count) }
                    return $0.packetsReceived
                }
                if wantsQuickAck { try await send(quickAck: UInt32(count)) }
                return payload
            case .quickAck, .transportError:
                throw KitError.violation("a client sent what only servers send")
            case nil:
                guard try await fill() else { return nil }
            }
        }
    }

    private func fill() async throws -> Bool {
        guard var bytes = try await transport.readChunk() else {
            state.withLock { $0.sawEnd = true }
            guard plain.readableBytes == 0 else {
                throw KitError.violation("the stream ended \(plain.readableBytes) bytes into a packet")
            }
            return false
        }
        bytes.withUnsafeMutableReadableBytes { inbound.apply(inPlace: $0) }
        if checksMessages { checkMessage(bytes) }
        plain.discardReadBytes()
        plain.writeBuffer(&bytes)
        return true
    }

    private func checkMessage(_ message: ByteBuffer) {
        var rest = message
        var decoder = PacketDecoder(framing: header?.framing ?? .abridged, side: .server)
        let first = (try? decoder.next(&rest)) ?? nil
        if first == nil {
            note("a WebSocket message of \(message.readableBytes) bytes is not a whole packet")
        } else if rest.readableBytes > 0 {
            note("a WebSocket message of \(message.readableBytes) bytes holds more than one packet")
        }
    }

    func readHeader() async throws {
        var bytes = ByteBuffer()
        while bytes.readableBytes < 64 {
            guard var chunk = try await transport.readChunk() else { throw KitError.ended(.finished) }
            if checksMessages, chunk.readableBytes != 64 {
                note("the first WebSocket message has \(chunk.readableBytes) bytes, not the header's 64")
            }
            bytes.writeBuffer(&chunk)
        }
        guard let raw = bytes.readBytes(length: 64) else { return }
        guard !ObfuscationHeader.looksLikeSomethingElse(raw) else {
            throw KitError.violation("a header that looks like another protocol: \(hex(raw.prefix(8)))")
        }
        let header = try ObfuscationHeader(reading: raw)
        self.header = header
        inbound = AESCTR(header.fromSender)
        inbound.seek(to: 64)
        outbound = AESCTR(header.toSender)
        decoder = PacketDecoder(framing: header.framing, side: .server)
        bytes.withUnsafeMutableReadableBytes { inbound.apply(inPlace: $0) }
        plain = bytes
        state.withLock {
            $0.header = raw
            $0.framing = header.framing
            $0.dataCenterWire = header.dataCenterWire
        }
    }

    // MARK: Sending

    /// Sends one payload as a packet.
    package func send(_ payload: [UInt8]) async throws {
        let count = state.withLock {
            $0.packetsSent += 1
            return $0.packetsSent
        }
        let framing = header?.framing ?? .abridged
        let padding = framing == .paddedIntermediate ? Int.random(in: 0...15, using: &generator) : 0
        let packet = MessageEnvelope.wrap(payload, id: UInt64(count) << 2 | 1)
        try await sendStream(PacketEncoder.encode(packet, framing: framing, padding: generator.bytes(padding)))
    }

    /// Sends a transport error: a packet of 4 bytes, and padding where the framing has it.
    package func send(transportError code: Int32) async throws {
        let framing = header?.framing ?? .abridged
        let padding = framing == .paddedIntermediate ? Int.random(in: 0...15, using: &generator) : 0
        let packet = withUnsafeBytes(of: code.littleEndian) { Array($0) }
        try await sendStream(PacketEncoder.encode(packet, framing: framing, padding: generator.bytes(padding)))
    }

    /// Sends a quick acknowledgement; its top bit is set here.
    package func send(quickAck token: UInt32) async throws {
        try await sendStream(PacketEncoder.encode(quickAck: token, framing: header?.framing ?? .abridged))
    }

    /// Encrypts and sends bytes of the packet stream, whether they are packets or not.
    package func sendStream(_ plain: ByteBuffer) async throws {
        var bytes = plain
        bytes.withUnsafeMutableReadableBytes { outbound.apply(inPlace: $0) }
        try await transport.writeChunk(bytes)
    }

    /// Sends `count` random bytes in packets of `packetSize` and returns their digest.
    @discardableResult
    package func pump(_ count: Int, packetSize: Int = 1 << 16) async throws -> RunningDigest {
        var digest = RunningDigest()
        while digest.count < count {
            let payload = generator.bytes(min(packetSize, count - digest.count))
            digest.update(payload)
            try await send(payload)
        }
        return digest
    }

    func randomBytes(_ count: Int) -> [UInt8] { generator.bytes(count) }

    // MARK: Ending

    /// Sends FIN, or a close frame, and goes on reading where the transport can.
    package nonisolated func halfClose() async throws {
        try await transport.finishWriting()
    }

    /// Ends the connection with a RST.
    package nonisolated func reset() async {
        await transport.reset()
    }

    /// While paused nothing is taken from the socket.
    package nonisolated func setReading(paused: Bool) {
        transport.setReading(paused: paused)
    }

    func end(_ error: (any Error)?) {
        state.withLock {
            $0.isOver = true
            $0.failure = error.map { String(describing: $0) }
        }
    }
}
