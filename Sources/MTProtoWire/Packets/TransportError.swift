/// What a data center answers, instead of a message, when it cannot work with a connection at all.
///
/// It is a packet whose payload is nothing but a negative `Int32`, little endian.
/// Specification: https://core.telegram.org/mtproto/mtproto-transports#transport-errors
package enum TransportError: Int32, Error, Hashable, Sendable, CaseIterable {
    /// The authorization key is unknown here; clients recover by themselves.
    case unknownKey = -404
    /// Too many connections or requests.
    case flood = -429
    /// The number in the header is not this data center's: the route leads to the wrong place.
    case wrongDataCenter = -444

    /// What the first bytes from a data center turn out to be.
    package enum Verdict: Equatable, Sendable {
        /// The bytes so far could become either; never after 8 of them.
        case undecided
        /// Something else: an ordinary packet.
        case packet
        /// An error packet of this many bytes, prefix and padding included. The last of them may still be on the way.
        case error(TransportError, packetLength: Int)
    }

    /// The most padding bytes behind a payload in padded intermediate framing.
    private static let maximumPadding = 15

    /// Judges the first decrypted bytes from a data center, as many as there are yet.
    ///
    /// - Parameter plaintext: the bytes from the very first one on; what follows the eighth is not looked at.
    package static func first(in plaintext: some Collection<UInt8>, framing: PacketFraming) -> Verdict {
        var rest = plaintext.prefix(8)
        guard let lengthByte = rest.popFirst() else { return .undecided }

        let prefixLength: Int
        let payloadLength: Int
        switch framing {
        case .abridged:
            guard lengthByte == 1 else { return .packet }
            (prefixLength, payloadLength) = (1, 4)
        case .intermediate, .paddedIntermediate:
            let longest = framing == .intermediate ? 4 : 4 + maximumPadding
            guard (4...longest).contains(Int(lengthByte)) else { return .packet }
            for _ in 1..<4 {
                guard let byte = rest.popFirst() else { return .undecided }
                guard byte == 0 else { return .packet }
            }
            (prefixLength, payloadLength) = (4, Int(lengthByte))
        }

        let code = Array(rest.prefix(4))
        guard let error = allCases.first(where: { $0.bytes.starts(with: code) }) else { return .packet }
        guard code.count == 4 else { return .undecided }
        return .error(error, packetLength: prefixLength + payloadLength)
    }

    /// The payload: the code as four bytes, little endian.
    package var bytes: [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: rawValue >> Int32(8 * $0)) }
    }
}
