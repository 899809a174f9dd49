package import NIOCore

/// Takes the TLS record framing off what a FakeTLS client sends after the handshake, without storing any payload.
///
/// Shape of a record: type (1 byte), version (2 bytes, 03 0x), length (2 bytes, big endian), then the payload.
/// Application data (0x17) is the stream; the change of cipher (0x14) that clients send once before it says nothing and
/// is skipped; everything else ends the connection.
///
/// The reader takes every byte that it is given: a header cut in two by the network is held in the value itself.
package struct TLSRecordReader: Equatable, Sendable {
    /// The most payload bytes of one record: 2^14 and the 256 that RFC 8446 (section 5.2) leaves for encryption.
    package static let maximumRecordLength = 16_384 + 256
    /// The most bytes of skipped records, headers included. A client sends 6; the rest is room for the odd one.
    package static let maximumSkippedBytes = 64

    /// What the bytes at the cursor are.
    package enum Step: Equatable, Sendable {
        /// The bytes in this range, never empty, are stream bytes; go on behind it.
        case payload(Range<Int>)
        /// This many bytes hold no payload; go on behind them. Zero only when there were no bytes at all.
        case skip(Int)

        /// How far the cursor moves.
        package var consumed: Int {
            switch self {
            case .payload(let range): range.upperBound
            case .skip(let count): count
            }
        }
    }

    /// Header bytes seen so far, the first one highest.
    private var header: UInt64 = 0
    /// How many bytes of a header are in `header`: 0...4.
    private var headerCount = 0
    /// Bytes of the current record that are still to come.
    private var remaining = 0
    /// Whether the current record is application data.
    private var isPayload = false
    /// Bytes of skipped records so far, as announced.
    private var skippedBytes = 0

    package init() {}

    /// Looks at the bytes at the cursor, at most to the end of one record.
    ///
    /// Call it until the bytes are used up, each time with what lies behind the last step.
    ///
    /// - Throws: `unexpectedTLSRecord`, `badTLSVersion`, `tlsRecordTooLong`, `tooManyCipherChanges`.
    package mutating func next(_ bytes: UnsafeRawBufferPointer) throws(WireError) -> Step {
        var cursor = 0
        if remaining == 0 {
            while headerCount < TLSRecordWriter.headerLength {
                guard cursor < bytes.count else { return .skip(cursor) }
                header = header &<< 8 | UInt64(bytes[cursor])
                headerCount += 1
                cursor += 1
            }
            try beginRecord()
        }
        let count = min(remaining, bytes.count - cursor)
        remaining -= count
        guard isPayload, count > 0 else { return .skip(cursor + count) }
        return .payload(cursor..<cursor + count)
    }

    /// Moves the stream bytes of `buffer` to the end of `output` and leaves `buffer` empty.
    ///
    /// For the handshake, where a copy costs nothing; the relay calls `next(_:)`.
    package mutating func unwrap(_ buffer: inout ByteBuffer, into output: inout ByteBuffer) throws(WireError) {
        while buffer.readableBytes > 0 {
            let step = try buffer.withUnsafeReadableBytes { (bytes) throws(WireError) in try next(bytes) }
            switch step {
            case .skip(let count):
                buffer.moveReaderIndex(forwardBy: count)
            case .payload(let range):
                buffer.moveReaderIndex(forwardBy: range.lowerBound)
                if var payload = buffer.readSlice(length: range.count) { output.writeBuffer(&payload) }
            }
        }
    }

    /// Judges the five header bytes that are now complete.
    private mutating func beginRecord() throws(WireError) {
        let type = UInt8(truncatingIfNeeded: header >> 32)
        let majorVersion = UInt8(truncatingIfNeeded: header >> 24)
        let length = Int(header & 0xffff)
        header = 0
        headerCount = 0

        guard type == TLSRecordWriter.applicationData || type == TLSRecordWriter.changeCipherSpec else {
            throw .unexpectedTLSRecord
        }
        guard majorVersion == 3 else { throw .badTLSVersion }
        guard length <= Self.maximumRecordLength else { throw .tlsRecordTooLong }
        isPayload = type == TLSRecordWriter.applicationData
        if !isPayload {
            skippedBytes += TLSRecordWriter.headerLength + length
            guard skippedBytes <= Self.maximumSkippedBytes else { throw .tooManyCipherChanges }
        }
        remaining = length
    }
}
