import MTProtoWire
import NIOCore
import ProxyTestKit
import Testing

@Suite("The kit's FakeTLS client", .timeLimit(.minutes(2)))
struct FakeTLSKitTests {
    private let secret = ProxySecret(
        key: Block16(bytes: [UInt8](0..<16)) ?? Block16(),
        kind: .fakeTLS(domain: "mask.example")
    )

    @Test("The hello has the size of today's clients", arguments: ClientHelloOptions.Shape.allCases)
    func sizes(shape: ClientHelloOptions.Shape) {
        var generator = SeededGenerator(seed: 3)
        for name in [ClientHelloOptions.ServerName.ofSecret, .absent, .name("other.example")] {
            let options = ClientHelloOptions(shape: shape, serverName: name)
            let hello = FakeTLSHello(secret: secret, options: options, using: &generator)
            #expect(shape == .classic ? hello.wire.count == 517 : (1650...1900).contains(hello.wire.count))
            #expect(hello.wire.starts(with: [0x16, 3, 1]))
            #expect(Array(hello.wire[11..<43]) == hello.random)
            let text = String(decoding: hello.wire, as: UTF8.self)
            #expect(text.contains("mask.example") == (name == .ofSecret))
        }
    }

    @Test("Splitting into records keeps the message")
    func records() {
        var generator = SeededGenerator(seed: 3)
        let options = ClientHelloOptions(recordSizes: [1, 4, 100])
        let hello = FakeTLSHello(secret: secret, options: options, using: &generator)
        var rest = hello.wire[...]
        var message: [UInt8] = []
        var lengths: [Int] = []
        while rest.count >= 5 {
            let length = Int(rest[rest.startIndex + 3]) << 8 | Int(rest[rest.startIndex + 4])
            lengths.append(length)
            message += rest.dropFirst(5).prefix(length)
            rest = rest.dropFirst(5 + length)
        }
        #expect(lengths == [1, 4, 100, 407])
        #expect(message.count == 512)
        #expect(Array(message[6..<38]) == hello.random)
    }

    @Test("A real TLS server takes the hello for a browser's", arguments: ClientHelloOptions.Shape.allCases)
    func realServer(shape: ClientHelloOptions.Shape) async throws {
        try await withKit { kit in
            let mask = try await kit.keep(MaskHost.start())
            let options = TelegramClientOptions(hello: ClientHelloOptions(shape: shape), segments: .every(400))
            let stream = try await TelegramClient.knock(port: mask.port, secret: secret, options: options)
            let head = try await stream.read(exactly: 6, within: .seconds(60))
            #expect(Array(buffer: head)[0...2] == [0x16, 3, 3])
            #expect(Array(buffer: head)[5] == 2)
            #expect(mask.facts.first?.failure == nil)
            try await eventually { mask.facts.first?.serverName == "mask.example" }
        }
    }

    /// A reply recorded from a real proxy, with the random of the hello that caused it.
    private static let recorded = (
        secret: "00112233445566778899aabbccddeeff",
        random: "48adbc48eec49b4a6250621d1e3eac07ee537134629a5d6e6ed2f6867d5bb50b",
        reply: "160303007a02000076030331633dff253a779be83e33a38d593e7153466d154799371f3a5ef975f99f8fd820"
            + "aed2dd507a8762ba7d0e8c79cb584eeb9e717f0e05c717f8ca4fa355c7a63466130100002e002b0002030400330024001d0020"
            + "5f26df0c87b2f7cef80453f39731d3690f16a8ee8448b5db99e8e4aae42e557a140303000101"
            + "1703030017" + "199146f387c4df048477449475260ae0d24fb54c9d4951"
    )

    @Test("A server hello whose proof is right is taken apart, a wrong one refused")
    func reply() async throws {
        let key = try ProxySecret(parsing: Self.recorded.secret).key
        let secret = ProxySecret(key: key, kind: .fakeTLS(domain: "localhost"))
        let random = unhex(Self.recorded.random)
        let sessionID = Array(unhex(Self.recorded.reply)[44..<76])
        let hello = [0x16, 3, 1, 2, 0] + [UInt8](repeating: 0, count: 6) + random + [32] + sessionID
        try await withKit { kit in
            let server = try await kit.keep(RecordingHost.start(.answer(unhex(Self.recorded.reply))))
            let options = TelegramClientOptions(
                replayedHello: hello + [UInt8](repeating: 0, count: 517 - hello.count)
            )
            let client = try await TelegramClient.connect(port: server.port, secret: secret, options: options)
            let reply = try #require(client.reply)
            #expect(reply.wire == unhex(Self.recorded.reply))
            #expect(reply.cipherSuite == 0x1301)
            #expect(reply.sessionID == sessionID)
            #expect(reply.keyShare.count == 32)
            #expect(reply.extensionTypes == [0x2b, 0x33])
            #expect(reply.certificate.count == 23)
            try await client.send([UInt8](repeating: 1, count: 3000))
            try await eventually { (server.facts.first?.received.count ?? 0) > 517 + 3000 }
            let sent = try #require(server.facts.first?.received.dropFirst(517))
            let change: [UInt8] = [0x14, 3, 3, 0, 1, 1]
            #expect(Array(sent.prefix(11)) == change + [0x17, 3, 3, 0, 64])
            #expect(Array(sent.dropFirst(11 + 64).prefix(5)) == [0x17, 3, 3, 0x0b, 0x3e])
            let other = ProxySecret(key: Block16(), kind: secret.kind)
            await #expect(throws: KitError.self) {
                try await TelegramClient.connect(port: server.port, secret: other, options: options)
            }
        }
    }

    private func unhex(_ text: String) -> [UInt8] {
        let digits = Array(text.utf8)
        return stride(from: 0, to: digits.count - 1, by: 2).map {
            UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16) ?? 0
        }
    }
}
