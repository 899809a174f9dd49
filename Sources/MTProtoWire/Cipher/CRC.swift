import CKeystream

/// The cyclic redundancy checks of the middle proxies' frames.
package enum CRC: Hashable, Sendable, CaseIterable {
    /// CRC-32 as in ISO 3309, Ethernet and zlib.
    case crc32
    /// CRC-32C (Castagnoli), RFC 3720 appendix B.4.
    case crc32c

    /// The CRC of bytes, or of all bytes up to here.
    ///
    /// - Parameter before: the CRC of the bytes in front of these; 0 if there are none.
    package func value(_ bytes: UnsafeRawBufferPointer, continuing before: UInt32 = 0) -> UInt32 {
        guard let start = bytes.bytePointer else { return before }
        return switch self {
        case .crc32: ck_crc32(before, start, bytes.count)
        case .crc32c: ck_crc32c(before, start, bytes.count)
        }
    }
}
