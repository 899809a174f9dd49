/// What the first 64 bytes of a client's stream say.
///
/// Shape: 0..<8 random; 8..<40 key; 40..<56 counter; 56..<64 enciphered: 56..<60 four equal bytes that name the
/// framing, 60..<62 the data center (Int16, little endian), 62..<64 random. Only the last eight bytes are enciphered on
/// the wire, with the keystream's bytes 56..<64.
///
/// Specification: https://core.telegram.org/mtproto/mtproto-transports#transport-obfuscation
package struct Obfuscated2Header: Equatable, Sendable {
    /// Bytes of a header.
    package static let length = Obfuscated2Keys.headerLength

    package var framing: PacketFraming
    /// As sent; `DataCenter(wire:)` interprets it. Clients that do not name one send two random bytes.
    package var dataCenterWire: Int16
    /// The client's keystream. The first stream byte behind the header is at offset 64.
    package var clientToProxy: CTRKey
    /// The keystream of what the client receives, from offset 0.
    package var proxyToClient: CTRKey

    /// Reads a header; nil when it was not made with this secret, or is not `length` bytes.
    ///
    /// - Parameter secret: the secret's key, or nil for a stream without a proxy.
    package init?(_ header: UnsafeRawBufferPointer, secret: Block16?) {
        guard header.count == Self.length else { return nil }
        let clientToProxy = Obfuscated2Keys.ofSender(header, secret: secret)
        let tail = Self.decipherTail(header, with: clientToProxy)
        guard let framing = PacketFraming(tag: UInt32(truncatingIfNeeded: tail)) else { return nil }
        self.framing = framing
        dataCenterWire = Int16(truncatingIfNeeded: tail >> 32)
        self.clientToProxy = clientToProxy
        proxyToClient = Obfuscated2Keys.ofReceiver(header, secret: secret)
    }

    /// What a replay has in common with the original: half of the key, random and never chosen twice.
    ///
    /// - Parameter header: 64 bytes.
    package static func replayKey(_ header: UnsafeRawBufferPointer) -> Block16 {
        Block16(copying: UnsafeRawBufferPointer(rebasing: header[8..<24]))
    }

    /// Applies the keystream to bytes 56..<64; the result as a little-endian number. The same for both directions.
    static func decipherTail(_ header: UnsafeRawBufferPointer, with keys: CTRKey) -> UInt64 {
        var keystream: UInt64 = 0
        let cipher = AESCTR(keys)
        withUnsafeMutableBytes(of: &keystream) { cipher.keystream(at: 56, into: $0) }
        let tail = header.loadUnaligned(fromByteOffset: 56, as: UInt64.self)
        return UInt64(littleEndian: tail ^ keystream)
    }
}
