import MTProtoWire
import Testing

@Suite
struct BlockTests {
    @Test("blocks keep their bytes in order")
    func order() throws {
        let bytes = (1...32).map { UInt8($0) }
        let half = try #require(Block16(bytes: bytes[8..<24]))
        let whole = try #require(Block32(bytes: bytes))
        #expect(half.bytes == Array(bytes[8..<24]))
        #expect(whole.bytes == bytes)
        #expect(half.withUnsafeBytes { Array($0) } == half.bytes)
        #expect(MemoryLayout<Block16>.size == 16)
        #expect(MemoryLayout<Block32>.size == 32)
    }

    @Test("only the exact number of bytes makes a block", arguments: 0...40)
    func exactCount(count: Int) {
        let bytes = [UInt8](repeating: 1, count: count)
        #expect((Block16(bytes: bytes) != nil) == (count == 16))
        #expect((Block32(bytes: bytes) != nil) == (count == 32))
        // A collection that is not contiguous in memory.
        #expect((Block16(bytes: bytes.lazy.map { $0 + 1 })?.bytes == [UInt8](repeating: 2, count: 16)) == (count == 16))
    }

    @Test("blocks are equal when every byte is")
    func equality() {
        for index in 0..<32 {
            var changed = Block32()
            changed.withUnsafeMutableBytes { $0[index] = 1 }
            #expect(changed != Block32())
            #expect(changed.bytes.firstIndex(of: 1) == index)
        }
        #expect(Set([Block16(), Block16()]).count == 1)
    }

    @Test("printing a block or a key does not show its bytes")
    func printing() throws {
        let half = try #require(Block16(bytes: [UInt8](repeating: 0xa5, count: 16)))
        let whole = try #require(Block32(bytes: [UInt8](repeating: 0xa5, count: 32)))
        let texts = ["\(half)", "\(whole)", "\(CTRKey(key: whole, iv: half))", String(reflecting: [half])]
        for text in texts {
            #expect(!text.contains(String(UInt64(0xa5a5_a5a5_a5a5_a5a5))))
            #expect(!text.lowercased().contains("a5"))
            #expect(!text.contains("165"))
        }
    }
}
