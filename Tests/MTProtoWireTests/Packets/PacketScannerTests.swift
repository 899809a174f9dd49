import MTProtoWire
import NIOCore
import Testing

@Suite("PacketScanner")
struct PacketScannerTests {
    /// What came out of a scanner: the packets with their headers, the last one perhaps incomplete.
    private struct Outcome: Equatable {
        var headers: [PacketHeader] = []
        var packets: [[UInt8]] = []
        var error: WireError?
    }

    private static func scan(_ pieces: [[UInt8]], _ framing: PacketFraming) -> Outcome {
        var scanner = PacketScanner(framing: framing)
        var outcome = Outcome()
        for piece in pieces {
            var rest = piece[...]
            while outcome.error == nil {
                switch scanner.step(available: rest.count) {
                case .needMore:
                    break
                case .payload(let count):
                    outcome.packets[outcome.packets.count - 1] += rest.prefix(count)
                    rest = rest.dropFirst(count)
                    continue
                case .header(let count):
                    do throws(WireError) {
                        if let header = try scanner.take(Array(rest.prefix(count))) {
                            outcome.headers.append(header)
                            outcome.packets.append(header.bytes)
                        }
                        rest = rest.dropFirst(count)
                    } catch {
                        outcome.error = error
                    }
                    continue
                }
                break
            }
        }
        return outcome
    }

    private static func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) }
    }

    /// Packets of every kind of header, in wire form; the last but one is empty.
    private static func packets(_ framing: PacketFraming) -> [[UInt8]] {
        switch framing {
        case .abridged:
            [
                [0x01] + bytes(4), [0x7f, 0x7f, 0x00, 0x00] + bytes(508), [0x81] + bytes(4), [0x7e] + bytes(504),
                [0xff, 0x80, 0x00, 0x00] + bytes(512), [0x7f, 0x01, 0x00, 0x00] + bytes(4), [0x00], [0x02] + bytes(8),
            ]
        case .intermediate, .paddedIntermediate:
            [
                [0x08, 0, 0, 0] + bytes(8), [0x08, 0, 0, 0x80] + bytes(8), [0x2c, 0x01, 0, 0] + bytes(300),
                [0x05, 0, 0, 0] + bytes(5), [0, 0, 0, 0], [0x04, 0, 0, 0] + bytes(4),
            ]
        }
    }

    @Test("Packets come out as they went in", arguments: PacketFraming.allCases)
    func whole(framing: PacketFraming) {
        let packets = Self.packets(framing)
        let outcome = Self.scan([Array(packets.joined())], framing)
        #expect(outcome.packets == packets)
        #expect(outcome.headers.map(\.packetLength) == packets.map(\.count))
        #expect(outcome.error == nil)
    }

    @Test(
        "Packets are the same however the network cuts them, and nothing traps the scanner",
        arguments: PacketFraming.allCases)
    func dripped(framing: PacketFraming) {
        Drip.check(Array(Self.packets(framing).joined())) { Self.scan($0, framing) }
    }

    @Test("A packet's length is known before its payload")
    func headerFirst() throws {
        var scanner = PacketScanner(framing: .intermediate)
        #expect(scanner.step(available: 3) == .header(count: 3))
        #expect(try scanner.take([0x00, 0x00, 0x10]) == nil)
        #expect(scanner.heldCount == 3)
        #expect(scanner.step(available: 60_000) == .header(count: 1))
        let header = try #require(try scanner.take([0x00]))
        #expect(header == PacketHeader(plaintext: 0x0010_0000, framing: .intermediate))
        #expect(header.payloadLength == 1 << 20)
        #expect(scanner.step(available: 60_000) == .payload(count: 60_000))
        #expect(scanner.remaining == (1 << 20) - 60_000)
        #expect(scanner.step(available: 2 << 20) == .payload(count: (1 << 20) - 60_000))
        #expect(scanner.step(available: 0) == .needMore)
        #expect(scanner == PacketScanner(framing: .intermediate))
    }

    @Test("A short abridged packet costs one header byte, a long one three more")
    func abridgedHeaders() throws {
        var scanner = PacketScanner(framing: .abridged)
        #expect(scanner.step(available: 100) == .header(count: 1))
        #expect(try scanner.take([0x02])?.payloadLength == 8)
        #expect(scanner.step(available: 100) == .payload(count: 8))
        #expect(scanner.step(available: 100) == .header(count: 1))
        #expect(try scanner.take([0xff]) == nil)
        #expect(scanner.step(available: 2) == .header(count: 2))
        #expect(try scanner.take([0x00, 0x01]) == nil)
        #expect(scanner.step(available: 2) == .header(count: 1))
        let header = try #require(try scanner.take([0x00]))
        #expect(header.payloadLength == 1024)
        #expect(header.wantsQuickAck)
    }

    @Test("The longest packet is allowed, a longer one is an error", arguments: PacketFraming.allCases)
    func longest(framing: PacketFraming) throws {
        let longest: [UInt8] = framing == .abridged ? [0x7f, 0, 0, 0x40] : [0, 0, 0, 0x01]
        let tooLong: [UInt8] = framing == .abridged ? [0x7f, 1, 0, 0x40] : [1, 0, 0, 0x01]
        let outcome = Self.scan([longest], framing)
        #expect(outcome.headers.map(\.payloadLength) == [PacketScanner.maximumPacketLength])
        #expect(outcome.error == nil)
        #expect(Self.scan([tooLong], framing).error == .packetTooLong)
        #expect(Self.scan([[0xff, 0xff, 0xff, 0xff]], framing).error == .packetTooLong)
    }

    @Test("Bytes beyond the header are left alone")
    func surplus() throws {
        var scanner = PacketScanner(framing: .intermediate)
        let header = try scanner.take([4, 0, 0, 0, 9, 9, 9])
        #expect(header?.payloadLength == 4)
        #expect(scanner.step(available: 10) == .payload(count: 4))
    }
}

extension PacketScanner {
    fileprivate mutating func take(_ bytes: [UInt8]) throws(WireError) -> PacketHeader? {
        try ByteBuffer(bytes: bytes).withUnsafeReadableBytes { (bytes) throws(WireError) in try take(bytes) }
    }
}
