import Crypto
package import NIOCore

/// A running SHA-256 of what passed by, with its length.
package struct RunningDigest: Sendable {
    private var hash = SHA256()
    /// Bytes seen so far.
    package private(set) var count = 0

    package init() {}

    /// Adds bytes.
    package mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
        count += bytes.count
    }

    /// Adds the readable bytes of a buffer.
    package mutating func update(_ bytes: ByteBuffer) {
        bytes.withUnsafeReadableBytes { hash.update(bufferPointer: $0) }
        count += bytes.readableBytes
    }

    /// SHA-256 (32 bytes) of everything so far.
    package var value: [UInt8] { Array(hash.finalize()) }
}

/// SHA-256 (32 bytes) of `bytes`.
package func sha256(_ bytes: [UInt8]) -> [UInt8] {
    Array(SHA256.hash(data: bytes))
}

/// HMAC-SHA256 (32 bytes) of `message` under `key`.
func hmacSHA256(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
    Array(HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: key)))
}
