import Crypto

/// The two keystreams that a 64-byte obfuscated2 header stands for.
///
/// Bytes 8..<56 of the header are a key (32) and a counter (16) for the direction of the header itself; the same 48
/// bytes in reverse order serve the other direction. With a proxy secret each key is SHA-256(key ‖ secret); the
/// counters stay.
///
/// Specification: https://core.telegram.org/mtproto/mtproto-transports#transport-obfuscation
enum Obfuscated2Keys {
    static let headerLength = 64
    /// The bytes of the header that hold key and counter.
    static let material = 8..<56

    /// What is hashed: 48 bytes without a gap.
    private struct HashInput {
        let key: Block32
        let secret: Block16
    }

    /// The keystream of the side that sent the header; the header itself is its first 64 bytes.
    static func ofSender(_ header: UnsafeRawBufferPointer, secret: Block16?) -> CTRKey {
        keyed(read(UnsafeRawBufferPointer(rebasing: header[material])), with: secret)
    }

    /// The keystream of the side that received the header, from its first byte on.
    static func ofReceiver(_ header: UnsafeRawBufferPointer, secret: Block16?) -> CTRKey {
        withUnsafeTemporaryAllocation(byteCount: material.count, alignment: 8) { reversed in
            for index in 0..<material.count {
                reversed[index] = header[material.upperBound - 1 - index]
            }
            return keyed(read(UnsafeRawBufferPointer(reversed)), with: secret)
        }
    }

    /// Takes a proxy secret into a key that was read from a header.
    static func keyed(_ material: CTRKey, with secret: Block16?) -> CTRKey {
        guard let secret else { return material }
        var hasher = SHA256()
        withUnsafeBytes(of: HashInput(key: material.key, secret: secret)) { hasher.update(bufferPointer: $0) }
        return CTRKey(key: hasher.finalize().withUnsafeBytes { Block32(copying: $0) }, iv: material.iv)
    }

    /// - Parameter material: 48 bytes: key and counter.
    private static func read(_ material: UnsafeRawBufferPointer) -> CTRKey {
        CTRKey(
            key: Block32(copying: UnsafeRawBufferPointer(rebasing: material[..<32])),
            iv: Block16(copying: UnsafeRawBufferPointer(rebasing: material[32...])))
    }
}
