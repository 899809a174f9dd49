import NIOCore

/// The first frame of either side, in clear.
///
/// Shape of the payload: type (4), key selector (4), schema (4), Unix time (4), nonce (16); with schema 3 then the count
/// of further key selectors (4), these (4 each), the group's selector (4), the side's Diffie-Hellman value (256).
/// Numbers are little endian.
struct MiddleProxyNonce {
    /// The keys follow from the nonces and the secret.
    static let plainSchema: UInt32 = 1
    /// The keys follow from a Diffie-Hellman exchange as well.
    static let diffieHellmanSchema: UInt32 = 3
    /// The most further key selectors; Telegram's own proxy takes no more.
    static let maximumExtraSelectors: UInt32 = 8
    /// Bytes of the payload in schema 1, and before the selectors in schema 3.
    private static let plainLength = 32
    /// Bytes of the longest frame: schema 3 with all further selectors.
    static let maximumFrameLength =
        MiddleProxyFrameWriter.overhead + plainLength + 4 + 4 * Int(maximumExtraSelectors) + 4
        + DiffieHellmanGroup.valueLength

    var keySelector: UInt32
    /// The sender's clock, Unix seconds.
    var unixTime: UInt32
    var nonce: Block16
    /// Schema 3: 256 bytes. Nil in schema 1.
    var publicValue: [UInt8]?

    init(keySelector: UInt32, unixTime: UInt32, nonce: Block16, publicValue: [UInt8]?) {
        self.keySelector = keySelector
        self.unixTime = unixTime
        self.nonce = nonce
        self.publicValue = publicValue
    }

    /// Reads a payload. Of schema 3, further selectors are passed over: only the first is in use.
    ///
    /// - Parameter offersDiffieHellman: what we offered: the answer has to have the same schema.
    init(reading payload: inout ByteBuffer, offersDiffieHellman: Bool) throws(MiddleProxyError) {
        guard let type = payload.readInteger(endianness: .little, as: UInt32.self) else { throw .wrongLength }
        guard type == MiddleProxyType.nonce else { throw MiddleProxyHandshake.unexpected(type, payload) }
        guard
            let (selector, schema, time) = payload.readMultipleIntegers(
                endianness: .little, as: (UInt32, UInt32, UInt32).self),
            let nonce = payload.readBytes(length: Block16.count).flatMap({ Block16(bytes: $0) })
        else { throw .wrongLength }
        guard schema == (offersDiffieHellman ? Self.diffieHellmanSchema : Self.plainSchema) else {
            throw .wrongSchema(schema)
        }
        let publicValue = offersDiffieHellman ? try Self.readPublicValue(&payload) : nil
        guard payload.readableBytes == 0 else { throw .wrongLength }
        self.init(keySelector: selector, unixTime: time, nonce: nonce, publicValue: publicValue)
    }

    private static func readPublicValue(_ payload: inout ByteBuffer) throws(MiddleProxyError) -> [UInt8] {
        guard let count = payload.readInteger(endianness: .little, as: UInt32.self), count <= maximumExtraSelectors,
            payload.readSlice(length: 4 * Int(count)) != nil,
            let group = payload.readInteger(endianness: .little, as: UInt32.self),
            let value = payload.readBytes(length: DiffieHellmanGroup.valueLength)
        else { throw .wrongLength }
        guard group == DiffieHellmanGroup.selector else { throw .badDiffieHellman }
        return value
    }

    /// The whole frame.
    var frame: ByteBuffer {
        var buffer = ByteBuffer()
        var writer = MiddleProxyFrameWriter(sequence: -2)
        let extraLength = publicValue.map { 8 + $0.count } ?? 0
        let start = writer.begin(payloadLength: Self.plainLength + extraLength, into: &buffer)
        let schema = publicValue == nil ? Self.plainSchema : Self.diffieHellmanSchema
        buffer.writeMultipleIntegers(MiddleProxyType.nonce, keySelector, schema, unixTime, endianness: .little)
        buffer.writeBytes(nonce.bytes)
        if let publicValue {
            buffer.writeMultipleIntegers(UInt32(0), DiffieHellmanGroup.selector, endianness: .little)
            buffer.writeBytes(publicValue)
        }
        writer.end(&buffer, start: start)
        return buffer
    }
}
