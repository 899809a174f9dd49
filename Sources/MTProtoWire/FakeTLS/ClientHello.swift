package import NIOCore

/// What matters of a TLS ClientHello.
///
/// Shape of the record (all lengths big endian): type 0x16, version (2), length (2); message type 1, length (3); then
/// from offset 9: version (2), random (32) at 11, session id (length byte), cipher suites (2-byte length), compression
/// methods (length byte), extensions (2-byte length).
///
/// Specification: RFC 8446, section 4.1.2. Only what the reply needs must be there; whether the hello comes from a
/// client of ours is for `ClientHelloProof` to say.
package struct ClientHello: Equatable, Sendable {
    /// Where the random stands in the record.
    package static let randomRange = 11..<43
    /// The longest session id that TLS knows.
    package static let maximumSessionIDLength = 32

    /// The whole record, as signed.
    package let record: ByteBuffer
    package let random: Block32
    /// 0...32 bytes, to be echoed.
    package let sessionID: ByteBuffer
    /// Two bytes each, in the client's order.
    private let cipherSuites: ByteBuffer
    /// Empty where there are none.
    private let extensions: ByteBuffer

    /// Reads a hello that is one record, see `ClientHelloCollector.mergedRecord(of:)`; nil when its fields do not fit.
    package init?(record: ByteBuffer) {
        var reader = record
        guard
            reader.readSlice(length: Self.randomRange.lowerBound) != nil,
            let random = reader.readSlice(length: Self.randomRange.count),
            let sessionID = reader.readLengthPrefixedSlice(as: UInt8.self),
            sessionID.readableBytes <= Self.maximumSessionIDLength,
            let cipherSuites = reader.readLengthPrefixedSlice(as: UInt16.self),
            cipherSuites.readableBytes.isMultiple(of: 2),
            reader.readLengthPrefixedSlice(as: UInt8.self) != nil
        else { return nil }
        self.record = record
        self.random = random.withUnsafeReadableBytes { Block32(copying: $0) }
        self.sessionID = sessionID
        self.cipherSuites = cipherSuites
        extensions = reader.readLengthPrefixedSlice(as: UInt16.self) ?? ByteBuffer()
    }

    /// The cipher suite to answer with: the first of TLS 1.3's three that the client names (observed: servers that
    /// follow the client's preference); nil when it names none.
    package var preferredCipherSuite: UInt16? {
        var reader = cipherSuites
        while let suite = reader.readInteger(as: UInt16.self) {
            if (0x1301...0x1303).contains(suite) { return suite }
        }
        return nil
    }

    /// The host name that the client asks for (extension 0, RFC 6066 section 3), for logs; nil when it names none or
    /// the name is not printable ASCII.
    ///
    /// Clients of ours may leave it out (observed: some on Apple's systems), and a prober may write anything here.
    package var serverName: String? {
        var reader = extensions
        while let type = reader.readInteger(as: UInt16.self) {
            guard var body = reader.readLengthPrefixedSlice(as: UInt16.self) else { return nil }
            guard type == 0 else { continue }
            let hostName: UInt8 = 0
            guard
                var list = body.readLengthPrefixedSlice(as: UInt16.self),
                list.readInteger(as: UInt8.self) == hostName,
                let name = list.readLengthPrefixedSlice(as: UInt16.self),
                name.readableBytes > 0,
                name.readableBytesView.allSatisfy({ (0x21...0x7e).contains($0) })
            else { return nil }
            return String(buffer: name)
        }
        return nil
    }
}
