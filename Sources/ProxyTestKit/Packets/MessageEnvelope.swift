/// Wraps any bytes as an unencrypted MTProto message, which says its own length, so that transport padding can be
/// taken off exactly and a payload is never mistaken for a transport error.
///
/// Shape: 8 zero bytes (auth_key_id), 8 bytes message id, 4 bytes length (little endian), the payload, zeros up to a
/// multiple of 4. Specification: https://core.telegram.org/mtproto/description#unencrypted-message
package enum MessageEnvelope {
    /// Bytes before the payload.
    package static let overhead = 20

    /// The packet that carries `payload`; its length is a multiple of 4.
    package static func wrap(_ payload: [UInt8], id: UInt64) -> [UInt8] {
        var packet = [UInt8](repeating: 0, count: 8)
        packet.reserveCapacity(overhead + payload.count + 3)
        withUnsafeBytes(of: id.littleEndian) { packet.append(contentsOf: $0) }
        withUnsafeBytes(of: UInt32(payload.count).littleEndian) { packet.append(contentsOf: $0) }
        packet.append(contentsOf: payload)
        packet.append(contentsOf: repeatElement(0, count: (4 - payload.count % 4) % 4))
        return packet
    }

    /// The payload of a packet, without fill and transport padding.
    /// - Throws: ``KitError/violation(_:)`` when the packet is not an envelope.
    package static func unwrap(_ packet: [UInt8]) throws -> [UInt8] {
        guard packet.count >= overhead, packet[0..<8].allSatisfy({ $0 == 0 }) else {
            throw KitError.violation("a packet of \(packet.count) bytes that no peer sent: \(hex(packet.prefix(24)))")
        }
        let length = packet[16..<20].reversed().reduce(0) { $0 << 8 | Int($1) }
        let filled = (length + 3) / 4 * 4
        guard (overhead + filled...overhead + filled + 15).contains(packet.count) else {
            throw KitError.violation("a packet of \(packet.count) bytes that announces \(length)")
        }
        return Array(packet[overhead..<overhead + length])
    }
}
