/// A middle proxy's quick acknowledgement as the client gets it.
///
/// Specification: https://core.telegram.org/mtproto/mtproto-transports#quick-ack
package enum QuickAck {
    /// The plaintext bytes for the client.
    ///
    /// Abridged: the 4 bytes of the confirmation, most significant first; intermediate: least significant first. Padded:
    /// half the time as intermediate; else two ordinary padded packets, -1 with the confirmation and then 0, each with
    /// one random word behind it or none. Clients take both; Telegram's own proxy mixes them, so that not every
    /// acknowledgement is 4 bytes long.
    ///
    /// - Parameter random: decides form and padding. The padding travels enciphered, so it need not be unpredictable.
    package static func packets(confirm: UInt32, framing: PacketFraming, random: UInt64) -> [UInt8] {
        let raw = withUnsafeBytes(of: confirm.littleEndian) { Array($0) }
        switch framing {
        case .abridged: return raw.reversed()
        case .intermediate: return raw
        case .paddedIntermediate:
            var dice = Dice(state: random)
            guard dice.next(below: 2) == 0 else { return raw }
            return packet([0xff, 0xff, 0xff, 0xff] + raw, &dice) + packet([0, 0, 0, 0], &dice)
        }
    }

    /// A padded packet: a word or none, then 0 to 3 bytes, at random.
    private static func packet(_ payload: [UInt8], _ dice: inout Dice) -> [UInt8] {
        let padding = 4 * dice.next(below: 2) + dice.next(below: 4)
        let length = UInt32(payload.count + padding)
        return withUnsafeBytes(of: length.littleEndian) { Array($0) } + payload
            + (0..<padding).map { _ in UInt8(dice.next(below: 256)) }
    }

    /// Stretches 64 random bits (SplitMix64).
    private struct Dice {
        var state: UInt64

        /// - Parameter bound: a power of two, 256 at most.
        mutating func next(below bound: UInt64) -> Int {
            state &+= 0x9e37_79b9_7f4a_7c15
            var value = state
            value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
            value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
            return Int((value ^ value >> 31) % bound)
        }
    }
}
