package import MTProtoWire
package import NIOCore

/// A Telegram client as far as a proxy can see one: obfuscated2, bare or inside FakeTLS, and packets of any content.
///
/// Payloads travel in a ``MessageEnvelope``, so what `send` takes is what the other end's `receive` gives. One task may
/// send while another one receives.
package actor TelegramClient {
    /// The connection below.
    package nonisolated let stream: ByteStream
    /// The obfuscated2 header that was sent, or will be with the first packet.
    package nonisolated let header: ObfuscationHeader
    /// The FakeTLS hello that was sent.
    package nonisolated let hello: FakeTLSHello?
    /// The proxy's answer to it, verified.
    package nonisolated let reply: FakeTLSReply?
    /// Quick acknowledgements that arrived, in order, with the top bit set.
    package private(set) var quickAcks: [UInt32] = []
    /// Packets sent and received.
    package private(set) var packets = (sent: 0, received: 0)
    /// Packets received that mean nothing; see ``PacketDecoder/emptyPackets``.
    package var emptyPackets: Int { decoder.emptyPackets }

    private let options: TelegramClientOptions
    private var generator: SeededGenerator
    private var outbound: AESCTR
    private var inbound: AESCTR
    private var records: (up: RecordLayer, down: RecordLayer)?
    private var heldHeader: [UInt8]?
    private var wire = ByteBuffer()
    private var plain = ByteBuffer()
    private var decoder: PacketDecoder

    // MARK: Opening

    /// Connects, and for an ee secret completes the FakeTLS handshake. Without a secret the client speaks as a proxy
    /// does to a data center.
    package static func connect(
        host: String = "127.0.0.1",
        port: Int,
        secret: ProxySecret?,
        options: TelegramClientOptions = TelegramClientOptions()
    ) async throws -> TelegramClient {
        var generator = SeededGenerator(seed: options.seed ?? .random(in: 0...(.max)))
        let hello = try makeHello(secret, options, &generator)
        let stream = try await ByteStream.connect(host: host, port: port, options: options.connect)
        do {
            var opening = ByteBuffer(bytes: options.leadingBytes)
            var reply: FakeTLSReply?
            if let hello, let secret {
                opening.writeBytes(hello.wire)
                try await stream.write(opening, segments: options.segments, within: options.patience)
                opening.clear()
                reply = try await .read(from: stream, hello: hello, secret: secret, within: options.patience)
            }
            let header = try makeHeader(secret, options, &generator)
            let client = TelegramClient(stream, header, hello, reply, options, generator)
            try await client.sendHeader(behind: opening)
            return client
        } catch {
            stream.closeSocket()
            throw error
        }
    }

    /// Connects and sends the opening only (leading bytes, then the hello or the obfuscated2 header), without waiting
    /// for an answer: for strangers, whose answer comes from a mask host or not at all.
    package static func knock(
        host: String = "127.0.0.1",
        port: Int,
        secret: ProxySecret,
        options: TelegramClientOptions = TelegramClientOptions()
    ) async throws -> ByteStream {
        var generator = SeededGenerator(seed: options.seed ?? .random(in: 0...(.max)))
        var opening = ByteBuffer(bytes: options.leadingBytes)
        if let hello = try makeHello(secret, options, &generator) {
            opening.writeBytes(hello.wire)
        } else {
            opening.writeBytes(announcement(try makeHeader(secret, options, &generator), options))
        }
        let stream = try await ByteStream.connect(host: host, port: port, options: options.connect)
        try await stream.write(opening, segments: options.segments, within: options.patience)
        return stream
    }

    private static func makeHello(
        _ secret: ProxySecret?,
        _ options: TelegramClientOptions,
        _ generator: inout SeededGenerator
    ) throws -> FakeTLSHello? {
        guard let secret, case .fakeTLS = secret.kind else { return nil }
        if let recorded = options.replayedHello { return try FakeTLSHello(replaying: recorded) }
        return FakeTLSHello(secret: secret, options: options.hello, using: &generator)
    }

    private static func makeHeader(
        _ secret: ProxySecret?,
        _ options: TelegramClientOptions,
        _ generator: inout SeededGenerator
    ) throws -> ObfuscationHeader {
        if let recorded = options.replayedHeader {
            return try ObfuscationHeader(reading: recorded, secret: secret?.key)
        }
        return try ObfuscationHeader.make(
            framing: options.framing,
            dataCenterWire: options.dataCenter,
            secret: secret?.key,
            using: &generator
        )
    }

    /// What stands before the first packet: the header, or the bare framing's tag.
    private static func announcement(_ header: ObfuscationHeader, _ options: TelegramClientOptions) -> [UInt8] {
        guard options.isBare else { return header.bytes }
        return [UInt8](repeating: header.framing.tag, count: header.framing == .abridged ? 1 : 4)
    }

    private init(
        _ stream: ByteStream,
        _ header: ObfuscationHeader,
        _ hello: FakeTLSHello?,
        _ reply: FakeTLSReply?,
        _ options: TelegramClientOptions,
        _ generator: SeededGenerator
    ) {
        self.stream = stream
        self.header = header
        self.hello = hello
        self.reply = reply
        self.options = options
        self.generator = generator
        outbound = AESCTR(header.fromSender)
        outbound.seek(to: 64)
        inbound = AESCTR(header.toSender)
        records = reply == nil ? nil : (RecordLayer(), RecordLayer())
        decoder = PacketDecoder(framing: header.framing, side: .client)
    }

    private func sendHeader(behind leading: ByteBuffer) async throws {
        if options.joinsHeaderAndFirstPacket {
            heldHeader = Array(buffer: leading) + Self.announcement(header, options)
            return
        }
        var opening = leading
        opening.writeBytes(Self.announcement(header, options))
        let framed = records?.up.encode(opening) ?? opening
        let segments = records == nil ? options.segments : .whole
        try await stream.write(framed, segments: segments, within: options.patience)
    }

    // MARK: Sending

    /// Sends one payload of any length as a packet and waits until the kernel took it.
    package func send(
        _ payload: [UInt8],
        wantsQuickAck: Bool = false,
        segments: SegmentPlan = .whole
    ) async throws {
        try await sendStream(packet(payload, wantsQuickAck), segments: segments)
    }

    /// Sends several payloads in one write.
    package func send(joined payloads: [[UInt8]]) async throws {
        var all = ByteBuffer()
        for payload in payloads {
            var one = packet(payload, false)
            all.writeBuffer(&one)
        }
        try await sendStream(all)
    }

    /// Sends a packet as it is, without envelope, and with no padding but this.
    package func send(rawPacket: [UInt8], wantsQuickAck: Bool = false, padding: [UInt8] = []) async throws {
        packets.sent += 1
        try await sendStream(
            PacketEncoder.encode(rawPacket, framing: header.framing, wantsQuickAck: wantsQuickAck, padding: padding)
        )
    }

    /// Encrypts and sends bytes of the packet stream, whether they are packets or not.
    package func sendStream(_ plain: ByteBuffer, segments: SegmentPlan = .whole) async throws {
        // Up to `enqueue` nothing suspends: the order of the keystream is the order on the wire.
        var bytes = plain
        if !options.isBare { bytes.withUnsafeMutableReadableBytes { outbound.apply(inPlace: $0) } }
        if let held = heldHeader {
            heldHeader = nil
            bytes = ByteBuffer(bytes: held + Array(buffer: bytes))
        }
        let framed = records?.up.encode(bytes) ?? bytes
        if segments == .whole {
            let taken = stream.enqueue(framed)
            try await taken.value(within: options.patience, "sending \(framed.readableBytes) bytes")
        } else {
            try await stream.write(framed, segments: segments, within: options.patience)
        }
    }

    /// Sends `count` random bytes in packets of `packetSize` and returns their digest.
    package func pump(_ count: Int, packetSize: Int = 1 << 16) async throws -> RunningDigest {
        var digest = RunningDigest()
        while digest.count < count {
            let payload = generator.bytes(min(packetSize, count - digest.count))
            digest.update(payload)
            try await send(payload)
        }
        return digest
    }

    private func packet(_ payload: [UInt8], _ wantsQuickAck: Bool) -> ByteBuffer {
        packets.sent += 1
        let padding = header.framing == .paddedIntermediate ? Int.random(in: options.padding, using: &generator) : 0
        return PacketEncoder.encode(
            MessageEnvelope.wrap(payload, id: UInt64(packets.sent) << 2, form: options.form),
            framing: header.framing,
            wantsQuickAck: wantsQuickAck,
            padding: generator.bytes(padding)
        )
    }

    // MARK: Receiving

    /// The next payload. Quick acknowledgements on the way go to ``quickAcks``.
    /// - Throws: ``KitError/ended(_:)`` at the end, ``KitError/transportError(_:)`` for a packet that says so.
    package func receive(within limit: Duration? = nil) async throws -> [UInt8] {
        guard let payload = try await receiveOrEnd(within: limit) else { throw KitError.ended(stream.ending) }
        return payload
    }

    /// The next payload, or nil when the stream ended behind a whole packet.
    package func receiveOrEnd(within limit: Duration? = nil) async throws -> [UInt8]? {
        while let item = try await receiveItem(within: limit) {
            switch item {
            case .packet(let packet, _): return try MessageEnvelope.unwrap(packet)
            case .quickAck(let token): quickAcks.append(token)
            case .transportError(let code): throw KitError.transportError(code)
            }
        }
        return nil
    }

    /// The next thing in the packet stream as it is, or nil at its end.
    package func receiveItem(within limit: Duration? = nil) async throws -> StreamItem? {
        while true {
            if let item = try decoder.next(&plain) {
                if case .packet = item { packets.received += 1 }
                return item
            }
            guard try await fill(within: limit ?? options.patience) else {
                guard plain.readableBytes == 0 else {
                    throw KitError.truncated(wanted: 0, got: plain.readableBytes, stream.ending)
                }
                return nil
            }
        }
    }

    /// Receives payloads of `count` bytes together and returns their digest.
    package func drain(_ count: Int) async throws -> RunningDigest {
        var digest = RunningDigest()
        while digest.count < count { digest.update(try await receive()) }
        return digest
    }

    /// Sends a payload and expects it back.
    package func exchange(_ payload: [UInt8]) async throws {
        try await send(payload)
        let answer = try await receive()
        guard answer == payload else {
            throw KitError.violation("sent \(payload.count) bytes, got \(answer.count) other bytes back")
        }
    }

    /// Bytes of the socket as they are, past TLS framing and cipher; not to be mixed with the other ways to receive.
    package func readRaw(upTo maximum: Int = 1 << 16, within limit: Duration? = nil) async throws -> ByteBuffer? {
        try await stream.read(upTo: maximum, within: limit ?? options.patience)
    }

    private func fill(within limit: Duration) async throws -> Bool {
        guard var bytes = try await stream.read(within: limit) else { return false }
        var fresh = ByteBuffer()
        if records == nil {
            fresh = bytes
        } else {
            wire.discardReadBytes()
            wire.writeBuffer(&bytes)
            try records?.down.decode(&wire, into: &fresh)
        }
        if !options.isBare { fresh.withUnsafeMutableReadableBytes { inbound.apply(inPlace: $0) } }
        plain.discardReadBytes()
        plain.writeBuffer(&fresh)
        return true
    }

    // MARK: Ending

    /// While paused nothing is taken from the socket: a reader that fell asleep.
    package nonisolated func setReading(paused: Bool) {
        stream.setReading(paused: paused)
    }

    /// Sends FIN and goes on receiving.
    package nonisolated func halfClose() async throws {
        try await stream.halfClose()
    }

    /// Closes orderly.
    package nonisolated func close() async {
        await stream.close()
    }

    /// Closes with a RST.
    package nonisolated func reset() async {
        await stream.reset()
    }
}
