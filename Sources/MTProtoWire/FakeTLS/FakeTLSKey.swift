import Crypto
package import NIOCore

/// The key of an ee secret, ready to sign and verify hellos.
package struct FakeTLSKey: Sendable {
    /// The secret's place in `HandshakeRules.secrets`.
    package let secretIndex: Int
    /// HMAC-SHA256 with the key already taken in; copied for every use, which saves half of a short computation.
    private let template: HMAC<SHA256>

    package init(secretIndex: Int, key: Block16) {
        self.secretIndex = secretIndex
        template = key.withUnsafeBytes { HMAC<SHA256>(key: SymmetricKey(data: $0)) }
    }

    /// HMAC-SHA256 of `prefix` and `record`, the latter with zeros in place of the random at 11..<43.
    ///
    /// - Parameter record: a ClientHello as one record, or the records of a ServerHello; at least 43 bytes.
    package func code(prefix: Block32? = nil, record: ByteBuffer) -> Block32 {
        var mac = template
        prefix?.withUnsafeBytes { mac.update(data: $0) }
        record.withUnsafeReadableBytes { bytes in
            let range = ClientHello.randomRange
            guard bytes.count >= range.upperBound else { return }
            mac.update(data: UnsafeRawBufferPointer(rebasing: bytes[..<range.lowerBound]))
            Block32().withUnsafeBytes { mac.update(data: $0) }
            mac.update(data: UnsafeRawBufferPointer(rebasing: bytes[range.upperBound...]))
        }
        return mac.finalize().withUnsafeBytes { Block32(copying: $0) }
    }
}
