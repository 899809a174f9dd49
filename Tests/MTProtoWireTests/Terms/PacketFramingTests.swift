import MTProtoWire
import Testing

@Suite("PacketFraming")
struct PacketFramingTests {
    @Test("The tag is the same byte four times", arguments: PacketFraming.allCases)
    func tag(framing: PacketFraming) {
        #expect(PacketFraming(tag: framing.tagWord) == framing)
        withUnsafeBytes(of: framing.tagWord) { bytes in
            #expect(Array(bytes) == Array(repeating: framing.tag, count: 4))
        }
    }

    @Test("Any other four bytes name no framing", arguments: [UInt32(0), 0xefef_efee, 0xeedd_efef, 0xdddd_dd00, .max])
    func noTag(word: UInt32) {
        #expect(PacketFraming(tag: word) == nil)
    }
}
