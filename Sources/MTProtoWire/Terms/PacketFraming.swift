/// How a stream is cut into packets: the MTProto transport that a client names in its obfuscated2 header.
///
/// Specification: https://core.telegram.org/mtproto/mtproto-transports
package enum PacketFraming: Hashable, Sendable, CaseIterable {
    /// One length byte counting 4-byte words, or 0x7f and a 3-byte count.
    case abridged
    /// A 4-byte length in bytes.
    case intermediate
    /// As intermediate; the length covers 0 to 15 random bytes behind the payload ("dd").
    case paddedIntermediate

    /// The byte that stands four times at offset 56 of the decrypted obfuscated2 header.
    package var tag: UInt8 {
        switch self {
        case .abridged: 0xef
        case .intermediate: 0xee
        case .paddedIntermediate: 0xdd
        }
    }

    /// Reads the four tag bytes, loaded as one integer; nil when they name none of the three.
    ///
    /// The four bytes are equal, so their order does not matter.
    package init?(tag: UInt32) {
        switch tag {
        case 0xefef_efef: self = .abridged
        case 0xeeee_eeee: self = .intermediate
        case 0xdddd_dddd: self = .paddedIntermediate
        default: return nil
        }
    }

    /// The four tag bytes as one integer.
    package var tagWord: UInt32 {
        UInt32(tag) &* 0x0101_0101
    }
}
