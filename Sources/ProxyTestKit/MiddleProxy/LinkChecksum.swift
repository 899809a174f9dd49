/// The two checksums that frames of a middle-proxy link may end with, from tables of the kit's own.
///
/// Both are reflected, start with all ones and end inverted: zlib's CRC-32 (polynomial edb88320) and Castagnoli's
/// CRC-32C (82f63b78). Of "123456789" they are cbf43926 and e3069283.
package enum LinkChecksum: Sendable, Equatable {
    case crc32
    case crc32c

    /// The checksum of `bytes`.
    package func value(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBytes { value($0) }
    }

    /// The checksum of `bytes`.
    package func value(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        switch self {
        case .crc32: Self.run(bytes, Self.zlibTables)
        case .crc32c: Self.run(bytes, Self.castagnoliTables)
        }
    }

    private static let zlibTables = tables(0xedb8_8320)
    private static let castagnoliTables = tables(0x82f6_3b78)

    /// Eight tables of 256 words, one behind the other: the n-th says what a byte does n bytes further on.
    private static func tables(_ polynomial: UInt32) -> [UInt32] {
        var words = (0..<256).map { index in
            (0..<8).reduce(UInt32(index)) { word, _ in word >> 1 ^ (word & 1 == 0 ? 0 : polynomial) }
        }
        for index in 256..<8 * 256 {
            let before = words[index - 256]
            words.append(before >> 8 ^ words[Int(before & 0xff)])
        }
        return words
    }

    /// Eight bytes at a time, because tests are not optimized and move megabytes.
    private static func run(_ bytes: UnsafeRawBufferPointer, _ tables: [UInt32]) -> UInt32 {
        tables.withUnsafeBufferPointer { table in
            var crc = ~UInt32(0)
            var offset = 0
            while offset &+ 8 <= bytes.count {
                let low = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) ^ crc
                let high = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset &+ 4, as: UInt32.self))
                crc =
                    table[1792 &+ Int(low & 0xff)] ^ table[1536 &+ Int(low >> 8 & 0xff)]
                    ^ table[1280 &+ Int(low >> 16 & 0xff)] ^ table[1024 &+ Int(low >> 24)]
                crc ^=
                    table[768 &+ Int(high & 0xff)] ^ table[512 &+ Int(high >> 8 & 0xff)]
                    ^ table[256 &+ Int(high >> 16 & 0xff)] ^ table[Int(high >> 24)]
                offset &+= 8
            }
            while offset < bytes.count {
                crc = crc >> 8 ^ table[Int((crc ^ UInt32(bytes[offset])) & 0xff)]
                offset &+= 1
            }
            return ~crc
        }
    }
}
