package import NIOCore

/// Reads the frames that a WebSocket server sends (RFC 6455), without storing the payload of data frames.
///
/// Shape of a frame: FIN bit, three reserved bits and opcode (1 byte), mask bit and length (1 byte; 126 and 127
/// announce 2 or 8 more length bytes, big endian), then the payload. Servers do not mask.
///
/// Messages are taken as one stream: fragments and whole messages, text and binary all count as data, since MTProto's
/// own framing says where a packet ends. Frame headers and control frames cut by the network are held in the value
/// itself, at most 8 length bytes and 125 payload bytes.
package struct WebSocketFrameReader: Equatable, Sendable {
    /// The most payload bytes of one data frame: what the longest packet needs, since one message carries one packet.
    package static let maximumFrameLength = PacketScanner.maximumPacketLength + 4
    /// The most payload bytes of a control frame (section 5.5).
    package static let maximumControlLength = 125

    /// What stands at the cursor.
    package enum Event: Equatable, Sendable {
        /// The next `count` bytes, 1 or more, are payload. The caller moves on behind exactly these.
        case data(count: Int)
        /// A ping; its payload goes back in a pong.
        case ping(ByteBuffer)
        /// A pong, asked for or not.
        case pong
        /// The server is done; whatever follows is ignored. The reason is the server's text with broken UTF-8 repaired.
        case close(code: UInt16?, reason: String)
        /// Every byte was taken.
        case needMore
    }

    private enum State: Equatable {
        /// At the first byte of a frame.
        case start
        /// Behind the first byte.
        case length(WebSocketOpcode)
        /// Amid the 2 or 8 bytes of a long length.
        case longLength(WebSocketOpcode, missing: Int, value: UInt64)
        /// Amid the payload of a data frame.
        case data(remaining: Int)
        /// Amid the payload of a control frame, gathered in `control`.
        case control(WebSocketOpcode, remaining: Int)
        /// Behind a close frame.
        case closed
    }

    private var state = State.start
    /// Whether a message has begun whose last fragment did not come yet.
    private var isInsideMessage = false
    /// Payload of the control frame that is being read.
    private var control = ByteBuffer()

    package init() {}

    /// Reads up to the next event, moving over headers and control frames.
    ///
    /// - Throws: one of the `webSocket…` errors.
    package mutating func next(_ buffer: inout ByteBuffer) throws(WireError) -> Event {
        while true {
            switch state {
            case .start:
                guard let byte = buffer.readInteger(as: UInt8.self) else { return .needMore }
                state = .length(try beginFrame(byte))
            case .length(let opcode):
                guard let byte = buffer.readInteger(as: UInt8.self) else { return .needMore }
                try readLength(byte, opcode)
            case .longLength(let opcode, let missing, let value):
                guard let byte = buffer.readInteger(as: UInt8.self) else { return .needMore }
                let length = value &<< 8 | UInt64(byte)
                if missing > 1 {
                    state = .longLength(opcode, missing: missing - 1, value: length)
                } else {
                    try beginPayload(opcode, length: length)
                }
            case .data(let remaining):
                let count = min(remaining, buffer.readableBytes)
                guard count > 0 else { return .needMore }
                state = count == remaining ? .start : .data(remaining: remaining - count)
                return .data(count: count)
            case .control(let opcode, let remaining):
                guard let event = try readControl(opcode, remaining, &buffer) else { return .needMore }
                return event
            case .closed:
                buffer.moveReaderIndex(forwardBy: buffer.readableBytes)
                return .needMore
            }
        }
    }

    /// Judges the first byte of a frame.
    private mutating func beginFrame(_ byte: UInt8) throws(WireError) -> WebSocketOpcode {
        let isLast = byte & 0x80 != 0
        guard byte & 0x70 == 0 else { throw .webSocketReservedBits }
        guard let opcode = WebSocketOpcode(rawValue: byte & 0x0f) else { throw .webSocketUnknownOpcode }
        switch opcode {
        case .close, .ping, .pong:
            guard isLast else { throw .webSocketFragmentedControl }
        case .continuation:
            guard isInsideMessage else { throw .webSocketStrayContinuation }
            isInsideMessage = !isLast
        case .text, .binary:
            guard !isInsideMessage else { throw .webSocketInterruptedMessage }
            isInsideMessage = !isLast
        }
        return opcode
    }

    /// Judges the second byte of a frame.
    private mutating func readLength(_ byte: UInt8, _ opcode: WebSocketOpcode) throws(WireError) {
        guard byte & 0x80 == 0 else { throw .webSocketMaskedByServer }
        guard byte <= Self.maximumControlLength || !opcode.isControl else { throw .webSocketControlTooLong }
        switch byte {
        case 126: state = .longLength(opcode, missing: 2, value: 0)
        case 127: state = .longLength(opcode, missing: 8, value: 0)
        default: try beginPayload(opcode, length: UInt64(byte))
        }
    }

    /// Goes on to the payload. A length written longer than it needs to be is harmless and taken as it is.
    private mutating func beginPayload(_ opcode: WebSocketOpcode, length: UInt64) throws(WireError) {
        guard let length = Int(exactly: length), length <= Self.maximumFrameLength else { throw .webSocketFrameTooLong }
        if opcode.isControl {
            state = .control(opcode, remaining: length)
        } else {
            state = length == 0 ? .start : .data(remaining: length)
        }
    }

    /// Gathers a control frame's payload; nil as long as bytes of it are missing.
    private mutating func readControl(
        _ opcode: WebSocketOpcode, _ remaining: Int, _ buffer: inout ByteBuffer
    ) throws(WireError) -> Event? {
        if var part = buffer.readSlice(length: min(remaining, buffer.readableBytes)) {
            let missing = remaining - part.readableBytes
            control.writeBuffer(&part)
            state = .control(opcode, remaining: missing)
            guard missing == 0 else { return nil }
        }
        var payload = control
        control = ByteBuffer()
        state = opcode == .close ? .closed : .start
        switch opcode {
        case .ping: return .ping(payload)
        case .close: return try Self.closeEvent(&payload)
        case .pong, .continuation, .text, .binary: return .pong
        }
    }

    /// Reads a close frame's payload: nothing, or a code (2 bytes, big endian) and a reason (section 5.5.1).
    private static func closeEvent(_ payload: inout ByteBuffer) throws(WireError) -> Event {
        guard payload.readableBytes != 1 else { throw .webSocketBadClose }
        let code = payload.readInteger(as: UInt16.self)
        return .close(code: code, reason: String(buffer: payload))
    }
}
