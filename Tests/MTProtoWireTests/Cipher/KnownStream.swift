import MTProtoWire
import ProxyTestKit

/// A keystream with a stretch of it that the reference implementation made.
struct KnownStream: Sendable {
    /// `nil` for the stream that changes nothing.
    let keys: CTRKey?
    /// Where the stretch begins.
    let start: UInt64
    let bytes: [UInt8]

    private static let length = 2900

    /// Streams whose counters overflow in different places within the stretch, and ordinary ones.
    static let all: [KnownStream] = {
        let ones = [UInt8](repeating: 0xff, count: 8)
        var random = SeededGenerator(seed: 256)
        return [
            KnownStream(iv: random.bytes(16), start: 0, using: &random),
            KnownStream(iv: random.bytes(16), start: 64, using: &random),
            KnownStream(iv: random.bytes(16), start: 1 << 40 + 7, using: &random),
            // All 128 bits: to zero at the second block.
            KnownStream(iv: ones + ones, start: 0, using: &random),
            // All 128 bits, later and at an odd place.
            KnownStream(iv: ones + ones.dropLast() + [0xe6], start: 3, using: &random),
            // The low half into the high half.
            KnownStream(iv: random.bytes(8) + ones.dropLast() + [0xf0], start: 0, using: &random),
            KnownStream(
                iv: random.bytes(8) + [0xff, 0xf0] + [UInt8](repeating: 0, count: 6),
                start: 0xf_ffff_ffff_ffa5 << 4, using: &random),
            // The low 32 bits into the next ones.
            KnownStream(iv: random.bytes(12) + [0xff, 0xff, 0xff, 0xfb], start: 0, using: &random),
            KnownStream(zerosFrom: 7),
        ]
    }()

    private init(iv: [UInt8], start: UInt64, using random: inout SeededGenerator) {
        let key = random.bytes(32)
        keys = CTRKey(key: Block32(bytes: key) ?? Block32(), iv: Block16(bytes: iv) ?? Block16())
        self.start = start
        bytes = ReferenceAES(key: key).keystream(iv: iv, offset: start, count: Self.length)
    }

    private init(zerosFrom start: UInt64) {
        keys = nil
        self.start = start
        bytes = [UInt8](repeating: 0, count: Self.length)
    }

    /// The product's cipher, `skipped` bytes into the stretch.
    func cipher(skipping skipped: Int) -> AESCTR {
        var cipher = AESCTR(keys)
        cipher.seek(to: start + UInt64(skipped))
        return cipher
    }
}
