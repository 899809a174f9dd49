import MTProtoWire
import NIOCore
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("The many shapes of a client's first bytes", .serialized)
struct HandshakeShapeTests {
    struct Shape: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var options: TelegramClientOptions
    }

    // MARK: FakeTLS

    private static func shape(
        _ name: String,
        _ hello: ClientHelloOptions = ClientHelloOptions(),
        segments: SegmentPlan = .whole,
        joined: Bool = false
    ) -> Shape {
        Shape(
            testDescription: name,
            options: TelegramClientOptions(hello: hello, segments: segments, joinsHeaderAndFirstPacket: joined)
        )
    }

    static let hellos: [Shape] = [
        shape("in one piece"),
        shape("one byte at a time", segments: .singleBytes),
        shape("in uneven TCP segments", segments: .sizes([1, 4, 6, 38, 100, 250])),
        shape("in two TLS records", ClientHelloOptions(recordSizes: [200])),
        shape("in TLS records of one byte at first", ClientHelloOptions(recordSizes: [1, 1, 1, 1, 38])),
        shape(
            "in many TLS records and segments", ClientHelloOptions(recordSizes: [40, 40, 90, 1]), segments: .every(7)),
        shape("of ML-KEM size", ClientHelloOptions(shape: .modern)),
        shape("of ML-KEM size, one byte at a time", ClientHelloOptions(shape: .modern), segments: .singleBytes),
        shape("of ML-KEM size in TLS records", ClientHelloOptions(shape: .modern, recordSizes: [1_000, 300])),
        shape("of ML-KEM size in TCP segments", ClientHelloOptions(shape: .modern), segments: .sizes([1_448])),
        shape("without SNI", ClientHelloOptions(serverName: .absent)),
        shape("of ML-KEM size without SNI", ClientHelloOptions(shape: .modern, serverName: .absent)),
        shape("with another SNI", ClientHelloOptions(serverName: .name("elsewhere.example"))),
        shape("without session id", ClientHelloOptions(sessionIDLength: 0)),
        shape("with a short session id", ClientHelloOptions(sessionIDLength: 16)),
        shape("with another first cipher", ClientHelloOptions(cipherSuites: [0x1303, 0x1302, 0x1301])),
        shape("with its header and first packet together", joined: true),
    ]

    @Test("A FakeTLS hello is accepted", arguments: hellos)
    func hello(_ shape: Shape) async throws {
        try await withProxy(to: .tcp) { proxy, open in
            let client = try await TelegramClient.connect(
                port: proxy.port, secret: SecretForm.fakeTLS.secret, options: shape.options)
            let (hello, reply) = (try #require(client.hello), try #require(client.reply))
            #expect(reply.sessionID == hello.sessionID)
            #expect(reply.cipherSuite == hello.cipherSuites.first)
            #expect(reply.keyShare.count == 32)
            try await client.exchange(Array("hello".utf8))
            let second = try await TelegramClient.connect(
                port: proxy.port, secret: SecretForm.fakeTLS.secret, options: shape.options)
            #expect(second.reply?.keyShare != reply.keyShare)
            #expect(second.reply?.certificate != reply.certificate)
            try await second.exchange(Array("hello again".utf8))
            await client.close()
            await second.close()
            #expect(open.desk.sessions.count == 2)
        }
    }

    @Test(
        "A hello, the header and the first packet may come in one segment", arguments: [SegmentPlan.whole, .every(518)])
    func everythingAtOnce(_ segments: SegmentPlan) async throws {
        try await withProxy(to: .tcp) { proxy, open in
            var generator = SeededGenerator(seed: 1)
            let secret = SecretForm.fakeTLS.secret
            let hello = FakeTLSHello(secret: secret, using: &generator)
            let header = try ObfuscationHeader.make(
                framing: .intermediate, dataCenterWire: 2, secret: secret.key, using: &generator)
            let packet = PacketEncoder.encode(MessageEnvelope.wrap([1, 2, 3], id: 4), framing: .intermediate)
            var cipher = AESCTR(header.fromSender)
            cipher.seek(to: 64)
            let inner = header.bytes + cipher.apply(Array(buffer: packet))
            let records = [0x14, 3, 3, 0, 1, 1, 0x17, 3, 3, 0, UInt8(inner.count)] + inner
            let stream = try await ByteStream.connect(port: proxy.port)
            try await stream.write(ByteBuffer(bytes: hello.wire + records), segments: segments)
            let session = try await open.desk.session(0)
            try await eventually("the early packet") { session.facts.payloadBytesReceived == 3 }
            await stream.close()
        }
    }

    @Test("A FakeTLS client's stream may be cut anywhere", arguments: [1, 3, 64, 1_000])
    func cutStream(_ size: Int) async throws {
        try await withProxy(to: .tcp) { proxy, _ in
            let client = try await TelegramClient.connect(port: proxy.port, secret: SecretForm.fakeTLS.secret)
            for count in [1, 60, 700] {
                let payload = [UInt8](repeating: 9, count: count)
                try await client.send(payload, segments: .every(size))
                #expect(try await client.receive() == payload)
            }
            await client.close()
        }
    }

    // MARK: Bare obfuscated2

    static let headers: [Shape] = [
        shape("in one piece"),
        shape("one byte at a time", segments: .singleBytes),
        shape("in uneven TCP segments", segments: .sizes([8, 48, 7])),
        shape("but for its last byte", segments: .sizes([63])),
        shape("with its first packet", joined: true),
    ]

    @Test("An obfuscated2 header is accepted", arguments: headers, [SecretForm.plain, .padded])
    func header(_ shape: Shape, _ form: SecretForm) async throws {
        try await withProxy(to: .tcp) { proxy, _ in
            for framing in PacketFraming.allCases {
                var options = shape.options
                options.framing = framing
                let client = try await TelegramClient.connect(port: proxy.port, secret: form.secret, options: options)
                try await client.exchange(Array("hello".utf8))
                await client.close()
            }
        }
    }

    @Test("A bare header with the FakeTLS secret alone is a stranger's")
    func bareHeaderOfFakeTLS() async throws {
        let deadline: Int64 = 500
        try await withProxy(
            to: .tcp,
            adapt: {
                $0.secrets = [SecretForm.fakeTLS.named]
                $0.handshake.timeoutMilliseconds = deadline
            }
        ) { proxy, open in
            let stream = try await TelegramClient.knock(port: proxy.port, secret: SecretForm.plain.secret)
            #expect(try await stream.endWithoutAWord() == .finished)
            #expect(open.desk.sessions.isEmpty)
            #expect(try await proxy.firstStranger() == "notTLS")
        }
    }

    // MARK: Several secrets

    @Test("Several secrets serve at once, and the log tells them apart")
    func severalSecrets() async throws {
        var generator = SystemRandomNumberGenerator()
        let secrets = (0..<6).map { index in
            let kind: ProxySecret.Kind = [.plain, .padded, .fakeTLS(domain: SecretForm.domain)][index % 3]
            return NamedSecret(name: "friend-\(index)", secret: .generate(kind, using: &generator))
        }
        try await withProxy(to: .tcp, adapt: { $0.secrets = secrets }) { proxy, _ in
            for secret in secrets {
                let client = try await TelegramClient.connect(port: proxy.port, secret: secret.secret)
                try await client.exchange(Array(secret.name.utf8))
                await client.close()
            }
            try await eventually("all ends in the log") { proxy.log.lines("session ended").count == secrets.count }
            #expect(Set(proxy.log.lines("session ended").compactMap { $0["user"] }) == Set(secrets.map(\.name)))
        }
    }
}
