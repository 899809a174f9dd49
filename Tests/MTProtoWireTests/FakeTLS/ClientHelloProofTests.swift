import MTProtoWire
import NIOCore
import Testing

@Suite("ClientHelloProof")
struct ClientHelloProofTests {
    private static func find(_ bytes: [UInt8], _ keys: [Block16]) throws -> ClientHelloProof? {
        let hello = try #require(HelloMaker.parse(bytes))
        return ClientHelloProof.find(
            in: hello, keys: keys.enumerated().map { FakeTLSKey(secretIndex: $0.offset, key: $0.element) })
    }

    @Test("finds what other implementations find", arguments: VectorFiles.fakeTLS.clientHellos)
    func vectors(vector: FakeTLSVectors.ClientHello) throws {
        let key = try VectorFiles.fakeTLS.secret.block16()
        let proof = try Self.find(vector.bytes.bytes, [key])
        #expect(proof?.timestamp == vector.timestamp)
        #expect((proof != nil) == vector.first28Match)
        let hello = try #require(HelloMaker.parse(vector.bytes.bytes))
        #expect(FakeTLSKey(secretIndex: 0, key: key).code(record: hello.record).bytes == vector.hmac.bytes)
        if let other = try vector.acceptSecret?.block16() {
            #expect(try Self.find(vector.bytes.bytes, [key, other])?.keyIndex == 1)
        }
    }

    @Test("finds the key wherever it stands in the list")
    func positions() throws {
        var generator = Drip.Generator(seed: 2)
        let keys = (0..<6).map { _ in ProxySecret.generate(.plain, using: &generator).key }
        for (index, key) in keys.enumerated() {
            let bytes = HelloMaker().signed(key: key, timestamp: .max)
            #expect(try Self.find(bytes, keys) == ClientHelloProof(keyIndex: index, timestamp: .max))
        }
        #expect(try Self.find(HelloMaker().signed(key: Block16(), timestamp: 5), keys) == nil)
        #expect(try Self.find(HelloMaker().signed(key: keys[0], timestamp: 5), []) == nil)
    }

    @Test("takes the first of two equal keys")
    func equalKeys() throws {
        let bytes = HelloMaker().signed(key: Block16(), timestamp: 77)
        #expect(
            try Self.find(bytes, [Block16(), Block16()]) == ClientHelloProof(keyIndex: 0, timestamp: 77))
    }

    @Test("fails when one bit of the first 28 bytes differs, and reads another time from the rest")
    func everyBit() throws {
        let bytes = HelloMaker().signed(key: Block16(), timestamp: 1_000)
        for bit in 0..<(32 * 8) {
            var changed = bytes
            changed[11 + bit / 8] ^= 1 << UInt8(bit % 8)
            let proof = try Self.find(changed, [Block16()])
            let timestamp: UInt32? = bit < 28 * 8 ? nil : 1_000 ^ (1 << UInt32(bit - 28 * 8))
            #expect(proof?.timestamp == timestamp)
        }
    }

    @Test("agrees with other implementations about a hello that is nearly empty")
    func nearlyEmptyHello() throws {
        let key = try #require(Block16(bytes: (0..<16).map { UInt8($0) }))
        let start = try unhex("16030102000100 01fc0303")
        var record = start + [UInt8](repeating: 0, count: 32) + [0x20] + (0..<32).map { UInt8($0) }
        record += [UInt8](repeating: 0, count: 517 - record.count)
        let mac = FakeTLSKey(secretIndex: 0, key: key).code(record: ByteBuffer(bytes: record))
        #expect(mac.bytes.hex == "72d06617e225c78f9ca6280a0dfbf1e48e4b1de6144acf0dffd82e16ff43dd25")

        let signed = HelloMaker.sign(record, key: key, timestamp: 1_700_000_000)
        #expect(signed[39..<43].elementsEqual([0xff, 0xb2, 0x8e, 0x40]))
        #expect(try Self.find(signed, [key]) == ClientHelloProof(keyIndex: 0, timestamp: 1_700_000_000))

        let hello = try #require(HelloMaker.parse(signed))
        let reply = ServerHello(
            answering: hello, cipherSuite: 0x1301,
            keyShare: try #require(Block32(bytes: repeatElement(0x5a, count: 32))),
            extensionOrder: .keyShareFirst, certificateRecordLength: 1_900
        ).signed(with: FakeTLSKey(secretIndex: 0, key: key)) { $0.initializeMemory(as: UInt8.self, repeating: 0x5a) }
        #expect(reply.readableBytes == 2_038)
        #expect(
            reply.getBytes(at: 11, length: 32)?.hex
                == "0ad49e2a99101297c94d932161afb24fb603e04d7b574277ab76235110209159")
    }
}
