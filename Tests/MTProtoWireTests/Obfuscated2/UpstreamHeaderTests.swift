import MTProtoWire
import Testing

@Suite("UpstreamHeader")
struct UpstreamHeaderTests {
    /// Hands out given bytes, and zeros when they are used up.
    private struct Script: RandomNumberGenerator {
        var bytes: [UInt8]
        var drawn = 0

        mutating func next() -> UInt64 {
            defer { drawn += 8 }
            return (0..<8).reduce(0) { word, index in
                let byte = drawn + index < bytes.count ? bytes[drawn + index] : 0
                return word | UInt64(byte) << UInt64(8 * index)
            }
        }
    }

    @Test("makes the header that other implementations make from the same random bytes")
    func knownHeader() {
        var script = Script(bytes: (0x10...0x4d).map { UInt8($0) } + [0xcc, 0xdd])
        let header = UpstreamHeader.make(framing: .paddedIntermediate, dataCenterWire: -2, using: &script)
        #expect(
            header.bytes.hex == """
                101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f\
                303132333435363738393a3b3c3d3e3f40414243444546470f7eab4489c9c90a
                """)
        let outbound = Obfuscated2HeaderTests.keystream(header.outbound, at: 64, count: 16)
        let inbound = Obfuscated2HeaderTests.keystream(header.inbound, at: 0, count: 16)
        #expect(outbound.hex == "15949fe2b8cb06c0aa774203e0210520")
        #expect(inbound.hex == "b062e3c44fe6aa2e39ca353dc48fbdd9")
    }

    @Test("makes what the other side understands", arguments: PacketFraming.allCases)
    func roundTrip(framing: PacketFraming) throws {
        var generator = Drip.Generator(seed: 5)
        let centers: [Int16] = [1, 2, -2, 5, 203, -203, 0, 10_002, -10_002, .max, .min, .min + 1, -1]
        for center in centers {
            for secret in [nil, Block16(), Block16(bytes: ProxySecretTests.keyBytes)] {
                let made = UpstreamHeader.make(
                    framing: framing, dataCenterWire: center, secret: secret, using: &generator)
                #expect(made.bytes.count == Obfuscated2Header.length)
                let header = try #require(Obfuscated2HeaderTests.parse(made.bytes, secret: secret))
                #expect(header.framing == framing)
                #expect(header.dataCenterWire == center)
                #expect(header.clientToProxy == made.outbound)
                #expect(header.proxyToClient == made.inbound)
                _ = DataCenter(wire: header.dataCenterWire)
            }
        }
    }

    @Test(
        "draws again when a data center would take the header for another protocol",
        arguments: [
            "ef112233 11223344", "48454144 11223344", "504f5354 11223344", "47455420 11223344", "4f505449 11223344",
            "16030102 11223344", "dddddddd 11223344", "eeeeeeee 11223344", "11223344 00000000",
        ])
    func forbiddenStarts(start: String) throws {
        let forbidden = try unhex(start) + [UInt8](repeating: 7, count: 56)
        let allowed = [UInt8](repeating: 9, count: 64)
        var script = Script(bytes: forbidden + forbidden + allowed)
        let header = UpstreamHeader.make(framing: .abridged, dataCenterWire: 2, using: &script)
        #expect(header.bytes.prefix(56) == allowed.prefix(56))
        #expect(script.drawn == 3 * 64)
    }

    @Test(
        "lets starts pass that only resemble the forbidden ones", arguments: ["16030302 01000000", "dddddd00 00000001"])
    func allowedStarts(start: String) throws {
        var script = Script(bytes: try unhex(start) + [UInt8](repeating: 7, count: 56))
        _ = UpstreamHeader.make(framing: .abridged, dataCenterWire: 2, using: &script)
        #expect(script.drawn == 64)
    }
}
