import CKeystream
import MTProtoWire
import ProxyTestKit
import Testing

extension CipherLevelTests {
    @Test("each level brings the processor's CRCs, the portable one its own", .enabled(if: ProcessorFlags.areKnown))
    func crcNames() {
        for level in CipherLevel.available {
            let expected = level.testDescription == "portable" ? "portable" : ProcessorFlags.crcName
            let name = level.use { String(cString: ck_crc_name()) }
            #expect(name == expected)
        }
    }

    @Test("the check values of the CRC catalogue, and nothing is zero", arguments: CipherLevel.available)
    func checkValues(level: CipherLevel) {
        level.use {
            let digits = Array("123456789".utf8)
            #expect(digits.withUnsafeBytes { CRC.crc32.value($0) } == 0xcbf4_3926)
            #expect(digits.withUnsafeBytes { CRC.crc32c.value($0) } == 0xe306_9283)
            for crc in CRC.allCases {
                let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
                #expect(crc.value(nothing) == 0)
                #expect(crc.value(nothing, continuing: 77) == 77)
            }
        }
    }

    @Test("RFC 3720 B.4: 32 bytes of zeros, of ones, counting up and down", arguments: CipherLevel.available)
    func castagnoliExamples(level: CipherLevel) {
        level.use {
            let examples: [(bytes: [UInt8], crc: UInt32)] = [
                (Array(repeating: 0, count: 32), 0x8a91_36aa), (Array(repeating: 0xff, count: 32), 0x62a8_ab43),
                (Array(0..<32), 0x46dd_794e), ((0..<32).reversed(), 0x113f_db5c),
            ]
            for example in examples {
                #expect(example.bytes.withUnsafeBytes { CRC.crc32c.value($0) } == example.crc)
            }
        }
    }

    @Test("any length, any place in memory, in two pieces: as bit by bit", arguments: CipherLevel.available)
    func randomSums(level: CipherLevel) {
        level.use {
            var random = SeededGenerator(seed: 5)
            for number in 0..<240 {
                let length = number < 200 ? number : Int.random(in: 200..<2000, using: &random)
                let start = Int.random(in: 0..<20, using: &random)
                let split = start + Int.random(in: 0...length, using: &random)
                let bytes = random.bytes(start + length)
                for crc in CRC.allCases {
                    let expected = Self.sum(crc, bytes[start...])
                    let (whole, pieces) = bytes.withUnsafeBytes { bytes in
                        let first = crc.value(UnsafeRawBufferPointer(rebasing: bytes[start..<split]))
                        return (
                            crc.value(UnsafeRawBufferPointer(rebasing: bytes[start...])),
                            crc.value(UnsafeRawBufferPointer(rebasing: bytes[split...]), continuing: first)
                        )
                    }
                    #expect(whole == expected, "\(crc) of \(length) bytes")
                    #expect(pieces == expected, "\(crc) of \(length) bytes, split at \(split - start)")
                }
            }
        }
    }

    /// The definition, a bit at a time.
    private static func sum(_ crc: CRC, _ bytes: ArraySlice<UInt8>) -> UInt32 {
        let polynomial: UInt32 = crc == .crc32 ? 0xedb8_8320 : 0x82f6_3b78
        var remainder = UInt32.max
        for byte in bytes {
            remainder ^= UInt32(byte)
            for _ in 0..<8 { remainder = remainder >> 1 ^ (remainder & 1) &* polynomial }
        }
        return ~remainder
    }
}
