/// Finds the frames of a middle-proxy link in its plaintext and checks them.
///
/// Shape: see `MiddleProxyFrameWriter`. The reader keeps nothing but the next number: the caller gathers the bytes and
/// moves on by what each step says, so that a frame is looked at a few times at most and summed up once.
package struct MiddleProxyFrameReader: Sendable, Equatable {
    /// The most bytes of one frame. Telegram's own proxy has no bound; 16 MiB is what the other implementations take,
    /// far more than any packet.
    package static let maximumFrameLength = 16 << 20

    /// What stands at the start of the bytes.
    package enum Step: Equatable, Sendable {
        /// Call again once there are this many bytes, counted from the same start.
        case needMore(atLeast: Int)
        /// This many bytes, a multiple of 4, say nothing: move on behind them.
        case filler(Int)
        /// A good frame. The payload stands at these offsets, 4 bytes or more; move on by `length`.
        case frame(payload: Range<Int>, length: Int)
    }

    package var crc: CRC
    /// The number that the next frame must have.
    package private(set) var sequence: Int32
    /// The most bytes of a frame here: during the handshake fewer than later.
    private let maximumLength: Int

    package init(crc: CRC = .crc32, sequence: Int32 = 0, maximumLength: Int = Self.maximumFrameLength) {
        self.crc = crc
        self.sequence = sequence
        self.maximumLength = min(maximumLength, Self.maximumFrameLength)
    }

    /// Looks at bytes that begin where a frame may begin.
    ///
    /// - Throws: one of the `middleProxy…` errors. A wrong number is noticed before the frame is complete, so that
    ///   garbage is not gathered for long.
    package mutating func next(_ bytes: UnsafeRawBufferPointer) throws(WireError) -> Step {
        guard bytes.count >= 4 else { return .needMore(atLeast: 4) }
        guard !Self.isFiller(bytes, at: 0) else { return .filler(Self.fillerLength(bytes)) }
        let length = Int(UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)))
        guard length >= MiddleProxyFrameWriter.overhead + 4, length % 4 == 0 else { throw .middleProxyBadLength }
        guard length <= maximumLength else { throw .middleProxyFrameTooLong }
        guard bytes.count >= 8 else { return .needMore(atLeast: 8) }
        guard Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: Int32.self)) == sequence else {
            throw .middleProxyBadSequence
        }
        guard bytes.count >= length else { return .needMore(atLeast: length) }
        let checksum = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: length - 4, as: UInt32.self))
        guard crc.value(UnsafeRawBufferPointer(rebasing: bytes[..<(length - 4)])) == checksum else {
            throw .middleProxyBadChecksum
        }
        sequence &+= 1
        return .frame(payload: 8..<(length - 4), length: length)
    }

    private static func isFiller(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Bool {
        bytes.count - offset >= 4
            && UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
                == MiddleProxyFrameWriter.filler
    }

    /// Bytes of the fillers at the start.
    private static func fillerLength(_ bytes: UnsafeRawBufferPointer) -> Int {
        var length = 4
        while isFiller(bytes, at: length) { length += 4 }
        return length
    }
}
