import Crypto
package import NIOCore

/// The key of an ee secret, ready to sign and verify hellos: HMAC-SHA256 (RFC 2104) with all that depends on the key
/// alone done once.
///
/// A hello is tried with every key, so what comes on top of the hashing counts: the two hashes that HMAC consists of are
/// run here, as the library's HMAC takes its data through generic code that costs more than a short hello's hashes.
package struct FakeTLSKey: Sendable {
    /// The secret's place in `SecretBook.secrets`.
    package let secretIndex: Int
    /// SHA-256 with the key XOR 0x36 taken in, one block; copied for every use.
    private let inner: SHA256
    /// SHA-256 with the key XOR 0x5c taken in, one block; copied for every use.
    private let outer: SHA256

    package init(secretIndex: Int, key: Block16) {
        self.secretIndex = secretIndex
        inner = Self.hash(key, pad: 0x36)
        outer = Self.hash(key, pad: 0x5c)
    }

    private static func hash(_ key: Block16, pad: UInt8) -> SHA256 {
        var hash = SHA256()
        withUnsafeTemporaryAllocation(byteCount: SHA256.blockByteCount, alignment: 1) { block in
            block.initializeMemory(as: UInt8.self, repeating: pad)
            key.withUnsafeBytes { key in
                for index in key.indices { block[index] ^= key[index] }
            }
            hash.update(bufferPointer: UnsafeRawBufferPointer(block))
        }
        return hash
    }

    /// HMAC-SHA256 of `prefix` and `record`, the latter with zeros in place of the random at 11..<43.
    ///
    /// - Parameter record: a ClientHello as one record, or the records of a ServerHello; at least 43 bytes.
    package func code(prefix: Block32? = nil, record: ByteBuffer) -> Block32 {
        var inner = inner
        prefix?.withUnsafeBytes { inner.update(bufferPointer: $0) }
        record.withUnsafeReadableBytes { bytes in
            let range = ClientHello.randomRange
            guard bytes.count >= range.upperBound else { return }
            inner.update(bufferPointer: UnsafeRawBufferPointer(rebasing: bytes[..<range.lowerBound]))
            Block32().withUnsafeBytes { inner.update(bufferPointer: $0) }
            inner.update(bufferPointer: UnsafeRawBufferPointer(rebasing: bytes[range.upperBound...]))
        }
        var outer = outer
        inner.finalize().withUnsafeBytes { outer.update(bufferPointer: $0) }
        return outer.finalize().withUnsafeBytes { Block32(copying: $0) }
    }
}
