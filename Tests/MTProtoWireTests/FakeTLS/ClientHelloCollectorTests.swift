import MTProtoWire
import NIOCore
import Testing

@Suite("ClientHelloCollector")
struct ClientHelloCollectorTests {
    /// How a collector ends, after how many bytes at the latest, and what it has collected.
    struct Outcome: Equatable {
        var progress = ClientHelloCollector.Progress.needMore
        var merged: [UInt8]?
    }

    static func collect(_ pieces: [[UInt8]]) -> Outcome {
        var collector = ClientHelloCollector()
        var bytes = ByteBuffer()
        for piece in pieces {
            bytes.writeBytes(piece)
            let progress = collector.scan(bytes)
            switch progress {
            case .needMore: continue
            case .refused: return Outcome(progress: progress)
            case .complete:
                let merged = collector.mergedRecord(of: bytes)
                return Outcome(progress: progress, merged: Array(merged.readableBytesView))
            }
        }
        return Outcome()
    }

    /// The number of bytes after which a collector says no, and why.
    static func refusal(_ bytes: [UInt8]) -> (count: Int, reason: StrangerReason)? {
        for count in 0...bytes.count {
            if case .refused(let reason) = collect([Array(bytes.prefix(count))]).progress { return (count, reason) }
        }
        return nil
    }

    @Test("finds the end of a hello in one record", arguments: VectorFiles.fakeTLS.clientHellos)
    func vectors(vector: FakeTLSVectors.ClientHello) {
        let bytes = vector.bytes.bytes
        #expect(Self.collect([bytes]) == Outcome(progress: .complete(byteCount: bytes.count), merged: bytes))
        #expect(Self.collect([bytes + [0x14, 3, 3, 0, 1, 1]]).progress == .complete(byteCount: bytes.count))
    }

    @Test("joins a hello with keys for ML-KEM that is cut into records")
    func records() throws {
        let record = try VectorFiles.fakeTLS.clientHello(named: "tdlib_2026_with_mlkem768").bytes.bytes
        let cuts = [[1], [3], [4], [1, 1, 1, 1], [1_000], [1_745], [500, 500, 500], Array(repeating: 28, count: 62)]
        for sizes in cuts {
            let bytes = HelloMaker.cut(record, into: sizes)
            let expected = Outcome(progress: .complete(byteCount: bytes.count), merged: record)
            #expect(Self.collect([bytes]) == expected, "\(sizes)")
            #expect(Self.collect(Drip.bytewise(bytes)) == expected, "\(sizes)")
            #expect(Self.collect([bytes + [0x17, 3, 3]]) == expected, "\(sizes)")
        }
    }

    @Test("joins every cut into two records")
    func everyCut() {
        let record = HelloMaker(extraExtensionLength: 20).signed(key: Block16(), timestamp: 0)
        for size in 1..<(record.count - 5) {
            let bytes = HelloMaker.cut(record, into: [size])
            #expect(Self.collect([bytes]) == Outcome(progress: .complete(byteCount: bytes.count), merged: record))
        }
    }

    @Test("takes 64 records and no more")
    func tooManyRecords() throws {
        let record = HelloMaker(extraExtensionLength: 20).signed(key: Block16(), timestamp: 0)
        let longest = HelloMaker.cut(record, into: Array(repeating: 1, count: 63))
        #expect(Self.collect([longest]) == Outcome(progress: .complete(byteCount: longest.count), merged: record))
        let refusal = try #require(Self.refusal(HelloMaker.cut(record, into: Array(repeating: 1, count: 64))))
        #expect(refusal.reason == .tooLong)
        #expect(refusal.count == 64 * 6 + 1)
    }

    @Test("takes a message of 16384 bytes and no longer one")
    func longestMessage() throws {
        let overhead = HelloMaker(extraExtensionLength: 0).message.count
        let record = HelloMaker(extraExtensionLength: 16_384 - overhead).signed(key: Block16(), timestamp: 0)
        #expect(record.count == 16_389)
        #expect(Self.collect([record]).progress == .complete(byteCount: record.count))
        let cut = HelloMaker.cut(record, into: Array(repeating: 260, count: 63))
        #expect(cut.count <= ClientHelloCollector.maximumByteCount)
        #expect(Self.collect([cut]).merged == record)
        let longer = HelloMaker(extraExtensionLength: 16_385 - overhead).message
        let refusal = try #require(Self.refusal([0x16, 3, 1, 0x40, 0] + longer))
        #expect(refusal.reason == .tooLong)
        #expect(refusal.count == 9)
    }

    private static let malformed: [(String, Int)] = [
        ("15", 1), ("17030100", 1), ("1602", 2), ("160305", 3), ("1603010000", 5), ("1603014001", 5),
        ("160301ffff", 5), ("160301020002", 6), ("16030102000e", 6),
        // A message too short to be a hello.
        ("160301020001000028", 9),
        // More in the record than the message.
        ("16030102000100 01fb", 9),
        // An alert in the middle of the message.
        ("1603010004 010001fc 15", 10), ("1603010001 01 14", 7),
        // A second record longer than the rest of the message.
        ("1603010004 010001fc 16030101fd", 14),
        // A record that goes on behind the message.
        ("1603010001 01 160301 01ff 0001fb", 14),
    ]

    @Test("says no as soon as the bytes cannot be a hello any more", arguments: malformed)
    func earliestRefusal(hex: String, count: Int) throws {
        let refusal = try #require(Self.refusal(unhex(hex)))
        #expect(refusal.reason == .malformedHello)
        #expect(refusal.count == count)
    }

    @Test("sees the same however the bytes are cut, and survives damage")
    func drip() {
        let record = HelloMaker(extraExtensionLength: 40).signed(key: Block16(), timestamp: 0)
        Drip.check(record, decode: Self.collect)
        Drip.check(HelloMaker.cut(record, into: [1, 2, 1, 50, 20]) + [0x17, 3, 3, 0], decode: Self.collect)
    }
}
