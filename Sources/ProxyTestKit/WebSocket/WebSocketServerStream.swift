package import NIOCore

/// The server's end of a WebSocket (RFC 6455), strict about everything that a client must do.
package actor WebSocketServerStream: SessionTransport {
    package nonisolated let keepsMessages: Bool
    package nonisolated let host: String
    package nonisolated let peer: String

    private let stream: ByteStream
    private let connection: EdgeConnection
    private let style: EdgeOutputStyle
    private let note: @Sendable (String) -> Void
    private var input: ByteBuffer
    private var lastMask: UInt32?
    private var openPings: [[UInt8]] = []
    private var hasSentClose = false
    private var isAtEnd = false
    /// Largest message taken, in bytes.
    private let maximumMessage: Int

    private struct Frame {
        var isFinal: Bool
        var opcode: UInt8
        var payload: ByteBuffer
    }

    init(
        stream: ByteStream,
        early: ByteBuffer,
        connection: EdgeConnection,
        host: String,
        style: EdgeOutputStyle,
        keepsMessages: Bool,
        maximumMessage: Int,
        note: @escaping @Sendable (String) -> Void
    ) {
        self.stream = stream
        self.connection = connection
        self.style = style
        self.note = note
        self.host = host
        self.keepsMessages = keepsMessages
        self.maximumMessage = maximumMessage
        peer = stream.peer
        input = early
    }

    // MARK: Reading

    /// The next message; nil after a close frame or the end of the stream. Control frames are answered on the way.
    package func readChunk() async throws -> ByteBuffer? {
        var message: ByteBuffer?
        while !isAtEnd, let frame = try await nextFrame() {
            switch frame.opcode {
            case 0x0:
                guard message != nil else { throw broken("a continuation of nothing") }
                var payload = frame.payload
                message?.writeBuffer(&payload)
            case 0x1, 0x2:
                guard message == nil else { throw broken("a new message inside a fragmented one") }
                if frame.opcode == 0x1 { note("a text frame") }
                if !frame.isFinal { connection.update { $0.fragmentedMessages += 1 } }
                message = frame.payload
            case 0x8:
                try await closed(frame.payload)
                return nil
            case 0x9:
                note("a PING, upon which Telegram closes the connection")
                try await write(opcode: 0xa, Array(buffer: frame.payload))
                continue
            case 0xa:
                ponged(Array(buffer: frame.payload))
                continue
            default: throw broken("opcode \(frame.opcode)")
            }
            if let size = message?.readableBytes, size > maximumMessage {
                note("a message of \(size) bytes, above the limit of \(maximumMessage)")
                try await finish(code: 1009)
                return nil
            }
            if frame.isFinal {
                connection.update { $0.messages += 1 }
                return message
            }
        }
        return nil
    }

    private func nextFrame() async throws -> Frame? {
        while true {
            if let frame = try parseFrame() { return frame }
            guard var bytes = try await stream.read() else {
                guard input.readableBytes == 0 else {
                    throw KitError.truncated(wanted: 0, got: input.readableBytes, stream.ending)
                }
                isAtEnd = true
                return nil
            }
            input.discardReadBytes()
            input.writeBuffer(&bytes)
        }
    }

    private func parseFrame() throws -> Frame? {
        var cursor = input
        guard let first = cursor.readInteger(as: UInt8.self), let second = cursor.readInteger(as: UInt8.self) else {
            return nil
        }
        let (isFinal, opcode) = (first & 0x80 != 0, first & 0x0f)
        guard first & 0x70 == 0 else { throw broken("reserved bits in \(hex([first]))") }
        guard second & 0x80 != 0 else { throw broken("a frame without mask") }
        var length = UInt64(second & 0x7f)
        if length == 126 {
            guard let long = cursor.readInteger(as: UInt16.self) else { return nil }
            length = UInt64(long)
            if length < 126 { throw broken("an overlong length \(length)") }
        } else if length == 127 {
            guard let long = cursor.readInteger(as: UInt64.self) else { return nil }
            length = long
            if length < 1 << 16 { throw broken("an overlong length \(length)") }
        }
        guard opcode < 8 || (isFinal && length <= 125) else { throw broken("a control frame of \(length) bytes") }
        guard length <= 64 << 20 else { throw broken("a frame of \(length) bytes") }
        guard let mask = cursor.readInteger(endianness: .host, as: UInt32.self) else { return nil }
        guard var payload = cursor.readSlice(length: Int(length)) else { return nil }
        if mask == 0 || mask == lastMask { note("the mask \(hex(withUnsafeBytes(of: mask) { Array($0) })) again") }
        lastMask = mask
        input = cursor
        payload.withUnsafeMutableReadableBytes { applyMask(mask, to: $0) }
        return Frame(isFinal: isFinal, opcode: opcode, payload: payload)
    }

    private func ponged(_ payload: [UInt8]) {
        guard let index = openPings.firstIndex(of: payload) else { return note("a PONG that nobody asked for") }
        // A pong answers all pings up to its own.
        openPings.removeFirst(index + 1)
        connection.update { $0.pongsReceived += 1 }
    }

    private func closed(_ payload: ByteBuffer) async throws {
        isAtEnd = true
        var payload = payload
        let code = payload.readInteger(as: UInt16.self)
        if payload.readableBytes == 1, code == nil { note("a close frame of one byte") }
        connection.update { $0.closeCode = code.map(Int.init) ?? 1005 }
        if !hasSentClose {
            hasSentClose = true
            try? await write(opcode: 0x8, code.map { [UInt8($0 >> 8), UInt8($0 & 0xff)] } ?? [])
        }
        // The server closes first (RFC 6455 section 7.1.1).
        try? await stream.halfClose()
    }

    private func broken(_ what: String) -> KitError {
        note(what)
        return .violation(what)
    }

    // MARK: Writing

    /// Sends one message in as many frames as the style says.
    package func writeChunk(_ bytes: ByteBuffer) async throws {
        let kind: UInt8 = style.usesTextFrames ? 0x1 : 0x2
        guard style.fragments > 1 else { return try await writeFrame(0x80 | kind, bytes) }
        var rest = bytes
        for index in 0..<style.fragments {
            let isLast = index == style.fragments - 1
            let count = isLast ? rest.readableBytes : bytes.readableBytes / style.fragments
            let part = rest.readSlice(length: count) ?? ByteBuffer()
            try await writeFrame((isLast ? 0x80 : 0) | (index == 0 ? kind : 0), part)
            if style.pingsBetweenFragments, !isLast { try await ping([UInt8(truncatingIfNeeded: index)]) }
        }
    }

    /// Sends a ping of at most 125 bytes, in the same write as what goes in front of it.
    package func ping(_ payload: [UInt8], behind head: ByteBuffer = ByteBuffer()) async throws {
        openPings.append(payload)
        connection.update { $0.pingsSent += 1 }
        var bytes = head
        bytes.writeBytes([0x89, UInt8(payload.count)] + payload)
        try await stream.enqueue(bytes).value(within: nil, "sending a ping")
    }

    /// Sends a close frame, with a code or without, and half-closes.
    package func finish(code: Int?) async throws {
        guard !hasSentClose else { return }
        hasSentClose = true
        let payload = code.map { [UInt8(truncatingIfNeeded: $0 >> 8), UInt8(truncatingIfNeeded: $0)] } ?? []
        try await write(opcode: 0x8, payload)
        try await stream.halfClose()
    }

    /// Sends bytes as they are: frames that no correct server sends.
    package func writeRaw(_ bytes: [UInt8]) async throws {
        try await stream.write(bytes)
    }

    private func write(opcode: UInt8, _ payload: [UInt8]) async throws {
        try await writeFrame(0x80 | opcode, ByteBuffer(bytes: payload))
    }

    private func writeFrame(_ first: UInt8, _ payload: ByteBuffer) async throws {
        var frame = ByteBuffer()
        frame.reserveCapacity(payload.readableBytes + 10)
        frame.writeInteger(first)
        switch payload.readableBytes {
        case 0..<126: frame.writeInteger(UInt8(payload.readableBytes))
        case 126..<(1 << 16):
            frame.writeInteger(UInt8(126))
            frame.writeInteger(UInt16(payload.readableBytes))
        default:
            frame.writeInteger(UInt8(127))
            frame.writeInteger(UInt64(payload.readableBytes))
        }
        frame.writeImmutableBuffer(payload)
        try await stream.enqueue(frame).value(within: nil, "sending a frame")
    }

    // MARK: Ending

    package func finishWriting() async throws {
        try await finish(code: 1000)
    }

    package nonisolated func reset() async {
        await stream.reset()
    }

    package nonisolated func setReading(paused: Bool) {
        stream.setReading(paused: paused)
    }
}

/// XORs bytes with a repeating mask of four bytes in memory order.
private func applyMask(_ mask: UInt32, to bytes: UnsafeMutableRawBufferPointer) {
    let wide = UInt64(mask) << 32 | UInt64(mask)
    var offset = 0
    while offset + 8 <= bytes.count {
        let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        bytes.storeBytes(of: word ^ wide, toByteOffset: offset, as: UInt64.self)
        offset += 8
    }
    withUnsafeBytes(of: wide) { mask in
        while offset < bytes.count {
            bytes[offset] ^= mask[offset & 7]
            offset += 1
        }
    }
}
