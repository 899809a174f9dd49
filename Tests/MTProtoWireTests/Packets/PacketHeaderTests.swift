import MTProtoWire
import Testing

@Suite("PacketHeader")
struct PacketHeaderTests {
    /// First bytes of streams that the official proxy and an independent implementation took (Vectors/obfuscated2.json,
    /// `first_frame_plain`).
    @Test(
        "Real first packets announce what follows them",
        arguments: [
            (PacketFraming.abridged, UInt32(0x0e), 56, false),
            (.abridged, 0x8e, 56, true),
            (.intermediate, 0x38, 56, false),
            (.paddedIntermediate, 0x3f, 63, false),
            (.paddedIntermediate, 0x44, 68, false),
        ])
    func firstPackets(framing: PacketFraming, plaintext: UInt32, payloadLength: Int, wantsQuickAck: Bool) {
        let header = PacketHeader(plaintext: plaintext, framing: framing)
        #expect(header.payloadLength == payloadLength)
        #expect(header.wantsQuickAck == wantsQuickAck)
        #expect(header.length == (framing == .abridged ? 1 : 4))
    }

    @Test("A header that is made can be read", arguments: PacketFraming.allCases, [false, true])
    func roundTrip(framing: PacketFraming, wantsQuickAck: Bool) throws {
        for length in [0, 4, 56, 504, 508, 512, 65_536, 1 << 20, PacketScanner.maximumPacketLength] {
            let header = try #require(
                PacketHeader(payloadLength: length, wantsQuickAck: wantsQuickAck, framing: framing))
            #expect(header.payloadLength == length)
            #expect(header.wantsQuickAck == wantsQuickAck)
            #expect(header.bytes.count == header.length)

            var scanner = PacketScanner(framing: framing)
            for byte in header.bytes.dropLast() {
                #expect(try withUnsafeBytes(of: byte) { try scanner.take($0) } == nil)
            }
            let last = try #require(header.bytes.last)
            #expect(try withUnsafeBytes(of: last) { try scanner.take($0) } == header)
        }
    }

    @Test("The abridged form is the short one up to 0x7e words")
    func abridgedForm() {
        #expect(PacketHeader(payloadLength: 504, framing: .abridged)?.bytes == [0x7e])
        #expect(PacketHeader(payloadLength: 508, framing: .abridged)?.bytes == [0x7f, 0x7f, 0x00, 0x00])
        #expect(PacketHeader(payloadLength: 508, wantsQuickAck: true, framing: .abridged)?.bytes == [0xff, 0x7f, 0, 0])
    }

    @Test("What a framing cannot say is refused")
    func refused() {
        #expect(PacketHeader(payloadLength: 5, framing: .abridged) == nil)
        #expect(PacketHeader(payloadLength: -4, framing: .intermediate) == nil)
        #expect(PacketHeader(payloadLength: PacketScanner.maximumPacketLength + 4, framing: .intermediate) == nil)
    }
}
