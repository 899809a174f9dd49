import MTProtoWire
import NIOCore
import Testing

@Suite("ClientHello")
struct ClientHelloTests {
    @Test("reads the hellos of clients", arguments: VectorFiles.fakeTLS.clientHellos)
    func vectors(vector: FakeTLSVectors.ClientHello) throws {
        #expect(vector.bytes.bytes.count == vector.length)
        let hello = try #require(HelloMaker.parse(vector.bytes.bytes))
        #expect(hello.random.bytes == vector.clientRandom.bytes)
        #expect(Array(hello.sessionID.readableBytesView) == vector.sessionId.bytes)
        #expect(hello.serverName == VectorFiles.fakeTLS.domain)
        #expect(hello.preferredCipherSuite == 0x1301)
        #expect(Array(hello.record.readableBytesView) == vector.bytes.bytes)
    }

    @Test("reads the hello of a prober")
    func probe() throws {
        let probe = VectorFiles.fakeTLS.probeClientHelloSentByOfficialCToCoverSite
        let hello = try #require(HelloMaker.parse(probe.bytes.bytes))
        #expect(hello.serverName == probe.domain)
        #expect(hello.sessionID.readableBytes == 32)
    }

    @Test("takes session ids of 0 to 32 bytes")
    func sessionIDs() throws {
        for length in 0...32 {
            let sessionID = (0..<length).map { UInt8($0) }
            let maker = HelloMaker(sessionID: sessionID)
            let hello = try #require(HelloMaker.parse(maker.signed(key: Block16(), timestamp: 0)))
            #expect(Array(hello.sessionID.readableBytesView) == sessionID)
            #expect(hello.serverName == "localhost")
        }
        let tooLong = HelloMaker(sessionID: [UInt8](repeating: 0, count: 33))
        #expect(HelloMaker.parse(tooLong.signed(key: Block16(), timestamp: 0)) == nil)
    }

    private static let preferences: [([UInt16], UInt16?)] = [
        ([0x1302, 0x1301], 0x1302), ([0xc02b, 0x1303], 0x1303), ([0x1304, 0x1300, 0x1301], 0x1301),
        ([0xc02b, 0x009c], nil), ([], nil),
    ]

    @Test("prefers what the client prefers, among the suites of TLS 1.3", arguments: preferences)
    func cipherSuites(suites: [UInt16], preferred: UInt16?) throws {
        let maker = HelloMaker(cipherSuites: suites)
        let hello = try #require(HelloMaker.parse(maker.signed(key: Block16(), timestamp: 0)))
        #expect(hello.preferredCipherSuite == preferred)
    }

    @Test("does without a server name, and shows no unprintable one", arguments: [nil, "", "a b", "a\u{0}", "имя"])
    func withoutServerName(name: String?) throws {
        let maker = HelloMaker(serverName: name)
        let hello = try #require(HelloMaker.parse(maker.signed(key: Block16(), timestamp: 0)))
        #expect(hello.serverName == nil)
        #expect(hello.preferredCipherSuite == 0x1301)
    }

    @Test("reads a hello without extensions")
    func withoutExtensions() throws {
        let record =
            [0x16, 3, 1, 0, 0, 1, 0, 0, 0, 3, 3] + [UInt8](repeating: 1, count: 32) + [0, 0, 2, 0x13, 2, 1, 0]
        let hello = try #require(HelloMaker.parse(record))
        #expect(hello.preferredCipherSuite == 0x1302)
        #expect(hello.serverName == nil)
        #expect(HelloMaker.parse(record.dropLast()) == nil)
    }

    @Test("survives truncation, damage and garbage")
    func drip() throws {
        let record = HelloMaker().signed(key: Block16(), timestamp: 0)
        for bytes in Drip.truncations(record) + Drip.damaged(record, count: 2_000) + Drip.garbage(count: 1_000) {
            guard let hello = HelloMaker.parse(bytes) else { continue }
            _ = hello.serverName
            _ = hello.preferredCipherSuite
            _ = ClientHelloProof.find(in: hello, keys: [FakeTLSKey(secretIndex: 0, key: Block16())])
        }
    }
}
