package import NIOCore

/// Writes the frames that a WebSocket client sends (RFC 6455): whole messages, always masked, never fragmented.
///
/// Shape: `8x` (FIN and opcode), mask bit and length (1 byte; or 126 and 2 bytes, or 127 and 8 bytes, big endian), the
/// mask (4 bytes), then the payload XORed with the mask repeated. The relay writes the header and lets the mask ride in
/// the same pass as its ciphers; the functions that mask by themselves are for the rare small messages.
///
/// A mask is an integer whose lowest byte comes first on the wire.
package enum WebSocketFrameWriter {
    /// The longest header: 2 bytes, an 8-byte length and the mask.
    package static let maximumHeaderLength = 14

    /// Bytes of the header of a frame with this many payload bytes: 6, 8 or 14.
    package static func headerLength(payloadLength: Int) -> Int {
        switch payloadLength {
        case ..<126: 6
        case ..<65_536: 8
        default: 14
        }
    }

    /// Writes a frame header and says how long it got.
    ///
    /// - Parameters:
    ///   - payloadLength: bytes that will follow, 0 or more.
    ///   - destination: room for `headerLength(payloadLength:)` bytes, in any alignment.
    @discardableResult
    package static func writeHeader(
        _ opcode: WebSocketOpcode, payloadLength: Int, mask: UInt32, into destination: UnsafeMutableRawPointer
    ) -> Int {
        let length = headerLength(payloadLength: payloadLength)
        destination.storeBytes(of: 0x80 | opcode.rawValue, as: UInt8.self)
        switch length {
        case 6:
            destination.storeBytes(of: 0x80 | UInt8(clamping: payloadLength), toByteOffset: 1, as: UInt8.self)
        case 8:
            destination.storeBytes(of: 0x80 | 126, toByteOffset: 1, as: UInt8.self)
            destination.storeBytes(of: UInt16(clamping: payloadLength).bigEndian, toByteOffset: 2, as: UInt16.self)
        default:
            destination.storeBytes(of: 0x80 | 127, toByteOffset: 1, as: UInt8.self)
            destination.storeBytes(of: UInt64(clamping: payloadLength).bigEndian, toByteOffset: 2, as: UInt64.self)
        }
        destination.storeBytes(of: mask.littleEndian, toByteOffset: length - 4, as: UInt32.self)
        return length
    }

    /// A whole frame around `payload`, masked. For the upstream header and other small messages.
    package static func frame(
        _ opcode: WebSocketOpcode, payload: some Collection<UInt8>, mask: UInt32
    ) -> ByteBuffer {
        let length = payload.count
        var buffer = ByteBuffer()
        buffer.reserveCapacity(headerLength(payloadLength: length) + length)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: headerLength(payloadLength: length)) { space in
            guard let start = space.baseAddress else { return 0 }
            return writeHeader(opcode, payloadLength: length, mask: mask, into: start)
        }
        buffer.writeBytes(
            payload.enumerated().lazy.map { index, byte in
                byte ^ UInt8(truncatingIfNeeded: mask &>> UInt32(8 &* (index & 3)))
            }
        )
        return buffer
    }

    /// The answer to a ping: its payload, of which a control frame can carry 125 bytes.
    package static func pong(_ payload: ByteBuffer, mask: UInt32) -> ByteBuffer {
        frame(.pong, payload: payload.readableBytesView.prefix(WebSocketFrameReader.maximumControlLength), mask: mask)
    }

    /// A ping without payload. Telegram's own endpoint closes the connection when it gets one; others answer.
    package static func ping(mask: UInt32) -> ByteBuffer {
        frame(.ping, payload: [], mask: mask)
    }

    /// A close frame: with a code (1000 is a normal end), or the bare answer to a bare close.
    package static func close(code: UInt16?, mask: UInt32) -> ByteBuffer {
        let payload = code.map { [UInt8(truncatingIfNeeded: $0 >> 8), UInt8(truncatingIfNeeded: $0)] } ?? []
        return frame(.close, payload: payload, mask: mask)
    }
}
