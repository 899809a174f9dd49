import MTProtoWire
import NIOCore
import Testing

@Suite("TLSRecordReader")
struct TLSRecordReaderTests {
    /// What came out of a reader: the payload up to the end or the error.
    private struct Outcome: Equatable {
        var payload: [UInt8] = []
        var error: WireError?
    }

    private static func read(_ pieces: [[UInt8]]) -> Outcome {
        var reader = TLSRecordReader()
        var outcome = Outcome()
        for piece in pieces {
            var rest = ByteBuffer(bytes: piece)
            while rest.readableBytes > 0, outcome.error == nil {
                do throws(WireError) {
                    let step = try rest.withUnsafeReadableBytes { (bytes) throws(WireError) in try reader.next(bytes) }
                    guard (1...rest.readableBytes).contains(step.consumed) else {
                        Issue.record("\(step) of \(rest.readableBytes) bytes")
                        return outcome
                    }
                    if case .payload(let range) = step {
                        #expect(!range.isEmpty)
                        outcome.payload += rest.readableBytesView.dropFirst(range.lowerBound).prefix(range.count)
                    }
                    rest.moveReaderIndex(forwardBy: step.consumed)
                } catch {
                    outcome.error = error
                }
            }
        }
        return outcome
    }

    private static func record(_ type: UInt8, _ payload: [UInt8], version: [UInt8] = [3, 3]) -> [UInt8] {
        [type] + version + [UInt8(payload.count >> 8), UInt8(payload.count & 0xff)] + payload
    }

    /// What a client sends first: the change of cipher, then two records of application data with an empty one between.
    private static let firstFlight =
        TLSRecordWriter.changeCipherSpecRecord + record(0x17, Array(1...70)) + record(0x17, [])
        + record(0x17, Array(71...100), version: [3, 1])

    @Test("Application data is the stream, the change of cipher is skipped")
    func firstFlight() {
        #expect(Self.read([Self.firstFlight]) == Outcome(payload: Array(1...100)))
    }

    @Test("The stream is the same however the network cuts it, and nothing traps the reader")
    func dripped() {
        Drip.check(Self.firstFlight, decode: Self.read)
    }

    @Test("A header and its payload take one step")
    func oneStepPerRecord() throws {
        var reader = TLSRecordReader()
        let bytes = Self.record(0x17, [1, 2, 3]) + Self.record(0x17, [4])
        let steps = try bytes.withUnsafeBytes { bytes in
            let first = try reader.next(bytes)
            return [first, try reader.next(UnsafeRawBufferPointer(rebasing: bytes[first.consumed...]))]
        }
        #expect(steps == [.payload(5..<8), .payload(5..<6)])
    }

    @Test("No bytes are no step")
    func empty() throws {
        var reader = TLSRecordReader()
        #expect(try reader.next(UnsafeRawBufferPointer(start: nil, count: 0)) == .skip(0))
        #expect(reader == TLSRecordReader())
    }

    @Test("Records of other types end the stream", arguments: [UInt8(0x15), 0x16, 0x18, 0x00, 0x47])
    func otherTypes(type: UInt8) {
        let bytes = Self.record(0x17, [1]) + Self.record(type, [2])
        #expect(Self.read([bytes]) == Outcome(payload: [1], error: .unexpectedTLSRecord))
    }

    @Test("A version that does not begin with 3 ends the stream")
    func badVersion() {
        #expect(Self.read([Self.record(0x17, [1], version: [2, 3])]).error == .badTLSVersion)
    }

    @Test("The longest record is read, one byte more ends the stream")
    func longest() {
        let payload = [UInt8](repeating: 7, count: TLSRecordReader.maximumRecordLength)
        #expect(Self.read([Self.record(0x17, payload)]) == Outcome(payload: payload))
        #expect(Self.read([Self.record(0x17, payload + [7])]).error == .tlsRecordTooLong)
    }

    @Test("Changes of cipher are bounded, wherever they stand")
    func boundedCipherChanges() {
        let change = TLSRecordWriter.changeCipherSpecRecord
        let allowed = (0..<10).flatMap { _ in change }
        #expect(Self.read([allowed + Self.record(0x17, [1])]) == Outcome(payload: [1]))
        #expect(Self.read([allowed + Self.record(0x17, [1]) + change]).error == .tooManyCipherChanges)
        #expect(Self.read([Self.record(0x14, Array(repeating: 1, count: 60))]).error == .tooManyCipherChanges)
    }

    @Test("Unwrapping empties the buffer and leaves the reader where the network cut the stream")
    func unwrapping() throws {
        for cut in Drip.splits(Self.firstFlight) {
            var reader = TLSRecordReader()
            var output = ByteBuffer()
            for piece in cut {
                var buffer = ByteBuffer(bytes: piece)
                try reader.unwrap(&buffer, into: &output)
                #expect(buffer.readableBytes == 0)
            }
            guard Array(output.readableBytesView) == Array(1...100) else {
                Issue.record("\(output.readableBytesView) from pieces of \(cut.map(\.count))")
                return
            }
            #expect(reader != TLSRecordReader(), "the allowance for changes of cipher is used up in part")
        }
    }

    @Test("Unwrapping fails as reading does")
    func unwrappingGarbage() {
        var reader = TLSRecordReader()
        var output = ByteBuffer()
        var buffer = ByteBuffer(bytes: Self.record(0x17, [9]) + Self.record(0x15, [1, 0]))
        #expect(throws: WireError.unexpectedTLSRecord) { try reader.unwrap(&buffer, into: &output) }
        #expect(Array(output.readableBytesView) == [9])
    }
}
