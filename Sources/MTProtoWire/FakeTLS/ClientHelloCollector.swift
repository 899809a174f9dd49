package import NIOCore

/// Finds the end of a ClientHello in bytes that arrive in any pieces, and says as early as possible that there is none.
///
/// The handshake message (type 1, length 3 bytes, body) may be cut into several TLS records, and those into several TCP
/// segments. The message must end where a record ends (RFC 8446, section 5.1: a ClientHello shares its last record with
/// nothing); what follows that record is left alone.
///
/// The collector stores positions only. The bytes stay with the caller, who passes all of them each time.
package struct ClientHelloCollector: Equatable, Sendable {
    /// The longest handshake message, header included. Clients send up to 1 900 bytes; a message with every extension
    /// in use stays far below one full TLS record.
    package static let maximumMessageLength = 16_384
    /// The most records that a message may be cut into: the bound on what headers add to the bytes.
    package static let maximumRecords = 64
    /// The most bytes that a complete hello takes.
    package static let maximumByteCount = maximumMessageLength + maximumRecords * TLSRecordWriter.headerLength

    /// What is known after a look at the bytes.
    package enum Progress: Equatable, Sendable {
        /// A hello so far.
        case needMore
        /// The first `byteCount` bytes are the records of a whole ClientHello.
        case complete(byteCount: Int)
        /// Not a hello, or not one that a client of ours could have sent.
        case refused(StrangerReason)
    }

    /// The longest plaintext in a record (RFC 8446, section 5.1).
    private static let maximumRecordLength = 16_384
    /// Type and length of a handshake message.
    private static let messageHeaderLength = 4
    /// Version, random, empty session id, one cipher suite, one compression method: nothing shorter is a hello.
    private static let minimumBodyLength = 2 + 32 + 1 + 4 + 2

    /// How many bytes have been looked at.
    private var cursor = 0
    /// Records begun so far.
    private var recordCount = 0
    /// Bytes of the current record's header that have been looked at; 5 inside a record.
    private var headerCount = 0
    /// Payload bytes of the current record still to come; while the header is incomplete, what is known of the length.
    private var remaining = 0
    /// Message bytes looked at.
    private var messageCount = 0
    /// The message's length, header included; while that header is incomplete, what is known of it.
    private var messageLength = 0

    package init() {}

    /// Looks at the bytes that are new since the last call.
    ///
    /// - Parameter bytes: everything received so far, from the first byte of the connection's TLS on.
    package mutating func scan(_ bytes: ByteBuffer) -> Progress {
        bytes.withUnsafeReadableBytes { scan($0) }
    }

    /// The hello as one record, the form that clients sign: the first record's type and version, the message's length,
    /// the message. Call it after `.complete`.
    ///
    /// A hello in one record, the ordinary case, is not copied.
    package func mergedRecord(of bytes: ByteBuffer) -> ByteBuffer {
        let start = bytes.readerIndex
        if recordCount <= 1 { return bytes.getSlice(at: start, length: cursor) ?? ByteBuffer() }

        var merged = ByteBuffer()
        merged.reserveCapacity(TLSRecordWriter.headerLength + messageCount)
        if let typeAndVersion = bytes.getSlice(at: start, length: 3) { merged.writeImmutableBuffer(typeAndVersion) }
        merged.writeInteger(UInt16(truncatingIfNeeded: messageCount))
        var source = bytes.getSlice(at: start, length: cursor) ?? ByteBuffer()
        while source.readableBytes >= TLSRecordWriter.headerLength {
            source.moveReaderIndex(forwardBy: 3)
            guard let fragment = source.readLengthPrefixedSlice(as: UInt16.self) else { break }
            merged.writeImmutableBuffer(fragment)
        }
        return merged
    }

    private mutating func scan(_ bytes: UnsafeRawBufferPointer) -> Progress {
        while cursor < bytes.count {
            if headerCount < TLSRecordWriter.headerLength {
                if let reason = takeRecordHeaderByte(bytes[cursor]) { return .refused(reason) }
                cursor += 1
                continue
            }
            if messageCount < Self.messageHeaderLength {
                if let reason = takeMessageHeaderByte(bytes[cursor]) { return .refused(reason) }
                advance(by: 1)
            } else {
                advance(by: min(remaining, bytes.count - cursor))
            }
            if messageCount >= Self.messageHeaderLength, messageCount == messageLength {
                return .complete(byteCount: cursor)
            }
            if remaining == 0 { headerCount = 0 }
        }
        return .needMore
    }

    private mutating func advance(by count: Int) {
        cursor += count
        remaining -= count
        messageCount += count
    }

    /// - Returns: why this is no hello, or nil.
    private mutating func takeRecordHeaderByte(_ byte: UInt8) -> StrangerReason? {
        switch headerCount {
        case 0:
            guard byte == TLSRecordWriter.handshake else { return .malformedHello }
            recordCount += 1
            guard recordCount <= Self.maximumRecords else { return .tooLong }
        case 1:
            guard byte == 3 else { return .malformedHello }
        case 2:
            guard byte <= 4 else { return .malformedHello }
        case 3:
            remaining = Int(byte) << 8
        default:
            remaining |= Int(byte)
            guard (1...Self.maximumRecordLength).contains(remaining) else { return .malformedHello }
        }
        headerCount += 1
        return headerCount == TLSRecordWriter.headerLength ? reasonAgainstRecordLength() : nil
    }

    /// - Returns: why this is no hello, or nil.
    private mutating func takeMessageHeaderByte(_ byte: UInt8) -> StrangerReason? {
        let clientHello: UInt8 = 1
        guard messageCount > 0 else { return byte == clientHello ? nil : .malformedHello }
        messageLength = messageLength << 8 | Int(byte)
        guard messageCount == Self.messageHeaderLength - 1 else { return nil }
        guard messageLength >= Self.minimumBodyLength else { return .malformedHello }
        messageLength += Self.messageHeaderLength
        guard messageLength <= Self.maximumMessageLength else { return .tooLong }
        return messageCount + remaining > messageLength ? .malformedHello : nil
    }

    /// A record that is longer than the rest of the message holds something else, too.
    private func reasonAgainstRecordLength() -> StrangerReason? {
        guard messageCount >= Self.messageHeaderLength else { return nil }
        return messageCount + remaining > messageLength ? .malformedHello : nil
    }
}
