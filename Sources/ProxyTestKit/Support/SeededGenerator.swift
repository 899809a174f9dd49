package import NIOCore

/// SplitMix64: the same numbers for the same seed, so that a failing test can be run again.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// `count` random bytes.
    package mutating func bytes(_ count: Int) -> [UInt8] {
        let words = (count + 7) / 8
        return [UInt8](unsafeUninitializedCapacity: words * 8) { space, filled in
            let raw = UnsafeMutableRawBufferPointer(space)
            for word in 0..<words {
                raw.storeBytes(of: next(), toByteOffset: word * 8, as: UInt64.self)
            }
            filled = count
        }
    }

    /// `count` random bytes.
    package mutating func buffer(_ count: Int) -> ByteBuffer {
        ByteBuffer(bytes: bytes(count))
    }
}
