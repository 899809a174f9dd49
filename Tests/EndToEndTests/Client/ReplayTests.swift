import MTProtoWire
import NIOCore
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("Openings played back, and openings that never end", .serialized)
struct ReplayTests {
    private static let deadline: Int64 = 1_500
    private static let atLeast = Duration.milliseconds(deadline - 10)

    // MARK: Replays

    @Test("An obfuscated2 header played back reaches no data center", arguments: [SecretForm.plain, .padded])
    func replayedHeader(_ form: SecretForm) async throws {
        try await withProxy(to: .tcp, adapt: { $0.handshake.timeoutMilliseconds = Self.deadline }) { proxy, open in
            let client = try await TelegramClient.connect(port: proxy.port, secret: form.secret)
            try await client.exchange([1])
            let (stream, time) = try await measured {
                let options = TelegramClientOptions(replayedHeader: client.header.bytes)
                let stream = try await TelegramClient.knock(port: proxy.port, secret: form.secret, options: options)
                #expect(try await stream.endWithoutAWord() == .finished)
                return stream
            }
            #expect(stream.bytesReceived == 0)
            #expect(time >= Self.atLeast)
            #expect(try await proxy.firstStranger() == "replayedHeader")
            #expect(open.desk.sessions.count == 1)
            // Whom it was stolen from is not harmed.
            try await client.exchange([2])
            await client.close()
        }
    }

    @Test("A header seen inside FakeTLS is refused outside it, too")
    func headerOutOfFakeTLS() async throws {
        try await withProxy(to: .tcp, adapt: { $0.handshake.timeoutMilliseconds = Self.deadline }) { proxy, open in
            let client = try await TelegramClient.connect(port: proxy.port, secret: SecretForm.fakeTLS.secret)
            try await client.exchange([1])
            let stream = try await TelegramClient.knock(
                port: proxy.port,
                secret: SecretForm.plain.secret,
                options: TelegramClientOptions(replayedHeader: client.header.bytes)
            )
            #expect(try await stream.endWithoutAWord() == .finished)
            #expect(try await proxy.firstStranger() == "replayedHeader")
            #expect(open.desk.sessions.count == 1)
            await client.close()
        }
    }

    @Test("A header played back goes to the mask host with every byte behind it")
    func replayedHeaderBeforeMaskHost() async throws {
        try await withKit { kit in
            let open = try await OpenWay.open(.tcp, in: kit)
            let host = kit.keep(try await RecordingHost.start(.listen))
            try await RunningProxy.with {
                open.configure(&$0)
                $0.hide(behind: host.port)
            } _: { proxy in
                let client = try await TelegramClient.connect(port: proxy.port, secret: .test)
                try await client.exchange([1])
                let replay = client.header.bytes + [UInt8](repeating: 0xcc, count: 5_000)
                let stream = try await ByteStream.connect(port: proxy.port)
                try await stream.write(replay)
                #expect(try await host.bytes(count: replay.count) == replay)
                await stream.close()
                await client.close()
            }
        }
    }

    // MARK: Slow openings

    struct SlowOpening: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// What is sent, byte by byte, before the stall; each of these would have become a client.
        var form: SecretForm
        var count: Int

        static let all = [
            SlowOpening(testDescription: "no byte", form: .plain, count: 0),
            SlowOpening(testDescription: "half a header", form: .padded, count: 32),
            SlowOpening(testDescription: "a header but for one byte", form: .plain, count: 63),
            SlowOpening(testDescription: "the start of a hello", form: .fakeTLS, count: 3),
            SlowOpening(testDescription: "a hello but for one byte", form: .fakeTLS, count: 516),
        ]

        func bytes() throws -> [UInt8] {
            var generator = SeededGenerator(seed: .random(in: 0...(.max)))
            if form == .fakeTLS { return FakeTLSHello(secret: form.secret, using: &generator).wire }
            return try ObfuscationHeader.make(
                framing: .intermediate, dataCenterWire: 2, secret: form.secret.key, using: &generator
            ).bytes
        }
    }

    @Test(
        "A client too slow to open is let go at the deadline, though each byte came in time", arguments: SlowOpening.all
    )
    func slowOpening(_ slow: SlowOpening) async throws {
        try await withProxy(to: .tcp, adapt: { $0.handshake.timeoutMilliseconds = Self.deadline }) { proxy, open in
            let bytes = ByteBuffer(bytes: try slow.bytes().prefix(slow.count))
            let (stream, time) = try await measured {
                let stream = try await ByteStream.connect(port: proxy.port)
                // On a slow machine the deadline may come before the last of them.
                try? await stream.write(bytes, segments: .singleBytes)
                #expect(try await stream.endWithoutAWord() != .open)
                return stream
            }
            #expect(stream.bytesReceived == 0)
            #expect(time >= Self.atLeast)
            #expect(try await proxy.firstStranger() == "timeout")
            #expect(open.desk.sessions.isEmpty)
        }
    }

    @Test(
        "At the deadline a slow opening goes to the mask host, with what was sent and what is sent then",
        arguments: SlowOpening.all)
    func slowOpeningBeforeMaskHost(_ slow: SlowOpening) async throws {
        try await withKit { kit in
            let host = kit.keep(try await RecordingHost.start(.listen))
            try await RunningProxy.with {
                $0.secrets = SecretForm.allCases.map(\.named)
                $0.handshake.timeoutMilliseconds = Self.deadline
                $0.hide(behind: host.port)
            } _: { proxy in
                let bytes = try slow.bytes()
                let stream = try await ByteStream.connect(port: proxy.port)
                try await stream.write(ByteBuffer(bytes: bytes.prefix(slow.count)), segments: .singleBytes)
                #expect(try await proxy.firstStranger() == "timeout")
                #expect(try await host.bytes(count: slow.count) == Array(bytes.prefix(slow.count)))
                // Too late to become a client.
                try await stream.write(Array(bytes.dropFirst(slow.count)))
                #expect(try await host.bytes(count: bytes.count) == bytes)
                #expect(stream.bytesReceived == 0)
                await stream.close()
            }
        }
    }

    @Test("Slow openings hold no one else up")
    func slowOpeningsBesideClients() async throws {
        try await withProxy(to: .tcp, adapt: { $0.handshake.timeoutMilliseconds = 60_000 }) { proxy, _ in
            var stalled: [ByteStream] = []
            for index in 0..<100 {
                let slow = SlowOpening.all[index % SlowOpening.all.count]
                let stream = try await ByteStream.connect(port: proxy.port)
                if slow.count > 0 { try await stream.write(Array(try slow.bytes().prefix(slow.count))) }
                stalled.append(stream)
            }
            for form in SecretForm.allCases {
                let client = try await TelegramClient.connect(port: proxy.port, secret: form.secret)
                try await client.exchange([1, 2, 3])
                await client.close()
            }
            #expect(stalled.allSatisfy { $0.ending == .open && $0.bytesReceived == 0 })
            for stream in stalled { await stream.close() }
        }
    }
}
