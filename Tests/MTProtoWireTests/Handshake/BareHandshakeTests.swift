import MTProtoWire
import NIOCore
import Testing

@Suite("ClientHandshake with bare obfuscated2")
struct BareHandshakeTests {
    private static let secrets = [TestSecrets.otherFakeTLS, TestSecrets.plain, TestSecrets.padded]
    private static let payload = (0..<90).map { UInt8($0) }

    @Test("accepts every framing with plain and dd secrets", arguments: PacketFraming.allCases)
    func framings(framing: PacketFraming) {
        for (index, secret) in Self.secrets.enumerated() where index > 0 {
            for dataCenter: Int16 in [1, -2, 203, 0, 10_002, .min, .max] {
                let client = TestClient(secret: secret, framing: framing, dataCenter: dataCenter)
                let trace = HandshakeBench(Self.secrets).trace([client.stream(Self.payload)])
                #expect(trace.accepted?.framing == framing)
                #expect(trace.accepted?.dataCenterWire == dataCenter)
                #expect(trace.accepted?.clientToProxy == client.header.outbound)
                #expect(trace.accepted?.proxyToClient == client.header.inbound)
                #expect(trace.accepted?.secretIndex == index)
                #expect(trace.accepted?.headerLength == 64)
                #expect(trace.accepted?.usesFakeTLS == false)
                #expect(trace.stream == Self.payload)
            }
        }
    }

    @Test("accepts the headers of other implementations", arguments: VectorFiles.obfuscated2.vectors)
    func vectors(vector: Obfuscated2Vectors.Vector) throws {
        guard let key = try vector.secret?.block16() else { return }
        let bench = HandshakeBench(Self.secrets + [ProxySecret(key: key, kind: .padded)])
        let frame = vector.firstFrameWire?.bytes ?? []
        let trace = bench.trace([vector.wireHeader64.bytes + frame])
        #expect(trace.accepted?.dataCenterWire == vector.dc)
        #expect(trace.stream == vector.firstFramePlain?.bytes ?? [])
    }

    @Test("does not accept an ee secret without TLS")
    func fakeTLSOnly() {
        let client = TestClient(secret: TestSecrets.fakeTLS)
        let stream = client.stream(Self.payload)
        #expect(HandshakeBench([TestSecrets.fakeTLS]).trace([stream]).reason == .notTLS)
        let mixed = HandshakeBench([TestSecrets.fakeTLS, TestSecrets.plain]).trace([stream])
        #expect(mixed.reason == .badSecret)
        #expect(mixed.forMaskHost == stream)
    }

    @Test("refuses a header that it has seen, in front of all data centers and secrets")
    func replay() {
        var bench = HandshakeBench(Self.secrets)
        let stream = TestClient(secret: TestSecrets.plain).stream(Self.payload)
        #expect(bench.run([stream]).accepted != nil)
        let replayed = bench.run([stream])
        #expect(replayed.reason == .replayedHeader)
        #expect(replayed.forMaskHost == stream)
        #expect(bench.run(Drip.bytewise(stream)).reason == .replayedHeader)
    }

    @Test("remembers nothing of strangers")
    func strangersAreNotRemembered() {
        var bench = HandshakeBench(Self.secrets)
        for bytes in Drip.garbage(maximumLength: 300) { _ = bench.run([bytes]) }
        #expect(bench.environment.headers.isEmpty)
        #expect(bench.environment.hellos.isEmpty)
    }

    @Test("keeps no reference to the receive buffer")
    func receiveBufferIsFree() throws {
        let client = TestClient(secret: TestSecrets.plain)
        var environment = FixedEnvironment()
        for pieces in [[client.stream(Self.payload)], [Array(client.stream([]).prefix(20))]] {
            var handshake = ClientHandshake(rules: HandshakeBench(Self.secrets).rules)
            var buffer = ByteBuffer(bytes: pieces[0])
            let address = buffer.withVeryUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
            let outcome = handshake.receive(&buffer, environment: &environment)
            #expect(buffer.readableBytes == 0)
            // A buffer whose memory somebody else holds would be copied by the next write.
            buffer.clear()
            buffer.writeInteger(UInt64.max)
            #expect(buffer.withVeryUnsafeBytes { UInt(bitPattern: $0.baseAddress) } == address)
            if case .accepted(let greeting) = outcome {
                #expect(greeting.earlyBytes.readableBytes == Self.payload.count)
            }
        }
    }

    @Test("takes nothing once it is over")
    func afterTheEnd() {
        var environment = FixedEnvironment()
        var handshake = ClientHandshake(rules: HandshakeBench(Self.secrets).rules)
        var buffer = ByteBuffer(bytes: [UInt8](repeating: 1, count: 64))
        #expect(handshake.receive(&buffer, environment: &environment) == .stranger(.badSecret))
        buffer.writeBytes([1, 2, 3])
        #expect(handshake.receive(&buffer, environment: &environment) == .stranger(.badSecret))
        #expect(buffer.readableBytes == 3)
        #expect(handshake.bytesRead.readableBytes == 64)
    }

    @Test("sees the same however the bytes are cut, and survives damage")
    func drip() {
        let bench = HandshakeBench(Self.secrets)
        Drip.check(TestClient(secret: TestSecrets.padded).stream([1, 2, 3, 4, 5]), decode: bench.trace)
        let bareOnly = HandshakeBench([TestSecrets.plain])
        Drip.check(TestClient(secret: TestSecrets.plain).stream([]), decode: bareOnly.trace)
        Drip.check([UInt8](repeating: 0x16, count: 70), decode: bareOnly.trace)
    }
}
