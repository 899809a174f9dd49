import MTProtoWire
import NIOCore
import Testing

@Suite("ClientHandshake asks whether a client may enter")
struct EntranceTests {
    private static let payload = (0..<90).map { UInt8($0) }
    private static let few = [TestSecrets.padded, TestSecrets.fakeTLS, TestSecrets.plain]
    private static let many =
        few + TestSecrets.many(140, [.plain, .fakeTLS(domain: "localhost")])

    private static func opening(_ secret: ProxySecret) -> [[UInt8]] {
        let client = TestClient(secret: secret)
        guard secret.isFakeTLS else { return [client.stream(payload)] }
        let hello = HelloMaker().signed(key: secret.key, timestamp: VectorFiles.fakeTLS.t0)
        return [hello, client.records(payload)]
    }

    @Test("refuses who may not as it refuses strangers, and remembers nothing", arguments: [few, many])
    func refused(secrets: [ProxySecret]) {
        for index in [0, 1, 2, secrets.count - 1] {
            for hints in [[], [index], [0, 1]] {
                var bench = HandshakeBench(secrets)
                bench.environment.refusedSecrets = [index]
                bench.environment.hintedSecrets = hints
                let opening = Self.opening(secrets[index])
                for pieces in [opening, Drip.bytewise(Array(opening.joined()))] {
                    bench.environment.askedSecrets = []
                    let trace = bench.run(pieces)
                    #expect(trace.reason == .refusedUser)
                    #expect(trace.reply == nil)
                    #expect(trace.forMaskHost == Array(opening.joined()))
                    #expect(bench.environment.askedSecrets == [index])
                }
                #expect(bench.environment.hellos.isEmpty && bench.environment.headers.isEmpty)

                // Who may come in later needs no other hello.
                bench.environment.refusedSecrets = []
                #expect(bench.run(opening).stream == Self.payload)
            }
        }
    }

    @Test("asks once about a client, before the reply")
    func once() {
        for secrets in [Self.few, Self.many] {
            for (index, secret) in secrets.enumerated().prefix(4) {
                var bench = HandshakeBench(secrets)
                #expect(bench.run(Self.opening(secret)).accepted?.secretIndex == index)
                #expect(bench.environment.askedSecrets == [index])
            }
        }
        // What is refused after the reply does not matter any more.
        var bench = HandshakeBench(Self.few)
        var handshake = ClientHandshake(rules: bench.rules)
        let opening = Self.opening(TestSecrets.fakeTLS)
        var buffer = ByteBuffer(bytes: opening[0])
        guard case .reply = handshake.receive(&buffer, environment: &bench.environment) else {
            Issue.record("no reply")
            return
        }
        bench.environment.refusedSecrets = [1]
        buffer = ByteBuffer(bytes: opening[1])
        guard case .accepted = handshake.receive(&buffer, environment: &bench.environment) else {
            Issue.record("not accepted")
            return
        }
        #expect(bench.environment.askedSecrets == [1])
    }

    @Test("asks about nobody who is refused anyway")
    func notAsked() {
        var bench = HandshakeBench(Self.few)
        let t0 = VectorFiles.fakeTLS.t0
        let key = TestSecrets.fakeTLS.key
        let strangers = [
            HelloMaker().signed(key: key, timestamp: t0 + 121), HelloMaker().signed(key: Block16(), timestamp: t0),
            HelloMaker(cipherSuites: []).signed(key: key, timestamp: t0),
            TestClient(secret: TestSecrets.fakeTLS).stream([]), TestClient(secret: nil).stream([]),
        ]
        for bytes in strangers { #expect(bench.run([bytes]).reason != nil) }
        #expect(bench.environment.askedSecrets.isEmpty)
    }
}
