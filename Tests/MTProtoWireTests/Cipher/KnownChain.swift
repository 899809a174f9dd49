import MTProtoWire
import ProxyTestKit

/// A CBC stream that the reference implementation encrypted.
struct KnownChain: Sendable {
    let key: CBCKey
    let plaintext: [UInt8]
    let ciphertext: [UInt8]

    static let blocks = 90

    /// More of them than run side by side, twelve.
    static let all: [KnownChain] = {
        var random = SeededGenerator(seed: 38)
        return (0..<12).map { _ in KnownChain(using: &random) }
    }()

    private init(using random: inout SeededGenerator) {
        let (key, iv) = (random.bytes(32), random.bytes(16))
        self.key = CBCKey(key: Block32(bytes: key) ?? Block32(), iv: Block16(bytes: iv) ?? Block16())
        plaintext = random.bytes(Self.blocks * 16)
        ciphertext = ReferenceAES(key: key).cbc(iv: iv, plaintext)
    }
}
