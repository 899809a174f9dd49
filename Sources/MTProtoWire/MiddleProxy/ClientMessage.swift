/// The contents of a client's packet, as far as a proxy looks at them before a middle proxy gets them.
///
/// Shape: authorization key id (8); for an id other than 0 the message key (16) and at least one encrypted part (32);
/// for id 0 a message id (8), the length of what follows (4, little endian) and a constructor (4). Nothing else comes
/// from a client, and a middle proxy closes a whole link over less.
///
/// Specification: https://core.telegram.org/mtproto/description
package enum ClientMessage {
    package enum Verdict: Equatable, Sendable {
        /// Encrypted with an authorization key.
        case encrypted
        /// One of the four requests by which a key is made.
        case handshake
        /// Nothing that a client would send: to be dropped.
        case refused
    }

    /// The most bytes of one message: what Telegram's own proxy takes.
    package static let maximumLength = 1_044_480
    /// The fewest bytes of any message.
    private static let minimumLength = 28
    /// The fewest bytes of an encrypted one.
    private static let minimumEncryptedLength = 56
    /// Bytes before the constructor of an unencrypted one.
    private static let unencryptedHeaderLength = 20
    /// req_pq, req_pq_multi, req_DH_params, set_client_DH_params.
    private static let handshakeConstructors: [UInt32] = [0x6046_9778, 0xbe7e_8ef1, 0xd712_e4be, 0xf504_5f1f]

    /// Judges a packet's payload.
    ///
    /// - Parameter message: a multiple of 4 bytes; of a padded packet the caller leaves out the remainder.
    package static func judge(_ message: UnsafeRawBufferPointer) -> Verdict {
        guard (minimumLength...maximumLength).contains(message.count), message.count % 4 == 0 else { return .refused }
        if message.loadUnaligned(as: UInt64.self) != 0 {
            return message.count >= minimumEncryptedLength ? .encrypted : .refused
        }
        let innerLength = UInt32(littleEndian: message.loadUnaligned(fromByteOffset: 16, as: UInt32.self))
        let constructor = UInt32(littleEndian: message.loadUnaligned(fromByteOffset: 20, as: UInt32.self))
        guard innerLength >= unencryptedHeaderLength, Int(innerLength) <= message.count - unencryptedHeaderLength else {
            return .refused
        }
        return handshakeConstructors.contains(constructor) ? .handshake : .refused
    }
}
