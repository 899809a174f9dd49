import MTProtoWire
import Testing

@Suite("TLSRecordWriter")
struct TLSRecordWriterTests {
    private static func wrap(_ payload: [UInt8]) -> [UInt8] {
        var output = [UInt8](repeating: 0xaa, count: TLSRecordWriter.outputLength(payloadLength: payload.count))
        var done = 0
        var written = 0
        output.withUnsafeMutableBytes { space in
            while done < payload.count, let start = space.baseAddress {
                let count = TLSRecordWriter.writeHeader(remaining: payload.count - done, into: start + written)
                written += TLSRecordWriter.headerLength
                space[written..<written + count].copyBytes(from: payload[done..<done + count])
                written += count
                done += count
            }
        }
        #expect(written == output.count)
        return output
    }

    @Test("A short payload becomes one record")
    func short() {
        #expect(Self.wrap([1, 2, 3]) == [0x17, 3, 3, 0, 3, 1, 2, 3])
    }

    @Test("Nothing becomes nothing")
    func nothing() {
        #expect(TLSRecordWriter.outputLength(payloadLength: 0) == 0)
    }

    @Test(
        "A long payload becomes full records and a rest",
        arguments: [(16_384, [16_384]), (16_385, [16_384, 1]), (40_000, [16_384, 16_384, 7_232])])
    func long(length: Int, records: [Int]) throws {
        let payload = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let output = Self.wrap(payload)
        var cursor = 0
        var joined: [UInt8] = []
        for record in records {
            #expect(Array(output[cursor..<cursor + 5]) == [0x17, 3, 3, UInt8(record >> 8), UInt8(record & 0xff)])
            joined += output[cursor + 5..<cursor + 5 + record]
            cursor += 5 + record
        }
        #expect(cursor == output.count)
        #expect(joined == payload)
    }
}
