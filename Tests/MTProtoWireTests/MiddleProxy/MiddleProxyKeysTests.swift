import MTProtoWire
import Testing

@Suite("MiddleProxyKeys")
struct MiddleProxyKeysTests {
    @Test("Keys of real and made-up links", arguments: VectorFiles.middleProxy.keyDerivation)
    func vectors(vector: MiddleProxyVectors.KeyDerivation) throws {
        let material = try vector.material()
        #expect(MiddleProxyKeys.prekey(material, writer: .proxy) == vector.prekeyClient.bytes)
        #expect(MiddleProxyKeys.prekey(material, writer: .middleProxy) == vector.prekeyServer.bytes)
        let keys = MiddleProxyKeys.derive(material)
        #expect(try keys.write == cbcKey(vector.clientWriteKey, vector.clientWriteIv))
        #expect(try keys.read == cbcKey(vector.clientReadKey, vector.clientReadIv))
        #expect(material.secret.keySelector == vector.keySelect)
    }

    @Test("A Diffie-Hellman secret is mixed in, and its remainder stands behind")
    func diffieHellman() throws {
        let vectors = VectorFiles.middleProxy
        let vector = vectors.keyDerivationDhSchema3
        let base = try #require(vectors.keyDerivation.first { $0.name == vector.baseVector })
        var material = try base.material()
        material.sharedSecret = vector.tempKeyGAb.bytes
        let keys = MiddleProxyKeys.derive(material)
        #expect(try keys.write == cbcKey(vector.clientWriteKey, vector.clientWriteIv))
        #expect(try keys.read == cbcKey(vector.clientReadKey, vector.clientReadIv))
        #expect(MiddleProxyKeys.prekey(material, writer: .proxy).count == 256)
    }

    @Test("A secret longer than what is mixed in keeps its end")
    func longSecret() throws {
        let base = try #require(VectorFiles.middleProxy.keyDerivation.first { $0.secret.bytes.count == 256 })
        var material = try base.material()
        let plain = MiddleProxyKeys.prekey(material, writer: .proxy)
        material.sharedSecret = Array(repeating: 0xff, count: 256)
        let mixed = MiddleProxyKeys.prekey(material, writer: .proxy)
        #expect(mixed.prefix(256).elementsEqual(plain.prefix(256).map { $0 ^ 0xff }))
        #expect(mixed.dropFirst(256) == plain.dropFirst(256))
    }

    @Test(
        "The secret has 32 to 256 bytes", arguments: [(31, false), (32, true), (128, true), (256, true), (257, false)])
    func secretLength(length: Int, isTaken: Bool) {
        #expect((MiddleProxySecret(bytes: Array(repeating: 1, count: length)) != nil) == isTaken)
    }

    @Test("The secret is named by its first four bytes and never shown")
    func secret() throws {
        let bytes = try unhex("c4f9faca") + Array(repeating: 0xab, count: 28)
        let secret = try #require(MiddleProxySecret(bytes: bytes))
        #expect(secret.keySelector == 0xcafa_f9c4)
        var dumped = ""
        dump(secret, to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), dumped, "\([secret])"] {
            #expect(!text.contains("171") && !text.contains("ab, ") && !text.contains("abab"))
        }
    }
}
