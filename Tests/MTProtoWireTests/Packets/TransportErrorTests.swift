import MTProtoWire
import Testing

@Suite("TransportError")
struct TransportErrorTests {
    /// The packets of an error in each framing, with every amount of padding that the padded one allows.
    private static func packets(_ error: TransportError, _ framing: PacketFraming) -> [[UInt8]] {
        switch framing {
        case .abridged: [[0x01] + error.bytes]
        case .intermediate: [[0x04, 0, 0, 0] + error.bytes]
        case .paddedIntermediate:
            (0...15).map { [0x04 + UInt8($0), 0, 0, 0] + error.bytes + Array(repeating: 0x5a, count: $0) }
        }
    }

    @Test("An error's payload is its code, little endian")
    func payload() {
        #expect(TransportError.wrongDataCenter.bytes == [0x44, 0xfe, 0xff, 0xff])
        #expect(TransportError.unknownKey.bytes == [0x6c, 0xfe, 0xff, 0xff])
        #expect(TransportError.flood.bytes == [0x53, 0xfe, 0xff, 0xff])
    }

    @Test(
        "An error is known with its last code byte and not before",
        arguments: TransportError.allCases, PacketFraming.allCases)
    func recognised(error: TransportError, framing: PacketFraming) {
        for packet in Self.packets(error, framing) {
            let needed = framing == .abridged ? 5 : 8
            for count in 0..<needed {
                #expect(TransportError.first(in: packet.prefix(count), framing: framing) == .undecided)
            }
            for count in needed...packet.count {
                let verdict = TransportError.first(in: packet.prefix(count), framing: framing)
                #expect(verdict == .error(error, packetLength: packet.count))
            }
            let verdict = TransportError.first(in: packet + [1, 2, 3], framing: framing)
            #expect(verdict == .error(error, packetLength: packet.count))
        }
    }

    @Test("The first byte that cannot belong to an error settles it", arguments: PacketFraming.allCases)
    func ordinary(framing: PacketFraming) {
        let packet = Self.packets(.wrongDataCenter, framing)[0]
        for index in packet.indices {
            var other = packet
            other[index] ^= 0x80
            #expect(TransportError.first(in: other.prefix(index + 1), framing: framing) == .packet)
            #expect(TransportError.first(in: other, framing: framing) == .packet)
        }
    }

    @Test(
        "Ordinary first packets are not errors",
        arguments: [
            (PacketFraming.abridged, [UInt8(0x0e), 0, 0, 0, 0, 0, 0, 0, 0]),
            (.abridged, [0x81, 0x02, 0x03, 0x04]),
            (.abridged, [0x01, 0x00, 0x00, 0x00, 0x00]),
            (.intermediate, [0x38, 0, 0, 0, 0, 0, 0, 0]),
            (.intermediate, [0x08, 0, 0, 0, 0x44, 0xfe, 0xff, 0xff]),
            (.intermediate, [0x04, 0x03, 0x02, 0x81]),
            (.paddedIntermediate, [0x03, 0, 0, 0]),
            (.paddedIntermediate, [0x14, 0, 0, 0, 0x44, 0xfe, 0xff, 0xff]),
            (.paddedIntermediate, [0x08, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]),
        ])
    func ordinaryPackets(framing: PacketFraming, bytes: [UInt8]) {
        #expect(TransportError.first(in: bytes, framing: framing) == .packet)
    }

    @Test("A verdict once reached never changes, and eight bytes are always enough", arguments: PacketFraming.allCases)
    func garbage(framing: PacketFraming) {
        let packet = Self.packets(.flood, framing)[0]
        for bytes in Drip.garbage() + Drip.damaged(packet + packet) {
            var settled: TransportError.Verdict?
            for count in 0...bytes.count {
                let verdict = TransportError.first(in: bytes.prefix(count), framing: framing)
                guard settled == nil || verdict == settled else {
                    Issue.record("\(bytes) at \(count): \(verdict)")
                    return
                }
                if verdict != .undecided { settled = verdict }
            }
            guard settled != nil || bytes.count < 8 else {
                Issue.record("\(bytes) undecided")
                return
            }
        }
    }
}
