import MTProtoWire
import NIOCore
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("The pipe between a stranger and the mask host", .serialized)
struct MaskPipeTests {
    private static let answer = Array("the answer to everything you said".utf8)

    @Test("The end of the stranger's half reaches the mask host, whose answer still comes back")
    func strangerEndsFirst() async throws {
        try await withHost(.answerAfterHalfClose(Self.answer)) { proxy, host in
            let opening = try Stranger.garbage.opening()
            let stream = try await ByteStream.connect(port: proxy.port)
            try await stream.write(opening)
            try await stream.halfClose()
            let all = Array(buffer: try await stream.readToEnd(within: .seconds(60)))
            #expect(all == Self.answer)
            #expect(stream.ending == .finished)
            #expect(host.facts.first?.received == opening)
        }
    }

    @Test(
        "A stranger who ends in the middle of an opening is answered by the mask host all the same",
        arguments: [0, 1, 30])
    func strangerEndsEarly(_ count: Int) async throws {
        try await withHost(.answerAfterHalfClose(Self.answer)) { proxy, host in
            let opening = Array(try Stranger.foreignHeader.opening().prefix(count))
            let stream = try await ByteStream.connect(port: proxy.port)
            if count > 0 { try await stream.write(opening) }
            try await stream.halfClose()
            #expect(Array(buffer: try await stream.readToEnd(within: .seconds(60))) == Self.answer)
            #expect(host.facts.first?.received == opening)
            #expect(host.facts.first?.sawFinish == true)
        }
    }

    @Test("The end of the mask host's half reaches the stranger, who can still send")
    func hostEndsFirst() async throws {
        let opening = try Stranger.garbage.opening()
        try await withHost(.halfCloseAfter(opening.count, Self.answer)) { proxy, host in
            let stream = try await ByteStream.connect(port: proxy.port)
            try await stream.write(opening)
            #expect(Array(buffer: try await stream.readToEnd(within: .seconds(60))) == Self.answer)
            #expect(stream.ending == .finished)

            var generator = SeededGenerator(seed: 5)
            let more = generator.bytes(4 << 20)
            try await stream.write(more, within: .seconds(60))
            try await stream.halfClose()
            try await eventually(timeout: .seconds(60), "the end at the mask host") {
                host.facts.first?.isOver == true
            }
            #expect(host.facts.first.map { sha256($0.received) } == sha256(opening + more))
            #expect(host.facts.first?.ending == .finished)
        }
    }

    @Test("The mask host's reset reaches the stranger as a reset")
    func hostResets() async throws {
        let opening = try Stranger.garbage.opening()
        try await withHost(.resetAfter(opening.count)) { proxy, _ in
            let stream = try await ByteStream.connect(port: proxy.port)
            try await stream.write(opening)
            #expect(try await stream.endWithoutAWord() == .reset)
        }
    }

    @Test("The stranger's reset reaches the mask host as a reset")
    func strangerResets() async throws {
        try await withHost(.listen) { proxy, host in
            let opening = try Stranger.garbage.opening()
            let stream = try await ByteStream.connect(port: proxy.port)
            try await stream.write(opening)
            _ = try await host.bytes(count: opening.count)
            await stream.reset()
            try await eventually("the reset at the mask host") { host.facts.first?.isOver == true }
            #expect(host.facts.first?.ending == .reset)
            #expect(host.facts.first?.sawFinish == false)
        }
    }

    @Test("What a mask host says before its end arrives whole, however much it is")
    func hostTail() async throws {
        var generator = SeededGenerator(seed: 9)
        let opening = try Stranger.garbage.opening()
        let tail = generator.bytes(16 << 20)
        try await withHost(.halfCloseAfter(opening.count, tail)) { proxy, _ in
            let stream = try await ByteStream.connect(port: proxy.port)
            try await stream.write(opening)
            let all = Array(buffer: try await stream.readToEnd(within: .seconds(60)))
            #expect(sha256(all) == sha256(tail))
            await stream.close()
        }
    }

    @Test("A mask host that does not read holds the stranger back, and nobody else")
    func hostDoesNotRead() async throws {
        let bufferBytes = 128 << 10
        try await withKit { kit in
            let open = try await OpenWay.open(.tcp, in: kit)
            let host = kit.keep(
                try await RecordingHost.start(.neverRead, listen: ListenOptions(receiveBufferBytes: bufferBytes)))
            try await RunningProxy.with {
                open.configure(&$0)
                $0.hide(behind: host.port)
                $0.relay.socketBufferBytes = bufferBytes
            } _: { proxy in
                let stream = try await ByteStream.connect(
                    port: proxy.port, options: ConnectOptions(sendBufferBytes: bufferBytes))
                let piece = ByteBuffer(bytes: [UInt8](repeating: 1, count: 1 << 16))
                let taken = Noted<Int>()
                let flood = Task {
                    for index in 1...1_024 {
                        try await stream.write(piece)
                        taken.note(index)
                    }
                }
                let count = try await settled { taken.value ?? 0 }
                let kernel = 4 * 2 * bufferBytes
                #expect(
                    count * piece.readableBytes
                        < LoopContext.writeHighWater + LoopContext.receiveBytes + kernel + (512 << 10))
                let client = try await TelegramClient.connect(port: proxy.port, secret: .test)
                for _ in 0..<5 { try await client.exchange([UInt8](repeating: 7, count: 100_000)) }
                await client.close()
                await stream.reset()
                _ = await flood.result
            }
        }
    }

    @Test("A mask host that is down looks like a port that resets, and clients are served all the same")
    func hostIsDown() async throws {
        let nobody = try await FreePort.find()
        try await withProxy(to: .tcp, adapt: { $0.hide(behind: nobody) }) { proxy, _ in
            for stranger in Stranger.allCases {
                let stream = try await ByteStream.connect(port: proxy.port)
                try await stream.write(stranger.opening())
                #expect(try await stream.endWithoutAWord() == .reset, "\(stranger)")
            }
            #expect(!proxy.log.lines("mask host cannot be reached").isEmpty)
            let client = try await TelegramClient.connect(port: proxy.port, secret: SecretForm.fakeTLS.secret)
            try await client.exchange([1])
            await client.close()
        }
    }

    @Test("A mask host whose address leads back to the proxy is no endless loop")
    func hostIsTheProxy() async throws {
        let port = try await FreePort.find()
        try await withProxy(
            to: .tcp,
            adapt: {
                $0.listen.port = port
                $0.handshake.timeoutMilliseconds = 1_500
                $0.hide(behind: port)
            }
        ) { proxy, _ in
            let stream = try await ByteStream.connect(port: proxy.port)
            try await stream.write(Stranger.garbage.opening())
            #expect(try await stream.endWithoutAWord() == .finished)
            // The stranger, and the proxy's one connection to itself.
            #expect(proxy.log.lines("stranger").count == 2)
            let client = try await TelegramClient.connect(port: proxy.port, secret: SecretForm.plain.secret)
            try await client.exchange([1])
            await client.close()
        }
    }

    private func withHost(
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
}
