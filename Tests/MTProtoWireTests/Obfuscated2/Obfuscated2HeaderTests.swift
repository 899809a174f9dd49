import MTProtoWire
import Testing

@Suite("Obfuscated2Header")
struct Obfuscated2HeaderTests {
    static func keystream(_ keys: CTRKey, at offset: UInt64, count: Int) -> [UInt8] {
        var cipher = AESCTR(keys)
        cipher.seek(to: offset)
        return cipher.apply([UInt8](repeating: 0, count: count))
    }

    static func parse(_ bytes: [UInt8], secret: Block16?) -> Obfuscated2Header? {
        bytes.withUnsafeBytes { Obfuscated2Header($0, secret: secret) }
    }

    @Test("understands the headers of other implementations", arguments: VectorFiles.obfuscated2.vectors)
    func vectors(vector: Obfuscated2Vectors.Vector) throws {
        let secret = try vector.secret.map { try $0.block16() }
        let header = try #require(Self.parse(vector.wireHeader64.bytes, secret: secret))
        #expect(header.dataCenterWire == vector.dc)
        #expect(header.framing.tag == vector.decryptedBytes5663.bytes[0])
        #expect(
            header.clientToProxy
                == CTRKey(
                    key: try vector.serverDecryptKey.block32(), iv: try vector.serverDecryptIv.block16()))
        #expect(
            header.proxyToClient
                == CTRKey(
                    key: try vector.serverEncryptKey.block32(), iv: try vector.serverEncryptIv.block16()))

        if let plain = vector.firstFramePlain?.bytes, let wire = vector.firstFrameWire?.bytes {
            var cipher = AESCTR(header.clientToProxy)
            cipher.seek(to: 64)
            #expect(cipher.apply(wire) == plain)
        }
        if let expected = vector.serverToClientKeystreamFirst32?.bytes {
            #expect(Self.keystream(header.proxyToClient, at: 0, count: 32) == expected)
        }
        if let expected = vector.clientToServerKeystream6480?.bytes {
            #expect(Self.keystream(header.clientToProxy, at: 64, count: 16) == expected)
        }
    }

    @Test("knows a header of one secret from another's", arguments: VectorFiles.obfuscated2.vectors)
    func wrongSecret(vector: Obfuscated2Vectors.Vector) throws {
        var key = try vector.secret?.block16() ?? Block16()
        key.withUnsafeMutableBytes { $0[15] ^= 1 }
        #expect(Self.parse(vector.wireHeader64.bytes, secret: key) == nil)
        if vector.secret != nil { #expect(Self.parse(vector.wireHeader64.bytes, secret: nil) == nil) }
    }

    @Test("reads a padded header for the media servers of data center 2, and derives four keystreams")
    func paddedMediaHeader() throws {
        let secret = Block16(bytes: (0..<16).map { UInt8($0) })
        let bytes = try unhex(
            """
            404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f
            606162636465666768696a6b6c6d6e6f707172737475767790ff27c6d9348818
            """)
        let header = try #require(Self.parse(bytes, secret: secret))
        #expect(header.framing == .paddedIntermediate)
        #expect(DataCenter(wire: header.dataCenterWire) == DataCenter(id: 2, isMedia: true))
        #expect(
            header.clientToProxy.key.bytes.hex == "ace73e9a2c276911bf0f75052516a425c4346c78c7b439af1023dd99ff1065c8")
        #expect(header.clientToProxy.iv.bytes.hex == "68696a6b6c6d6e6f7071727374757677")
        #expect(
            header.proxyToClient.key.bytes.hex == "e9b16a879eae5d15fefa87197f4bc5593e84e21b1a507b801ebafc736070eb4c")
        #expect(header.proxyToClient.iv.bytes.hex == "57565554535251504f4e4d4c4b4a4948")
        #expect(Self.keystream(header.clientToProxy, at: 64, count: 16).hex == "e3058d08dcf9c2fd1e8720e434c31e22")
        #expect(Self.keystream(header.proxyToClient, at: 0, count: 16).hex == "e39f670aed634a966a2e108698527944")
    }

    @Test("takes 64 bytes and nothing else")
    func length() throws {
        let vector = try #require(VectorFiles.obfuscated2.vectors.first)
        let secret = try vector.secret?.block16()
        for bytes in Drip.truncations(vector.wireHeader64.bytes) + [vector.wireHeader64.bytes + [0]] {
            #expect(Self.parse(bytes, secret: secret) == nil)
        }
    }

    @Test("finds the replay key in bytes 8 to 24")
    func replayKey() {
        let bytes = (0..<64).map { UInt8($0) }
        #expect(bytes.withUnsafeBytes { Obfuscated2Header.replayKey($0) }.bytes == Array(8..<24))
    }

    @Test("takes garbage for a header about once in a billion times")
    func garbage() {
        var generator = Drip.Generator(seed: 11)
        for _ in 0..<2_000 {
            let bytes = (0..<64).map { _ in UInt8.random(in: 0...255, using: &generator) }
            #expect(Self.parse(bytes, secret: Block16()) == nil)
        }
    }
}
