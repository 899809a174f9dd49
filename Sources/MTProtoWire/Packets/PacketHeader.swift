/// The length prefix of one packet, in plaintext.
///
/// Shape, abridged: one byte `f`. With `f & 0x7f < 0x7f` the payload has `(f & 0x7f) * 4` bytes; otherwise three more
/// bytes follow and give the count of 4-byte words, little endian. Intermediate and padded: four bytes, little endian,
/// in bytes, padding included. The highest bit of the first abridged byte or of the 4-byte length asks for a quick
/// acknowledgement.
///
/// Specification: https://core.telegram.org/mtproto/mtproto-transports
package struct PacketHeader: Equatable, Sendable {
    /// The prefix as it stood on the wire, decrypted: the first byte lowest, `length` bytes of it.
    package let plaintext: UInt32
    /// Bytes of the prefix: 1 or 4.
    package let length: Int
    /// Bytes that follow the prefix: 0 or more.
    package let payloadLength: Int
    /// Whether the sender asked for a quick acknowledgement of this packet.
    package let wantsQuickAck: Bool

    /// Bytes of the whole packet.
    package var packetLength: Int { length + payloadLength }

    /// Reads a complete prefix, its first byte lowest. Any value means something; bytes above the prefix are ignored.
    package init(plaintext: UInt32, framing: PacketFraming) {
        switch framing {
        case .abridged:
            let first = plaintext & 0xff
            let isLong = first & 0x7f == 0x7f
            self.plaintext = isLong ? plaintext : first
            length = isLong ? 4 : 1
            payloadLength = Int(isLong ? plaintext >> 8 : first & 0x7f) * 4
            wantsQuickAck = first & 0x80 != 0
        case .intermediate, .paddedIntermediate:
            self.plaintext = plaintext
            length = 4
            payloadLength = Int(plaintext & 0x7fff_ffff)
            wantsQuickAck = plaintext & 0x8000_0000 != 0
        }
    }

    /// The prefix of a packet to send.
    ///
    /// - Parameter payloadLength: bytes behind the prefix, padding included; nil comes back when the framing cannot say
    ///   it: an abridged one that is no multiple of 4, or anything beyond `PacketScanner.maximumPacketLength`.
    package init?(payloadLength: Int, wantsQuickAck: Bool = false, framing: PacketFraming) {
        guard (0...PacketScanner.maximumPacketLength).contains(payloadLength) else { return nil }
        let count = UInt32(payloadLength)
        switch framing {
        case .abridged:
            guard count % 4 == 0 else { return nil }
            let words = count / 4
            let prefix = words < 0x7f ? words : words << 8 | 0x7f
            self.init(plaintext: prefix | (wantsQuickAck ? 0x80 : 0), framing: framing)
        case .intermediate, .paddedIntermediate:
            self.init(plaintext: count | (wantsQuickAck ? 0x8000_0000 : 0), framing: framing)
        }
    }

    /// The bytes of the prefix, `length` of them.
    package var bytes: [UInt8] {
        (0..<length).map { UInt8(truncatingIfNeeded: plaintext >> UInt32(8 * $0)) }
    }
}
