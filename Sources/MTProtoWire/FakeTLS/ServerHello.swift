import Crypto
package import NIOCore

/// The reply to a proven ClientHello: three records that look like the first flight of a TLS 1.3 server.
///
/// Shape (s = length of the session id, 0...32; big endian):
/// - `16 03 03`, length; `02`, length (3); `03 03`; random (32) at 11; s (1), session id (s); cipher suite (2);
///   compression 0; extensions' length `00 2e`; key share `00 33 00 24 00 1d 00 20` and 32 bytes; supported versions
///   `00 2b 00 02 03 04`, in either order
/// - `14 03 03 00 01 01`
/// - `17 03 03`, length, that many random bytes: what would be the encrypted certificate
///
/// The random is HMAC-SHA256(key, client's random ‖ all three records with zeros in place of the random). Clients
/// insist on exactly these three records (observed: tdlib).
package struct ServerHello: Equatable, Sendable {
    package var clientRandom: Block32
    /// The client's, 0...32 bytes.
    package var sessionID: ByteBuffer
    /// One of 0x1301...0x1303, as offered by the client.
    package var cipherSuite: UInt16
    /// An X25519 public key.
    package var keyShare: Block32
    package var extensionOrder: HandshakeProfile.ExtensionOrder
    /// Payload bytes of the last record.
    package var certificateRecordLength: Int

    package init(
        answering hello: ClientHello,
        cipherSuite: UInt16,
        keyShare: Block32,
        extensionOrder: HandshakeProfile.ExtensionOrder,
        certificateRecordLength: Int
    ) {
        clientRandom = hello.random
        sessionID = hello.sessionID
        self.cipherSuite = cipherSuite
        self.keyShare = keyShare
        self.extensionOrder = extensionOrder
        self.certificateRecordLength = certificateRecordLength
    }

    /// Makes the reply that `profile` asks for, with a fresh X25519 key, whose private half is forgotten at once.
    package init(
        answering hello: ClientHello,
        cipherSuite: UInt16,
        profile: HandshakeProfile,
        fillRandom: (UnsafeMutableRawBufferPointer) -> Void
    ) {
        var length: UInt64 = 0
        withUnsafeMutableBytes(of: &length) { fillRandom($0) }
        var seed = Block32()
        seed.withUnsafeMutableBytes { fillRandom($0) }
        self.init(
            answering: hello,
            cipherSuite: cipherSuite,
            keyShare: Self.publicKey(seed: seed),
            extensionOrder: profile.extensionOrder,
            certificateRecordLength: profile.certificateRecordLength(random: length)
        )
    }

    /// The X25519 public key of a private key: a point on the curve, which 32 random bytes are in half of all cases
    /// only, as an observer can compute.
    package static func publicKey(seed: Block32) -> Block32 {
        typealias PrivateKey = Curve25519.KeyAgreement.PrivateKey
        let privateKey = (try? seed.withUnsafeBytes { try PrivateKey(rawRepresentation: $0) }) ?? PrivateKey()
        return Block32(bytes: privateKey.publicKey.rawRepresentation) ?? Block32()
    }

    /// The three records, signed: one buffer, to be sent in one write.
    package func signed(with key: FakeTLSKey, fillRandom: (UnsafeMutableRawBufferPointer) -> Void) -> ByteBuffer {
        let randomOffset = ClientHello.randomRange.lowerBound
        let extensionsLength = 46
        let bodyLength = 2 + 32 + 1 + sessionID.readableBytes + 2 + 1 + 2 + extensionsLength
        var reply = ByteBuffer()
        reply.reserveCapacity(9 + bodyLength + 6 + TLSRecordWriter.headerLength + certificateRecordLength)

        writeRecordHeader(TLSRecordWriter.handshake, length: 4 + bodyLength, to: &reply)
        reply.writeInteger(UInt32(0x0200_0000) | UInt32(truncatingIfNeeded: bodyLength))
        reply.writeInteger(UInt16(0x0303))
        Block32().withUnsafeBytes { _ = reply.writeBytes($0) }
        reply.writeInteger(UInt8(truncatingIfNeeded: sessionID.readableBytes))
        reply.writeImmutableBuffer(sessionID)
        reply.writeInteger(cipherSuite)
        reply.writeInteger(UInt8(0))
        reply.writeInteger(UInt16(extensionsLength))
        switch extensionOrder {
        case .keyShareFirst:
            writeKeyShare(to: &reply)
            writeSupportedVersions(to: &reply)
        case .supportedVersionsFirst:
            writeSupportedVersions(to: &reply)
            writeKeyShare(to: &reply)
        }
        reply.writeBytes(TLSRecordWriter.changeCipherSpecRecord)
        writeRecordHeader(TLSRecordWriter.applicationData, length: certificateRecordLength, to: &reply)
        reply.writeWithUnsafeMutableBytes(minimumWritableBytes: certificateRecordLength) { space in
            fillRandom(UnsafeMutableRawBufferPointer(rebasing: space[..<certificateRecordLength]))
            return certificateRecordLength
        }

        key.code(prefix: clientRandom, record: reply).withUnsafeBytes { _ = reply.setBytes($0, at: randomOffset) }
        return reply
    }

    private func writeRecordHeader(_ type: UInt8, length: Int, to reply: inout ByteBuffer) {
        reply.writeMultipleIntegers(type, UInt16(0x0303), UInt16(truncatingIfNeeded: length))
    }

    /// Extension 0x0033 with one entry: group 0x001d (x25519), 32 bytes.
    private func writeKeyShare(to reply: inout ByteBuffer) {
        reply.writeMultipleIntegers(UInt16(0x0033), UInt16(36), UInt16(0x001d), UInt16(32))
        keyShare.withUnsafeBytes { _ = reply.writeBytes($0) }
    }

    /// Extension 0x002b: TLS 1.3.
    private func writeSupportedVersions(to reply: inout ByteBuffer) {
        reply.writeMultipleIntegers(UInt16(0x002b), UInt16(2), UInt16(0x0304))
    }
}
