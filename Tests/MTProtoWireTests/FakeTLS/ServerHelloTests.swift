import MTProtoWire
import NIOCore
import Testing

@Suite("ServerHello")
struct ServerHelloTests {
    private static let key = Block16(bytes: ProxySecretTests.keyBytes) ?? Block16()

    /// What a client checks of a reply (tdlib): the three records with nothing between or behind them, and the code.
    static func clientAccepts(_ reply: [UInt8], random: Block32, key: Block16) -> Bool {
        guard reply.starts(with: [0x16, 3, 3]), reply.count >= 5 else { return false }
        let first = 5 + Int(reply[3]) << 8 + Int(reply[4])
        let rest = reply.dropFirst(first)
        guard rest.starts(with: [0x14, 3, 3, 0, 1, 1, 0x17, 3, 3]), rest.count >= 11 else { return false }
        let last = Array(rest.dropFirst(9))
        guard last.count == 2 + Int(last[0]) << 8 + Int(last[1]) else { return false }
        let code = FakeTLSKey(secretIndex: 0, key: key).code(prefix: random, record: ByteBuffer(bytes: reply))
        return reply[11..<43].elementsEqual(code.bytes)
    }

    private static func reply(
        to hello: ClientHello, profile: HandshakeProfile, generator: inout Drip.Generator
    ) throws -> [UInt8] {
        let suite = try #require(hello.preferredCipherSuite)
        func fill(_ bytes: UnsafeMutableRawBufferPointer) {
            for index in bytes.indices { bytes[index] = UInt8.random(in: 0...255, using: &generator) }
        }
        let serverHello = ServerHello(answering: hello, cipherSuite: suite, profile: profile, fillRandom: fill)
        let reply = serverHello.signed(with: FakeTLSKey(secretIndex: 0, key: key), fillRandom: fill)
        return Array(reply.readableBytesView)
    }

    @Test("signs as other implementations do", arguments: VectorFiles.fakeTLS.serverHellos)
    func vectors(vector: FakeTLSVectors.ServerHello) throws {
        let hello = try VectorFiles.fakeTLS.clientHello(named: vector.clientHello)
        let key = try VectorFiles.fakeTLS.secret.block16()
        let response = vector.response.bytes
        #expect(Array(response[11..<43]) == vector.serverRandom.bytes)
        #expect(try Self.clientAccepts(response, random: hello.clientRandom.block32(), key: key))
    }

    @Test("makes the very bytes of another implementation from the same parts")
    func sameBytes() throws {
        let vector = try #require(VectorFiles.fakeTLS.serverHellos.first)
        let response = vector.response.bytes
        let client = try VectorFiles.fakeTLS.clientHello(named: vector.clientHello)
        let hello = try #require(HelloMaker.parse(client.bytes.bytes))
        let keyShare = try #require(Block32(bytes: response[95..<127]))
        let certificate = Array(response[138...])
        let serverHello = ServerHello(
            answering: hello, cipherSuite: 0x1301, keyShare: keyShare, extensionOrder: .supportedVersionsFirst,
            certificateRecordLength: certificate.count)
        let key = FakeTLSKey(secretIndex: 0, key: try VectorFiles.fakeTLS.secret.block16())
        let made = serverHello.signed(with: key) { $0.copyBytes(from: certificate) }
        #expect(Array(made.readableBytesView).hex == response.hex)
    }

    @Test("is what clients accept, for every length of session id", arguments: HandshakeProfile.ExtensionOrder.allCases)
    func sessionIDs(order: HandshakeProfile.ExtensionOrder) throws {
        var generator = Drip.Generator(seed: 4)
        let template = VectorFiles.fakeTLS.serverHelloTemplate
        for length in 0...32 {
            let maker = HelloMaker(sessionID: [UInt8](repeating: 9, count: length), cipherSuites: [0x1303])
            let hello = try #require(HelloMaker.parse(maker.signed(key: Self.key, timestamp: 1)))
            let profile = HandshakeProfile(
                extensionOrder: order, certificateRecordLength: 3_000, certificateRecordJitter: 0)
            let reply = try Self.reply(to: hello, profile: profile, generator: &generator)
            #expect(Self.clientAccepts(reply, random: hello.random, key: Self.key))
            #expect(reply.count == 106 + length + 3_000)
            if length == 32 { #expect(reply.starts(with: template.record.bytes)) }
            #expect(Array(reply[43..<44 + length]) == [UInt8(length)] + maker.sessionID)
            let extensions = Array(reply[(44 + length)..<(44 + length + 51)])
            #expect(extensions.prefix(5) == [0x13, 0x03, 0, 0, 0x2e])
            let versionsStart = order == .keyShareFirst ? 45 : 5
            #expect(Array(extensions[versionsStart..<versionsStart + 6]) == template.extSupportedVersions.bytes)
            let shareStart = order == .keyShareFirst ? 5 : 11
            #expect(Array(extensions[shareStart..<shareStart + 8]) == [0, 0x33, 0, 0x24, 0, 0x1d, 0, 0x20])
            #expect(Curve25519Field.isOnCurve(Array(extensions[shareStart + 8..<shareStart + 40])))
        }
    }

    @Test("shows a key share on the curve each time, and never the same bytes twice")
    func freshness() throws {
        var generator = Drip.Generator(seed: 6)
        let hello = try #require(HelloMaker.parse(HelloMaker().signed(key: Self.key, timestamp: 1)))
        let profile = HandshakeProfile(certificateRecordLength: 2_500)
        var shares: Set<[UInt8]> = []
        var certificates: Set<[UInt8]> = []
        var lengths: Set<Int> = []
        for _ in 0..<64 {
            let reply = try Self.reply(to: hello, profile: profile, generator: &generator)
            let share = Array(reply[89..<121])
            #expect(Curve25519Field.isOnCurve(share))
            shares.insert(share)
            let certificate = reply[138...]
            lengths.insert(certificate.count)
            for start in stride(from: certificate.startIndex, to: certificate.endIndex - 16, by: 16) {
                certificates.insert(Array(certificate[start..<start + 16]))
            }
        }
        #expect(shares.count == 64)
        #expect(lengths == Set(2_498...2_502))
        // Every 16-byte window of every certificate is new.
        #expect(certificates.count >= 64 * (2_498 / 16))
    }

    @Test("recognises bytes that are no key share")
    func checkOfTheCheck() {
        var generator = Drip.Generator(seed: 8)
        let onCurve = (0..<200).count { _ in
            Curve25519Field.isOnCurve((0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) })
        }
        #expect((60...140).contains(onCurve))
        #expect(Curve25519Field.isOnCurve([9] + [UInt8](repeating: 0, count: 31)))
    }

    @Test("derives the public key of RFC 7748, section 5.2")
    func publicKey() throws {
        let seed = try #require(Block32(bytes: [9] + [UInt8](repeating: 0, count: 31)))
        let expected = "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"
        #expect(ServerHello.publicKey(seed: seed).bytes.hex == expected)
        #expect(Curve25519Field.isOnCurve(ServerHello.publicKey(seed: seed).bytes))
    }
}

@Suite("HandshakeProfile")
struct HandshakeProfileTests {
    @Test("keeps record lengths within what a record can hold")
    func bounds() {
        for (length, jitter) in [(0, 2), (-5, 0), (.max, 2), (16_384, 1_000), (.min, .max), (3_000, -1)] {
            let profile = HandshakeProfile(certificateRecordLength: length, certificateRecordJitter: jitter)
            for random: UInt64 in [0, 1, 2, 3, 4, .max, .max - 1, 1 << 63] {
                let drawn = profile.certificateRecordLength(random: random)
                #expect((1...16_384).contains(drawn))
            }
        }
    }

    @Test("draws a base once, and stays within two bytes of it")
    func random() {
        var generator = Drip.Generator(seed: 1)
        for _ in 0..<100 {
            let profile = HandshakeProfile.random(using: &generator)
            #expect(HandshakeProfile.usualCertificateRecordLengths.contains(profile.certificateRecordLength))
            let drawn = Set((0..<50).map { profile.certificateRecordLength(random: UInt64($0)) })
            let base = profile.certificateRecordLength
            #expect(drawn == Set(base - 2...base + 2))
        }
    }
}
