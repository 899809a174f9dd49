import MTProtoWire
import NIOCore
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("The end of a session", .serialized)
struct EndingTests {
    private static let large = 8 << 20
    private static let request = Array("now".utf8)

    // MARK: One half first

    @Test("A client that has said its last still gets everything from its data center", arguments: SecretForm.allCases)
    func clientEndsFirst(_ form: SecretForm) async throws {
        let pushed = Noted<RunningDigest>()
        let behaviour = DataCenterBehaviour.script { session in
            while try await session.receive() != nil {}
            pushed.note(try await session.pump(Self.large))
            try await session.halfClose()
        }
        try await withProxy(to: .tcp, behaviour) { proxy, open in
            let client = try await TelegramClient.connect(port: proxy.port, secret: form.secret)
            try await client.send(Self.request)
            try await client.halfClose()
            let received = try await client.drain(Self.large)
            #expect(try await client.receiveOrEnd() == nil)
            #expect(received.value == pushed.value?.value)
            #expect(client.stream.ending == .finished)
            #expect(open.desk.facts.map(\.sawEnd) == [true])
            #expect(try await proxy.endOfSession()["up"] != "0")
            #expect(proxy.log.lines("route failed").isEmpty)
        }
    }

    @Test("A data center that has said its last can still be sent to", arguments: SecretForm.allCases)
    func dataCenterEndsFirst(_ form: SecretForm) async throws {
        try await withProxy(to: .tcp, .halfCloseAfter(bytes: Self.request.count)) { proxy, open in
            let client = try await TelegramClient.connect(port: proxy.port, secret: form.secret)
            try await client.exchange(Self.request)
            #expect(try await client.receiveOrEnd() == nil)
            #expect(client.stream.ending == .finished)
            // The end of the upload follows at once: what is still on its way must not be lost.
            let sent = try await client.pump(Self.large)
            try await client.halfClose()
            let session = try await open.desk.session(0)
            try await eventually(timeout: .seconds(60), "the end at the data center") { session.facts.isOver }
            #expect(session.facts.failure == nil)
            #expect(session.facts.sawEnd)
            var all = RunningDigest()
            all.update(Self.request)
            #expect(session.facts.payloadBytesReceived == all.count + sent.count)
        }
    }

    @Test("What a client said last reaches a data center that ended first and reads late")
    func lateReader() async throws {
        // More than the buffers of two sockets hold, so that some of the upload waits in the proxy when the client has
        // gone, and less than would stop the proxy from reading to the client's end.
        let socketBytes = 64 << 10
        let size = 4 * socketBytes + LoopContext.writeHighWater / 2
        let mayRead = Noted<Bool>()
        let behaviour = DataCenterBehaviour.script { session in
            guard let payload = try await session.receive() else { return }
            try await session.send(payload)
            try await session.halfClose()
            session.setReading(paused: true)
            _ = try await mayRead.awaited("leave to read")
            session.setReading(paused: false)
            while try await session.receive() != nil {}
        }
        let listen = ListenOptions(receiveBufferBytes: socketBytes)
        try await withProxy(
            to: .tcp, behaviour, listen: listen,
            adapt: {
                $0.relay.socketBufferBytes = socketBytes
            }
        ) { proxy, open in
            let client = try await TelegramClient.connect(port: proxy.port, secret: SecretForm.plain.secret)
            try await client.exchange(Self.request)
            #expect(try await client.receiveOrEnd() == nil)
            let sent = try await client.pump(size)
            await client.close()
            _ = try await proxy.endOfSession()
            mayRead.note(true)
            let session = try await open.desk.session(0)
            try await eventually(timeout: .seconds(60), "the end at the data center") { session.facts.isOver }
            #expect(session.facts.failure == nil)
            #expect(session.facts.payloadBytesReceived == sent.count + Self.request.count)
        }
    }

    // MARK: Tails

    @Test("A large download followed by the data center's end at once arrives whole", arguments: Way.allCases)
    func downloadTail(_ way: Way) async throws {
        let pushed = Noted<RunningDigest>()
        let behaviour = DataCenterBehaviour.script { session in
            _ = try await session.receive()
            pushed.note(try await session.pump(Self.large))
            try await session.halfClose()
            while try await session.receive() != nil {}
        }
        try await withProxy(to: way, behaviour) { proxy, _ in
            for form in SecretForm.allCases {
                let client = try await TelegramClient.connect(port: proxy.port, secret: form.secret)
                try await client.send(Self.request)
                let received = try await client.drain(Self.large)
                #expect(try await client.receiveOrEnd() == nil)
                #expect(received.value == pushed.value?.value)
                #expect(client.stream.ending == .finished)
                await client.close()
            }
        }
    }

    enum Farewell: String, CaseIterable, Sendable {
        case halfClose, close
    }

    @Test(
        "A large upload followed by the client's end at once arrives whole", arguments: Way.allCases, Farewell.allCases)
    func uploadTail(_ way: Way, _ farewell: Farewell) async throws {
        try await withProxy(to: way, .sink) { proxy, open in
            for (index, form) in SecretForm.allCases.enumerated() {
                let client = try await TelegramClient.connect(port: proxy.port, secret: form.secret)
                let sent = try await client.pump(Self.large)
                switch farewell {
                case .halfClose: try await client.halfClose()
                case .close: await client.close()
                }
                let session = try await open.desk.session(index)
                try await eventually(timeout: .seconds(60), "the end at the data center") { session.facts.isOver }
                #expect(session.facts.failure == nil)
                #expect(session.facts.payloadBytesReceived == sent.count)
                #expect(session.facts.digest == sent.value)
                _ = try await proxy.endOfSession(index)
                await client.close()
            }
            // A client that leaves without having asked for anything says nothing about the route.
            #expect(proxy.log.lines("route failed").isEmpty)
        }
    }

    @Test(
        "What a client says after its data center's end does not cost it the download",
        arguments: [Way.tcp, .webSocket])
    func chatterDuringTheTail(_ way: Way) async throws {
        let size = 1 << 20
        let pushed = Noted<RunningDigest>()
        let behaviour = DataCenterBehaviour.script { session in
            _ = try await session.receive()
            pushed.note(try await session.pump(size))
            try await session.halfClose()
            while try await session.receive() != nil {}
        }
        // So small a window that most of the download is still on the proxy's side when the data center has gone.
        let small = ConnectOptions(receiveBufferBytes: 16 << 10)
        try await withProxy(to: way, behaviour) { proxy, _ in
            let client = try await TelegramClient.connect(
                port: proxy.port,
                secret: SecretForm.plain.secret,
                options: TelegramClientOptions(connect: small)
            )
            client.setReading(paused: true)
            try await client.send(Self.request)
            _ = try await pushed.awaited("the download")
            if way == .webSocket { _ = try await proxy.endOfSession() }
            for _ in 0..<50 { try? await client.send(Self.request) }
            client.setReading(paused: false)
            let received = try await client.drain(size)
            #expect(received.value == pushed.value?.value)
            #expect(try await client.receiveOrEnd() == nil)
            await client.close()
        }
    }

    // MARK: Disorderly ends

    @Test(
        "A data center's reset reaches the client as an end, and a client's reset the data center",
        arguments: Way.allCases)
    func resets(_ way: Way) async throws {
        try await withProxy(to: way) { proxy, open in
            let first = try await TelegramClient.connect(port: proxy.port, secret: SecretForm.fakeTLS.secret)
            try await first.exchange(Self.request)
            await open.desk.sessions[0].reset()
            try await first.stream.waitUntilEnded(within: .seconds(60))

            let second = try await TelegramClient.connect(port: proxy.port, secret: SecretForm.fakeTLS.secret)
            try await second.exchange(Self.request)
            let session = try await open.desk.session(1)
            await second.reset()
            try await eventually("the end at the data center") { session.facts.isOver }
            #expect(try await proxy.endOfSession(1)["reason"] == "client-reset")
        }
    }

    @Test("A session in which nothing moves is closed after the idle time, and no earlier")
    func idleSession() async throws {
        try await withProxy(to: .tcp, adapt: { $0.relay.idleTimeoutMilliseconds = 2_000 }) { proxy, _ in
            let client = try await TelegramClient.connect(port: proxy.port, secret: SecretForm.padded.secret)
            let (end, time) = try await measured {
                try await client.exchange(Self.request)
                return try await client.receiveOrEnd()
            }
            #expect(end == nil)
            #expect(time > .milliseconds(1_990))
            #expect(try await proxy.endOfSession()["reason"] == "idle")
        }
    }
}
