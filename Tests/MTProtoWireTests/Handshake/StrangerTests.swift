import MTProtoWire
import NIOCore
import Testing

@Suite("ClientHandshake with strangers")
struct StrangerTests {
    /// After how many bytes, one at a time, a connection is known to be a stranger's.
    private static func decision(_ bytes: [UInt8], _ secrets: [ProxySecret]) -> (count: Int, reason: StrangerReason)? {
        let bench = HandshakeBench(secrets)
        var environment = bench.environment
        var handshake = ClientHandshake(rules: bench.rules)
        for (index, byte) in bytes.enumerated() {
            var buffer = ByteBuffer(bytes: [byte])
            if case .stranger(let reason) = handshake.receive(&buffer, environment: &environment) {
                #expect(Array(handshake.bytesRead.readableBytesView) == Array(bytes[...index]))
                return (index + 1, reason)
            }
        }
        #expect(Array(handshake.bytesRead.readableBytesView) == bytes)
        return nil
    }

    private static let requests: [(String, Int)] = [
        ("GET / HTTP/1.1\r\n", 4), ("POST /api HTTP/1.1\r\n", 4), ("HEAD / HTTP/1.0\r\n", 4), ("OPTIONS *", 4),
        ("PUT / HTTP/1.1\r\n", 4), ("CONNECT a:1 HTTP/1.1\r\n", 8), ("DELETE / HTTP/1.1\r\n", 7),
        ("PATCH / HTTP/1.1\r\n", 6), ("TRACE / HTTP/1.1\r\n", 6),
    ]

    @Test("knows HTTP from its method, whatever secrets there are", arguments: requests)
    func http(request: String, count: Int) {
        for secrets in [[TestSecrets.plain], [TestSecrets.fakeTLS], [TestSecrets.padded, TestSecrets.fakeTLS]] {
            let decision = Self.decision(Array(request.utf8), secrets)
            #expect(decision?.reason == .http)
            #expect(decision?.count == count)
            let whole = HandshakeBench(secrets).trace([Array(request.utf8)])
            #expect(whole.reason == .http)
            #expect(whole.forMaskHost == Array(request.utf8))
        }
    }

    private static let openings: [(String, Int?)] = [
        ("53", 1), ("00", 1), ("ef", 1), ("80", 1), ("15", 1), ("1600", 2), ("160305", 3), ("1603ff", 3),
        ("47454554", 3), ("475400", 2), ("4f50544a", 4), ("434f4e4e45435421", 8), ("505554", nil), ("50", nil),
        ("16", nil), ("1603", nil),
    ]

    @Test("knows at the first wrong byte that it is not TLS where only TLS is expected", arguments: openings)
    func notTLS(hex: String, count: Int?) throws {
        let decision = Self.decision(try unhex(hex), [TestSecrets.fakeTLS])
        #expect(decision?.count == count)
        #expect(decision?.reason == (count == nil ? nil : .notTLS))
    }

    @Test("needs 64 bytes where bare obfuscated2 is possible", arguments: ["53", "1600", "160305", "47455400", "ef"])
    func badSecret(start: String) throws {
        let start = try unhex(start)
        let bytes = start + [UInt8](repeating: 0x5a, count: 80 - start.count)
        for secrets in [[TestSecrets.plain], [TestSecrets.padded, TestSecrets.fakeTLS]] {
            let decision = Self.decision(bytes, secrets)
            #expect(decision?.reason == .badSecret)
            #expect(decision?.count == 64)
        }
    }

    @Test("takes TLS for obfuscated2 where there is no ee secret")
    func tlsWithoutFakeTLS() throws {
        let hello = HelloMaker().signed(key: TestSecrets.plain.key, timestamp: VectorFiles.fakeTLS.t0)
        let decision = try #require(Self.decision(hello, [TestSecrets.plain]))
        #expect(decision.reason == .badSecret)
        #expect(decision.count == 64)
    }

    private static let hellos: [(String, Int, StrangerReason)] = [
        ("1603010000", 5, StrangerReason.malformedHello), ("160301020002", 6, .malformedHello),
        ("16030102000101", 9, .tooLong), ("1603010004010001fc15", 10, .malformedHello),
    ]

    @Test("knows at the first wrong byte that a hello is none", arguments: hellos)
    func malformedHello(hex: String, count: Int, reason: StrangerReason) throws {
        let bytes = try unhex(hex) + [0, 0, 0]
        for secrets in [[TestSecrets.fakeTLS], [TestSecrets.plain, TestSecrets.fakeTLS]] {
            let decision = Self.decision(bytes, secrets)
            #expect(decision?.reason == reason)
            #expect(decision?.count == count)
        }
    }

    @Test("knows the hello of a browser or a prober at its last byte")
    func badProof() throws {
        let probe = VectorFiles.fakeTLS.probeClientHelloSentByOfficialCToCoverSite.bytes.bytes
        let decision = try #require(Self.decision(probe, [TestSecrets.fakeTLS]))
        #expect(decision.reason == .badProof)
        #expect(decision.count == probe.count)
    }

    @Test("keeps a bounded number of bytes of a hello that never ends")
    func bound() {
        let bench = HandshakeBench([TestSecrets.fakeTLS])
        var environment = bench.environment
        var handshake = ClientHandshake(rules: bench.rules)
        var first = ByteBuffer(bytes: [0x16, 3, 1, 1, 4, 1, 0, 0x3f, 0xfc] + [UInt8](repeating: 0, count: 256))
        #expect(handshake.receive(&first, environment: &environment) == .needMore)
        let record = [0x16, 3, 1, 1, 4] + [UInt8](repeating: 0, count: 260)
        var outcome = ClientHandshake.Outcome.needMore
        for _ in 0..<70 where outcome == .needMore {
            var buffer = ByteBuffer(bytes: record)
            outcome = handshake.receive(&buffer, environment: &environment)
            #expect(handshake.bytesRead.readableBytes <= ClientHelloCollector.maximumByteCount + record.count)
        }
        #expect(outcome == .stranger(.malformedHello))
    }

    @Test("survives garbage with every mix of secrets")
    func garbage() {
        let mixes = [
            [], [TestSecrets.plain], [TestSecrets.fakeTLS], [TestSecrets.padded, TestSecrets.fakeTLS],
        ]
        for secrets in mixes {
            let bench = HandshakeBench(secrets)
            let tls = Drip.garbage(seed: 5).map { [0x16, 3, 1] + $0 }
            for bytes in Drip.garbage(seed: 4) + tls {
                let trace = bench.trace([bytes])
                #expect(trace.accepted == nil && trace.reply == nil)
                #expect(trace.forMaskHost == bytes)
                #expect(bench.trace(Drip.bytewise(bytes)) == trace)
            }
        }
    }
}
