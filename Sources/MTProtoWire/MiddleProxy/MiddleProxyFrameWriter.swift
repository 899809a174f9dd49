package import NIOCore

/// Writes frames of a middle-proxy link.
///
/// Shape of a frame: length (`UInt32`, all of the frame), sequence (`Int32`), payload (a multiple of 4 bytes),
/// checksum (`UInt32`) over everything before; little endian. The payload is written in place, between `begin` and
/// `end`. Frames that leave together share one padding.
package struct MiddleProxyFrameWriter: Sendable, Equatable {
    /// Bytes of a frame beside its payload.
    package static let overhead = 12
    /// A whole frame without payload or number, of which any count may stand between two frames.
    package static let filler: UInt32 = 4

    package var crc: CRC
    /// The number of the next frame: -2 for the nonce, -1 for the handshake, then from 0 upwards.
    package var sequence: Int32

    package init(crc: CRC = .crc32, sequence: Int32 = 0) {
        self.crc = crc
        self.sequence = sequence
    }

    /// Writes length and sequence; the payload comes next.
    ///
    /// - Parameter payloadLength: a multiple of 4, at most `MiddleProxyFrameReader.maximumFrameLength - overhead`.
    /// - Returns: where the frame starts, for `end`.
    package mutating func begin(payloadLength: Int, into buffer: inout ByteBuffer) -> Int {
        let start = buffer.writerIndex
        let length = UInt32(truncatingIfNeeded: payloadLength &+ Self.overhead)
        buffer.writeMultipleIntegers(length, sequence, endianness: .little)
        sequence &+= 1
        return start
    }

    /// Writes the checksum over what was written since `start`.
    package func end(_ buffer: inout ByteBuffer, start: Int) {
        let checksum = buffer.withUnsafeReadableBytes { bytes in
            // Indices of the buffer count from its memory's beginning, those of `bytes` from its reader.
            let first = min(max(start - buffer.readerIndex, 0), bytes.count)
            return crc.value(UnsafeRawBufferPointer(rebasing: bytes[first...]))
        }
        buffer.writeInteger(checksum, endianness: .little)
    }

    /// A whole frame.
    package mutating func write(_ payload: [UInt8], into buffer: inout ByteBuffer) {
        let start = begin(payloadLength: payload.count, into: &buffer)
        buffer.writeBytes(payload)
        end(&buffer, start: start)
    }

    /// Writes fillers until whole cipher blocks stand behind `start`.
    package static func pad(_ buffer: inout ByteBuffer, from start: Int) {
        while (buffer.writerIndex - start) % Block16.count != 0, (buffer.writerIndex - start) % 4 == 0 {
            buffer.writeInteger(filler, endianness: .little)
        }
    }
}
