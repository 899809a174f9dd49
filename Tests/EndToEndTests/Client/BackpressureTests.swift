import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("A side that does not keep up", .serialized)
struct BackpressureTests {
    struct Load: Sendable, CustomTestStringConvertible {
        var way: Way
        var form: SecretForm
        /// Bytes offered to the side that does not read.
        var offered: Int

        var testDescription: String { "\(offered >> 20) MiB, \(form) secret, \(way)" }

        static let all = [
            Load(way: .tcp, form: .plain, offered: 64 << 20),
            Load(way: .tcp, form: .fakeTLS, offered: 32 << 20),
            Load(way: .webSocket, form: .padded, offered: 32 << 20),
        ]
    }

    private static let packetBytes = 1 << 16
    /// SO_SNDBUF and SO_RCVBUF of every socket on the way; the kernel allots the double.
    private static let socketBytes = 128 << 10
    private static let download = Array("download".utf8)

    /// The proxy's own constants, four sockets, and what kit and TLS hold: one read, one packet, one record each side.
    private static let bound =
        LoopContext.writeHighWater + LoopContext.receiveBytes + 4 * 2 * socketBytes + 3 * (256 << 10)

    @Test("A client that stops reading stops its data center and nobody else, and loses nothing", arguments: Load.all)
    func slowReader(_ load: Load) async throws {
        let pushed = Noted<RunningDigest>()
        let behaviour = DataCenterBehaviour.script { session in
            while let payload = try await session.receive() {
                if payload == Self.download {
                    pushed.note(try await session.pump(load.offered, packetSize: Self.packetBytes))
                } else {
                    try await session.send(payload)
                }
            }
        }
        let listen = ListenOptions(sendBufferBytes: Self.socketBytes)
        try await withProxy(to: load.way, behaviour, listen: listen, adapt: Self.narrow) { proxy, open in
            let client = try await Self.client(load, proxy)
            try await client.exchange([1])
            let session = try await open.desk.session(0)
            client.setReading(paused: true)
            try await client.send(Self.download)
            let accepted = try await settled { session.facts.packetsSent - 1 } * Self.packetBytes
            #expect(accepted < Self.bound)
            #expect(pushed.value == nil)

            try await Self.checkOthers(proxy)
            #expect((session.facts.packetsSent - 1) * Self.packetBytes < Self.bound)

            client.setReading(paused: false)
            let received = try await client.drain(load.offered)
            #expect(received.value == (try await pushed.awaited("the whole download")).value)
            // The session is as good as before.
            try await client.exchange([2])
            await client.close()
        }
    }

    @Test("A data center that stops reading stops its client and nobody else, and loses nothing", arguments: Load.all)
    func slowWriter(_ load: Load) async throws {
        let listen = ListenOptions(receiveBufferBytes: Self.socketBytes)
        try await withProxy(to: load.way, .echo, listen: listen, adapt: Self.narrow) { proxy, open in
            open.desk.enqueue(.neverRead)
            let client = try await Self.client(load, proxy)
            let session = try await open.desk.session(0)
            async let pumping = client.pump(load.offered, packetSize: Self.packetBytes)
            let accepted = try await settled { await client.packets.sent } * Self.packetBytes
            #expect(accepted < Self.bound)
            #expect(session.facts.payloadBytesReceived < Self.bound)

            try await Self.checkOthers(proxy)
            #expect(await client.packets.sent * Self.packetBytes < Self.bound)

            session.setReading(paused: false)
            let sent = try await pumping
            await client.close()
            try await eventually(timeout: .seconds(120), "the end at the data center") { session.facts.isOver }
            #expect(session.facts.failure == nil)
            #expect(session.facts.payloadBytesReceived == load.offered)
            #expect(session.facts.digest == sent.value)
        }
    }

    private static func narrow(_ configuration: inout ProxyConfiguration) {
        configuration.relay.socketBufferBytes = socketBytes
    }

    private static func client(_ load: Load, _ proxy: RunningProxy) async throws -> TelegramClient {
        let connect = ConnectOptions(receiveBufferBytes: socketBytes, sendBufferBytes: socketBytes)
        return try await TelegramClient.connect(
            port: proxy.port,
            secret: load.form.secret,
            options: TelegramClientOptions(connect: connect, patience: .seconds(240))
        )
    }

    /// Other clients of the same event loop go on while one is stuck.
    private static func checkOthers(_ proxy: RunningProxy) async throws {
        var generator = SeededGenerator(seed: 7)
        for form in SecretForm.allCases {
            let other = try await TelegramClient.connect(port: proxy.port, secret: form.secret)
            for _ in 0..<5 { try await other.exchange(generator.bytes(200_000)) }
            await other.close()
        }
    }
}
