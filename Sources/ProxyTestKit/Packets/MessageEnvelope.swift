/// Wraps any bytes as an MTProto message, which says its own length, so that transport padding can be taken off exactly
/// and a payload is never mistaken for a transport error.
package enum MessageEnvelope {
    /// What the message looks like from outside.
    package enum Form: Sendable, CaseIterable {
        /// Not encrypted, with any content: data centers of the kit take it, a proxy that looks into messages does not.
        /// Shape: 8 zero bytes (auth_key_id), 8 bytes message id, 4 bytes length (little endian), the payload, zeros up to
        /// a multiple of 4. Specification: https://core.telegram.org/mtproto/description#unencrypted-message
        case unencrypted
        /// Encrypted by its looks. Shape: 8 bytes auth_key_id, 16 bytes msg_key (which hold message id and length here),
        /// the payload, zeros up to a multiple of 16 bytes and at least 32.
        /// Specification: https://core.telegram.org/mtproto/description#encrypted-message
        case encrypted
        /// Not encrypted, and the first query of a key exchange, req_pq_multi, by its looks. Shape: as unencrypted, the
        /// content being the constructor, 4 bytes length, the payload, zeros up to a multiple of 4 and at least 20 bytes.
        case keyExchange
    }

    /// Bytes before the payload of an unencrypted message.
    package static let overhead = 20
    /// "martlet!": the auth_key_id of messages that look encrypted.
    private static let keyID = Array("martlet!".utf8)
    /// req_pq_multi, little endian.
    private static let keyExchange: [UInt8] = [0xf1, 0x8e, 0x7e, 0xbe]
    /// The upper half of message ids that say "key exchange".
    private static let keyExchangeMark: UInt64 = 0x6b65_7921
    /// Padding that a client of padded intermediate leaves at most.
    private static let maximumPadding = 15

    /// The packet that carries `payload`; its length is a multiple of 4.
    package static func wrap(_ payload: [UInt8], id: UInt64, form: Form = .unencrypted) -> [UInt8] {
        var packet: [UInt8]
        switch form {
        case .unencrypted:
            packet = [UInt8](repeating: 0, count: 8) + bytesOf(id) + bytesOf(UInt32(payload.count)) + payload
            packet.append(contentsOf: repeatElement(0, count: filled(payload.count) - payload.count))
        case .encrypted:
            packet = keyID + bytesOf(id) + bytesOf(UInt64(payload.count)) + payload
            packet.append(contentsOf: repeatElement(0, count: blocks(payload.count) - payload.count))
        case .keyExchange:
            let length = max(20, 8 + filled(payload.count))
            packet = [UInt8](repeating: 0, count: 8) + bytesOf(id & 0xffff_ffff | keyExchangeMark << 32)
            packet += bytesOf(UInt32(length)) + keyExchange + bytesOf(UInt32(payload.count)) + payload
            packet.append(contentsOf: repeatElement(0, count: length - 8 - payload.count))
        }
        return packet
    }

    /// The payload of a packet of any form, without fill and transport padding.
    /// - Throws: ``KitError/violation(_:)`` when the packet is not an envelope.
    package static func unwrap(_ packet: [UInt8]) throws -> [UInt8] {
        let isEncrypted = packet.starts(with: keyID)
        guard packet.count >= overhead, isEncrypted || packet[0..<8].allSatisfy({ $0 == 0 }) else {
            throw KitError.violation("a packet of \(packet.count) bytes that no peer sent: \(hex(packet.prefix(24)))")
        }
        let start: Int
        let length: Int
        let whole: Int
        if isEncrypted {
            length = Int(littleEndian(packet, at: 16, as: UInt32.self))
            start = 24
            whole = start + blocks(length)
        } else if littleEndian(packet, at: 12, as: UInt32.self) == UInt32(keyExchangeMark) {
            length = Int(littleEndian(packet, at: 24, as: UInt32.self))
            start = 28
            whole = start + max(12, filled(length))
        } else {
            length = Int(littleEndian(packet, at: 16, as: UInt32.self))
            start = overhead
            whole = start + filled(length)
        }
        guard (whole...whole + maximumPadding).contains(packet.count) else {
            throw KitError.violation("a packet of \(packet.count) bytes that announces \(length)")
        }
        return Array(packet[start..<start + length])
    }

    /// Up to a multiple of 4.
    private static func filled(_ count: Int) -> Int { (count + 3) / 4 * 4 }

    /// Up to a multiple of 16, at least 32.
    private static func blocks(_ count: Int) -> Int { max(32, (count + 15) / 16 * 16) }
}
