import MTProtoWire
import NIOCore
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("Strangers before a proxy with a mask host", .serialized)
struct StrangerTests {
    /// Which secrets a proxy knows decides how soon it recognises a stranger.
    enum Secrets: String, CaseIterable, Sendable {
        case fakeTLSOnly, plainOnly, all

        var named: [NamedSecret] {
            switch self {
            case .fakeTLSOnly: [SecretForm.fakeTLS.named]
            case .plainOnly: [SecretForm.plain.named]
            case .all: SecretForm.allCases.map(\.named)
            }
        }
    }

    // MARK: What a browser sees

    @Test("A browser gets the mask host's certificate and page", arguments: Secrets.allCases)
    func browser(_ secrets: Secrets) async throws {
        try await withMaskHost(secrets: secrets) { proxy, host in
            var browser = try await Self.browser(proxy)
            let answer = try await browser.request(host: SecretForm.domain)
            #expect(answer.status == 200)
            #expect(answer.body == MaskHost.page)
            let missing = try await browser.request("GET", "/nowhere", host: SecretForm.domain)
            #expect(missing.status == 404)
            await browser.stream.close()
            #expect(host.facts.first?.serverName == SecretForm.domain)
            #expect(host.facts.first?.requests.map(\.target) == ["/", "/nowhere"])
        }
    }

    @Test("curl accepts the mask host's certificate through the proxy", arguments: Secrets.allCases)
    func curl(_ secrets: Secrets) async throws {
        try await withMaskHost(secrets: secrets) { proxy, host in
            let authority = try await CertificateAuthority.shared().certificatePath
            let outcome = try await CommandProbe.curl([
                "--cacert", authority, "--connect-to", "\(SecretForm.domain):443:127.0.0.1:\(proxy.port)",
                "https://\(SecretForm.domain)/",
            ])
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.output == MaskHost.page)
            #expect(host.facts.count == 1)

            let stranger = try await CertificateAuthority()
            let untrusting = try await CommandProbe.curl([
                "--cacert", stranger.certificatePath,
                "--connect-to", "\(SecretForm.domain):443:127.0.0.1:\(proxy.port)", "https://\(SecretForm.domain)/",
            ])
            // 60: the certificate was looked at, and is not from the authority that is trusted here.
            #expect(untrusting.status == 60, "\(untrusting.errors)")
        }
    }

    @Test("A download from the mask host has no limit of size")
    func largeDownload() async throws {
        let size = 64 << 20
        try await withMaskHost { proxy, _ in
            var browser = try await Self.browser(proxy)
            let answer = try await browser.request(
                "GET", "/large/\(size)", host: SecretForm.domain, within: .seconds(120))
            #expect(answer.body.count == size)
            #expect(sha256(answer.body) == sha256(MaskHost.content(size)))
            await browser.stream.close()
        }
    }

    @Test("An upload to the mask host has no limit of size")
    func largeUpload() async throws {
        var generator = SeededGenerator(seed: 11)
        let body = generator.bytes(32 << 20)
        try await withMaskHost { proxy, _ in
            var browser = try await Self.browser(proxy)
            let answer = try await browser.request(
                "POST", "/digest", host: SecretForm.domain, body: body, within: .seconds(120))
            #expect(String(decoding: answer.body, as: UTF8.self) == hex(sha256(body)))
            await browser.stream.close()
        }
    }

    @Test("A stranger at the mask host outlives every deadline of the proxy")
    func noDeadline() async throws {
        try await withMaskHost(adapt: {
            $0.handshake.timeoutMilliseconds = 500
            $0.relay.idleTimeoutMilliseconds = 500
        }) { proxy, host in
            var browser = try await Self.browser(proxy)
            // Two witnesses, one after the other, who say nothing: each meets the deadline, so that it has passed
            // twice for the browser.
            for index in 1...2 {
                let witness = try await ByteStream.connect(port: proxy.port)
                try await eventually("the deadline of witness \(index)") { host.facts.count == 1 + index }
                await witness.close()
            }
            #expect(try await browser.request(host: SecretForm.domain).body == MaskHost.page)
            await browser.stream.close()
        }
    }

    // MARK: What the mask host sees

    @Test(
        "Every stranger's bytes reach the mask host from the first one, and its answer comes back",
        arguments: Stranger.allCases)
    func everyByte(_ stranger: Stranger) async throws {
        try await withRecordingHost(.echo) { proxy, host in
            let opening = try stranger.opening()
            let stream = try await ByteStream.connect(port: proxy.port)
            try await stream.write(opening)
            #expect(Array(buffer: try await stream.read(exactly: opening.count, within: .seconds(60))) == opening)
            #expect(try await proxy.firstStranger() == stranger.reason.rawValue)

            var generator = SeededGenerator(seed: 3)
            let more = generator.bytes(100_000)
            async let echo = stream.read(exactly: more.count, within: .seconds(60))
            try await stream.write(more)
            #expect(Array(buffer: try await echo) == more)
            try await stream.halfClose()
            #expect(try await stream.endWithoutAWord() == .finished)
            try await eventually("the end at the mask host") { host.facts.first?.isOver == true }
            let facts = try #require(host.facts.first)
            #expect(facts.received == opening + more)
            #expect(facts.sawFinish)
            #expect(facts.ending == .finished)
            #expect(host.facts.count == 1)
        }
    }

    @Test(
        "A stranger who sends everything in single bytes is passed on byte for byte",
        arguments: [
            Stranger.garbage, .http, .unsignedHello, .foreignHeader,
        ])
    func singleBytes(_ stranger: Stranger) async throws {
        try await withRecordingHost(.listen) { proxy, host in
            let opening = try stranger.opening()
            let stream = try await ByteStream.connect(port: proxy.port)
            try await stream.write(ByteBuffer(bytes: opening), segments: .singleBytes)
            #expect(try await host.bytes(count: opening.count) == opening)
            await stream.close()
        }
    }

    @Test("A hello played back goes to the mask host byte for byte, which answers it as a server does")
    func replayedHello() async throws {
        try await withMaskHost { proxy, host in
            let client = try await TelegramClient.connect(port: proxy.port, secret: SecretForm.fakeTLS.secret)
            let hello = try #require(client.hello?.wire)
            await client.close()
            let stream = try await TelegramClient.knock(
                port: proxy.port,
                secret: SecretForm.fakeTLS.secret,
                options: TelegramClientOptions(replayedHello: hello)
            )
            let record = Array(buffer: try await stream.read(exactly: 5, within: .seconds(60)))
            #expect(record.starts(with: [0x16, 3, 3]))
            #expect(host.facts.first?.received == hello)
            #expect(host.facts.first?.serverName == SecretForm.domain)
            #expect(try await proxy.firstStranger() == "replayedHello")
            await stream.close()
        }
    }

    @Test("A hello that is merely a little ahead of its time is a client's")
    func insideTheWindow() async throws {
        try await withRecordingHost(.listen) { proxy, host in
            let options = TelegramClientOptions(hello: ClientHelloOptions(timestampOffset: 110))
            let client = try await TelegramClient.connect(
                port: proxy.port, secret: SecretForm.fakeTLS.secret, options: options)
            #expect(client.reply != nil)
            await client.close()
            #expect(host.facts.isEmpty)
        }
    }

    @Test(
        "A real client is served beside strangers, and the mask host hears nothing of it",
        arguments: SecretForm.allCases)
    func realClient(_ form: SecretForm) async throws {
        try await withKit { kit in
            let open = try await OpenWay.open(.tcp, in: kit)
            let host = kit.keep(try await MaskHost.start())
            try await RunningProxy.with {
                $0.secrets = SecretForm.allCases.map(\.named)
                open.configure(&$0)
                $0.hide(behind: host.port)
            } _: { proxy in
                var browser = try await Self.browser(proxy)
                let client = try await TelegramClient.connect(port: proxy.port, secret: form.secret)
                try await client.exchange([1, 2, 3])
                #expect(try await browser.request(host: SecretForm.domain).body == MaskHost.page)
                try await client.exchange([4, 5, 6])
                await client.close()
                await browser.stream.close()
                #expect(host.facts.count == 1)
            }
        }
    }

    // MARK: The setting

    private func withMaskHost(
        secrets: Secrets = .all,
        adapt: (inout ProxyConfiguration) -> Void = { _ in },
        _ body: (RunningProxy, MaskHost) async throws -> Void
    ) async throws {
        try await withKit { kit in
            let host = kit.keep(try await MaskHost.start(names: [SecretForm.domain]))
            try await RunningProxy.with {
                $0.secrets = secrets.named
                $0.hide(behind: host.port)
                adapt(&$0)
            } _: { proxy in
                try await body(proxy, host)
            }
        }
    }

    private func withRecordingHost(
        _ behaviour: RecordingHost.Behaviour,
        _ body: (RunningProxy, RecordingHost) async throws -> Void
    ) async throws {
        try await withKit { kit in
            let host = kit.keep(try await RecordingHost.start(behaviour))
            try await RunningProxy.with {
                $0.secrets = SecretForm.allCases.map(\.named)
                $0.hide(behind: host.port)
            } _: { proxy in
                try await body(proxy, host)
            }
        }
    }

    private static func browser(_ proxy: RunningProxy) async throws -> WebClient {
        let configuration = try await CertificateAuthority.shared().clientConfiguration()
        let stream = try await ByteStream.connectTLS(
            port: proxy.port, serverName: SecretForm.domain, configuration: configuration)
        return WebClient(stream)
    }
}
