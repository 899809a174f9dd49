import BigInt

/// The group of a key exchange by Diffie and Hellman, which the middle-proxy protocol knows as schema 3.
///
/// Telegram's middle proxies work with schema 1, so the prime is nowhere published with their lists: the operator gives
/// it. The exponent belongs to one link and is forgotten with it; arithmetic here is not in constant time.
package struct DiffieHellmanGroup: Sendable, Hashable {
    /// Bytes of the prime and of every value, big endian, zeros in front.
    package static let valueLength = 256
    /// Random bytes of an exponent: more than twice the strength of a 2048-bit group is no use (RFC 7919, section 5.2),
    /// and an eighth of the prime's length takes an eighth of the time, some 15 ms.
    package static let exponentLength = 32
    package static let generator: UInt32 = 3
    /// What names the group and its generator on the wire.
    package static let selector: UInt32 = 0x0062_0b93
    /// Values this near to 0 or to the prime are refused: an honest side meets one with a chance of 2^-64.
    /// Source: https://core.telegram.org/mtproto/security_guidelines#g-a-and-g-b-validation
    private static let lowest = BigUInt(1) << (8 * valueLength - 64)

    private let prime: BigUInt

    /// Nil unless the prime has exactly 2048 bits and is odd. Whether it is a safe prime is the operator's to know.
    package init?(prime bytes: some Collection<UInt8>) {
        let prime = Self.number(Array(bytes))
        guard bytes.count == Self.valueLength, prime.bitWidth == 8 * Self.valueLength, prime & 1 == 1 else {
            return nil
        }
        self.prime = prime
    }

    /// g^exponent: what the other side is told.
    ///
    /// - Parameter exponent: ``exponentLength`` random bytes, big endian.
    package func publicValue(exponent: [UInt8]) -> [UInt8] {
        Self.bytes(BigUInt(Self.generator).power(Self.number(exponent), modulus: prime))
    }

    /// Whether a value from the other side may be used.
    package func accepts(_ value: [UInt8]) -> Bool {
        let number = Self.number(value)
        return value.count == Self.valueLength && number >= Self.lowest && number <= prime - Self.lowest
    }

    /// value^exponent, 256 bytes: what both sides know and nobody else; nil when the value may not be used.
    package func shared(value: [UInt8], exponent: [UInt8]) -> [UInt8]? {
        guard accepts(value) else { return nil }
        return Self.bytes(Self.number(value).power(Self.number(exponent), modulus: prime))
    }

    /// Reads a big-endian number of any length.
    private static func number(_ bytes: [UInt8]) -> BigUInt {
        let size = MemoryLayout<UInt>.size
        let words = stride(from: bytes.count, to: 0, by: -size).map { end in
            bytes[max(end - size, 0)..<end].reduce(UInt(0)) { $0 << 8 | UInt($1) }
        }
        return BigUInt(words: words)
    }

    /// Writes a number below the prime as 256 bytes.
    private static func bytes(_ number: BigUInt) -> [UInt8] {
        let words = Array(number.words)
        let size = MemoryLayout<UInt>.size
        return (0..<valueLength).reversed().map { place in
            let (word, byte) = place.quotientAndRemainder(dividingBy: size)
            return word < words.count ? UInt8(truncatingIfNeeded: words[word] >> UInt(8 * byte)) : 0
        }
    }
}
