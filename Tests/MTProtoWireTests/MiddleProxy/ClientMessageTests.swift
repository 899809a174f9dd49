import MTProtoWire
import Testing

@Suite("ClientMessage")
struct ClientMessageTests {
    private static func judge(_ message: [UInt8]) -> ClientMessage.Verdict {
        message.withUnsafeBytes { ClientMessage.judge($0) }
    }

    /// An unencrypted message: key id 0, message id, length, constructor, zeros.
    private static func handshake(_ constructor: UInt32, inner: UInt32, length: Int) -> [UInt8] {
        let words = [0, 0, 0x4433_2211, 0x8877_6655, inner, constructor].flatMap { (word: UInt32) in
            withUnsafeBytes(of: word.littleEndian) { Array($0) }
        }
        return words + Array(repeating: 0, count: max(length - words.count, 0))
    }

    @Test(
        "The four requests before there is a key",
        arguments: [0x6046_9778, 0xbe7e_8ef1, 0xd712_e4be, 0xf504_5f1f] as [UInt32])
    func handshakes(constructor: UInt32) {
        #expect(Self.judge(Self.handshake(constructor, inner: 20, length: 40)) == .handshake)
        // Padding of a client that pads.
        #expect(Self.judge(Self.handshake(constructor, inner: 20, length: 52)) == .handshake)
        #expect(Self.judge(Self.handshake(constructor, inner: 24, length: 40)) == .refused)
        #expect(Self.judge(Self.handshake(constructor, inner: 19, length: 40)) == .refused)
        #expect(Self.judge(Self.handshake(constructor, inner: .max, length: 40)) == .refused)
        #expect(Self.judge(Self.handshake(constructor ^ 1, inner: 20, length: 40)) == .refused)
    }

    @Test("Encrypted messages have at least 56 bytes")
    func encrypted() {
        for key: [UInt8] in [[1, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0x80]] {
            for (length, verdict) in [
                (28, ClientMessage.Verdict.refused), (52, .refused), (56, .encrypted), (60, .encrypted),
            ] {
                #expect(Self.judge(key + Array(repeating: 0, count: length - 8)) == verdict)
            }
        }
    }

    @Test("Lengths that no message has")
    func lengths() {
        let longest = ClientMessage.maximumLength
        for (length, verdict) in [
            (0, ClientMessage.Verdict.refused), (4, .refused), (24, .refused), (57, .refused), (58, .refused),
            (longest, .encrypted), (longest + 4, .refused),
        ] {
            #expect(Self.judge(Array(repeating: 1, count: length)) == verdict)
        }
    }

    @Test("Nothing traps the judge")
    func garbage() {
        let message = Self.handshake(0xbe7e_8ef1, inner: 20, length: 40)
        for bytes in Drip.damaged(message) + Drip.truncations(message) + Drip.garbage() {
            _ = Self.judge(bytes)
        }
    }
}

@Suite("QuickAck")
struct QuickAckTests {
    private static let confirm: UInt32 = 0x8102_0304

    @Test("Abridged and intermediate are four bytes", arguments: [UInt64(0), 1, .max])
    func plain(random: UInt64) throws {
        let vector = try VectorFiles.middleProxy.answer("RPC_SIMPLE_ACK")
        #expect(
            QuickAck.packets(confirm: Self.confirm, framing: .abridged, random: random)
                == vector.toClientAbridged?.bytes)
        #expect(
            QuickAck.packets(confirm: Self.confirm, framing: .intermediate, random: random)
                == vector.toClientIntermediate?.bytes)
    }

    /// The payloads of padded packets, nil when they are no packets.
    private static func packets(_ bytes: [UInt8]) -> [[UInt8]]? {
        var rest = bytes[...]
        var packets: [[UInt8]] = []
        while !rest.isEmpty {
            guard rest.count >= 4 else { return nil }
            let length = rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
            rest = rest.dropFirst(4)
            guard length <= rest.count else { return nil }
            packets.append(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        return packets
    }

    @Test("Padded is four bytes half the time, else two packets with every padding")
    func padded() throws {
        var plain = 0
        var lengths: [Set<Int>] = [[], []]
        for random in UInt64(0)..<1000 {
            let bytes = QuickAck.packets(confirm: Self.confirm, framing: .paddedIntermediate, random: random)
            guard bytes.count != 4 else {
                #expect(bytes == [0x04, 0x03, 0x02, 0x81])
                plain += 1
                continue
            }
            let packets = try #require(Self.packets(bytes))
            #expect(packets.count == 2)
            #expect(packets.first?.prefix(8) == [0xff, 0xff, 0xff, 0xff, 0x04, 0x03, 0x02, 0x81])
            #expect(packets.last?.prefix(4) == [0, 0, 0, 0])
            for (index, packet) in packets.enumerated() { lengths[index].insert(packet.count) }
        }
        #expect((400...600).contains(plain))
        #expect(lengths == [Set(8...15), Set(4...11)])
    }
}
