/// Finds the packet boundaries of a stream from the few bytes that carry them, so that nobody has to decrypt the rest.
///
/// The stream is encrypted with a seekable cipher: whoever moves the bytes asks `step(available:)` what stands at the
/// cursor, decrypts just the header bytes that it names and hands them to `take(_:)`, and passes payload on as it
/// arrives. A packet's length is therefore known before its payload, which is what a streamed WebSocket message needs.
/// A header cut in two by the network is held in the value itself.
package struct PacketScanner: Equatable, Sendable {
    /// The most payload bytes of one packet. Telegram's own proxy stops at 1,044,480 bytes and the abridged form could
    /// say 64 MiB; the bound keeps a stream that lost its boundaries from swallowing everything behind it.
    package static let maximumPacketLength = 16 << 20

    /// What stands at the cursor.
    package enum Step: Equatable, Sendable {
        /// The next `count` bytes, 1...4, belong to a header: decrypt them, hand them to `take(_:)`, move on behind
        /// them.
        case header(count: Int)
        /// The next `count` bytes, 1 or more, belong to the current packet and are now counted: move on behind them.
        case payload(count: Int)
        /// There are no bytes to say anything about.
        case needMore
    }

    /// How the stream is cut into packets.
    package let framing: PacketFraming
    /// Bytes of the current packet's payload that are still to come.
    package private(set) var remaining = 0
    /// Header bytes taken so far, decrypted, the first one lowest.
    private var held: UInt32 = 0
    /// How many bytes `held` has: 0...3.
    package private(set) var heldCount = 0

    package init(framing: PacketFraming) {
        self.framing = framing
    }

    /// Says what the next bytes are; payload counts as passed on from here on, header bytes only after `take(_:)`.
    package mutating func step(available: Int) -> Step {
        guard available > 0 else { return .needMore }
        guard remaining > 0 else { return .header(count: min(missingHeaderBytes, available)) }
        let count = min(remaining, available)
        remaining -= count
        return .payload(count: count)
    }

    /// Takes decrypted header bytes, exactly those that the last step named.
    ///
    /// - Returns: the header once it is complete, nil as long as bytes of it are missing.
    /// - Throws: `packetTooLong`.
    package mutating func take(_ plaintext: UnsafeRawBufferPointer) throws(WireError) -> PacketHeader? {
        for byte in plaintext.prefix(missingHeaderBytes) {
            held |= UInt32(byte) &<< UInt32(8 &* heldCount)
            heldCount += 1
        }
        guard missingHeaderBytes == 0 else { return nil }
        let header = PacketHeader(plaintext: held, framing: framing)
        held = 0
        heldCount = 0
        guard header.payloadLength <= Self.maximumPacketLength else { throw .packetTooLong }
        remaining = header.payloadLength
        return header
    }

    /// How many header bytes are certainly missing. The first abridged byte decides whether three more follow.
    private var missingHeaderBytes: Int {
        guard framing == .abridged else { return 4 - heldCount }
        if heldCount == 0 { return 1 }
        return held & 0x7f == 0x7f ? 4 - heldCount : 0
    }
}
