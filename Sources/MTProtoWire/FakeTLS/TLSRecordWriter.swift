/// Puts the TLS record framing around what a FakeTLS client receives.
///
/// Payload never passes through here: the relay asks how long the output gets, writes one header after the other, and
/// ciphers straight into the places behind them.
package enum TLSRecordWriter {
    /// Type (1 byte), version (2 bytes), length (2 bytes, big endian).
    package static let headerLength = 5
    /// The most payload bytes of one record that is written (RFC 8446, section 5.1).
    package static let maximumPayloadLength = 16_384

    /// Record type of everything behind the handshake.
    package static let applicationData: UInt8 = 0x17
    /// Record type of the meaningless record that TLS 1.3 keeps for the sake of old middle boxes.
    package static let changeCipherSpec: UInt8 = 0x14
    /// Record type of the two hellos.
    package static let handshake: UInt8 = 0x16

    /// That meaningless record, whole: both sides send exactly this.
    package static let changeCipherSpecRecord: [UInt8] = [0x14, 0x03, 0x03, 0x00, 0x01, 0x01]

    /// How many bytes `payloadLength` payload bytes become, cut into records as long as possible.
    package static func outputLength(payloadLength: Int) -> Int {
        let records = (payloadLength + maximumPayloadLength - 1) / maximumPayloadLength
        return payloadLength + records * headerLength
    }

    /// Writes the header of the next record and says how many payload bytes follow it.
    ///
    /// - Parameters:
    ///   - remaining: payload bytes that are still to be sent, 1 or more.
    ///   - destination: room for `headerLength` bytes.
    /// - Returns: the payload bytes of this record: `remaining`, at most `maximumPayloadLength`.
    package static func writeHeader(remaining: Int, into destination: UnsafeMutableRawPointer) -> Int {
        let length = min(max(remaining, 0), maximumPayloadLength)
        destination.storeBytes(of: applicationData, as: UInt8.self)
        destination.storeBytes(of: UInt16(0x0303).bigEndian, toByteOffset: 1, as: UInt16.self)
        destination.storeBytes(of: UInt16(truncatingIfNeeded: length).bigEndian, toByteOffset: 3, as: UInt16.self)
        return length
    }
}
