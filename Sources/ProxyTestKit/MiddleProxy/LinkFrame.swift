import NIOCore

/// One frame of a link: length of the whole (UInt32), sequence (Int32), payload, checksum of all before it (UInt32),
/// little endian. The word 4 in place of a length fills up.
package enum LinkFrame {
    /// What is wrong with a frame that the kit sends.
    package enum Fault: Sendable, Equatable {
        /// One bit of the checksum.
        case checksum
        /// The sequence number is one too high.
        case sequence
        /// The length word says this.
        case length(UInt32)
    }

    /// The word that fills up.
    package static let filler: [UInt8] = [4, 0, 0, 0]
    /// Bytes around the payload.
    package static let overhead = 12

    /// Makes a frame.
    package static func encode(
        _ payload: [UInt8],
        sequence: Int32,
        checksum: LinkChecksum,
        fault: Fault? = nil
    ) -> [UInt8] {
        var length = UInt32(truncatingIfNeeded: payload.count + overhead)
        if case .length(let wrong) = fault { length = wrong }
        var frame: [UInt8] = []
        frame.reserveCapacity(payload.count + overhead)
        frame += bytesOf(length)
        frame += bytesOf(fault == .sequence ? sequence &+ 1 : sequence)
        frame += payload
        frame += bytesOf(checksum.value(frame) ^ (fault == .checksum ? 1 : 0))
        return frame
    }
}

/// Takes frames out of a plain stream, and checks sequence and checksum.
package struct LinkFrameDecoder: Sendable {
    /// What the next frame must end with.
    package var checksum = LinkChecksum.crc32
    /// Longest frame taken, in bytes.
    package var maximumLength = 2 << 20
    /// The number that the next frame must have: -2, -1, 0 and so on.
    package private(set) var sequence: Int32
    /// Filling words seen so far.
    package private(set) var fillers = 0
    private var buffer = ByteBuffer()

    package init(sequence: Int32 = -2) {
        self.sequence = sequence
    }

    /// Bytes that wait for the rest of their frame.
    package var waiting: Int { buffer.readableBytes }

    /// Adds bytes of the stream.
    package mutating func append(_ bytes: [UInt8]) {
        buffer.discardReadBytes()
        buffer.writeBytes(bytes)
    }

    /// The payload of the next frame; nil when more bytes are needed.
    /// - Throws: ``KitError/violation(_:)`` for everything that a peer may not send.
    package mutating func next() throws -> [UInt8]? {
        while let length = buffer.getInteger(at: buffer.readerIndex, endianness: .little, as: UInt32.self) {
            if length == 4 {
                buffer.moveReaderIndex(forwardBy: 4)
                fillers += 1
                continue
            }
            guard length >= 16, length % 4 == 0, length <= maximumLength else {
                throw KitError.violation("a frame of \(length) bytes where \(sequence) was due")
            }
            guard let frame = buffer.readSlice(length: Int(length)) else { return nil }
            return try payload(of: frame)
        }
        return nil
    }

    private mutating func payload(of frame: ByteBuffer) throws -> [UInt8] {
        var frame = frame
        let sum = frame.withUnsafeReadableBytes { checksum.value(UnsafeRawBufferPointer(rebasing: $0.dropLast(4))) }
        frame.moveReaderIndex(forwardBy: 4)
        let found = frame.readInteger(endianness: .little, as: Int32.self)
        let payload = frame.readBytes(length: frame.readableBytes - 4) ?? []
        guard frame.readInteger(endianness: .little, as: UInt32.self) == sum else {
            throw KitError.violation("a frame of \(payload.count + 12) bytes with a wrong \(checksum)")
        }
        guard found == sequence else {
            throw KitError.violation("frame \(found ?? 0) where \(sequence) was due")
        }
        sequence += 1
        return payload
    }
}
