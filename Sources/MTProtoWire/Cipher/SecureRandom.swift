/// A fast cryptographic random generator: an AES-256-CTR keystream keyed by the system.
///
/// Every batch replaces its own key and every byte is erased once handed out ("fast key erasure"), so that memory
/// read later tells nothing about bytes given earlier. The system gives a fresh key every MiB.
///
/// Copies share one state, so no two of them give the same bytes. Not for sharing between threads: keep one per
/// event loop.
package struct SecureRandom: RandomNumberGenerator {
    private let pool = Pool()

    /// Keyed by the system at the first use.
    package init() {}

    /// Fills `bytes` with random bytes.
    package mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) {
        pool.fill(bytes)
    }

    /// Eight random bytes as a number.
    package mutating func next() -> UInt64 {
        var number: UInt64 = 0
        withUnsafeMutableBytes(of: &number) { pool.fill($0) }
        return number
    }
}

/// The state that all copies of a generator share.
private final class Pool {
    /// Random bytes made by one key: enough for a typical handshake, few enough to stay in the nearest cache.
    private static let batchBytes = 2048
    /// The random bytes after which the system gives a new key.
    private static let bytesPerSystemKey = 1 << 20

    private var key = Block32()
    private var bytesLeftForKey = 0
    private var batch = [UInt8](repeating: 0, count: Pool.batchBytes)
    private var used = Pool.batchBytes

    func fill(_ bytes: UnsafeMutableRawBufferPointer) {
        var filled = 0
        while filled < bytes.count {
            if used == batch.count { refill() }
            let count = min(bytes.count - filled, batch.count - used)
            batch.withUnsafeMutableBytes { batch in
                let taken = UnsafeMutableRawBufferPointer(rebasing: batch[used..<used + count])
                UnsafeMutableRawBufferPointer(rebasing: bytes[filled..<filled + count]).copyMemory(
                    from: UnsafeRawBufferPointer(taken))
                taken.initializeMemory(as: UInt8.self, repeating: 0)
            }
            used += count
            filled += count
        }
    }

    /// Makes the next key from the first bytes of the keystream and the batch from those behind.
    private func refill() {
        if bytesLeftForKey <= 0 {
            takeSystemKey()
            bytesLeftForKey = Self.bytesPerSystemKey
        }
        let stream = AESCTR(key: key, iv: Block16())
        key.withUnsafeMutableBytes { stream.keystream(at: 0, into: $0) }
        batch.withUnsafeMutableBytes { stream.keystream(at: UInt64(Block32.count), into: $0) }
        bytesLeftForKey -= batch.count
        used = 0
    }

    private func takeSystemKey() {
        var system = SystemRandomNumberGenerator()
        key.withUnsafeMutableBytes { bytes in
            for offset in stride(from: 0, to: bytes.count, by: MemoryLayout<UInt64>.size) {
                bytes.storeBytes(of: system.next(), toByteOffset: offset, as: UInt64.self)
            }
        }
    }
}
