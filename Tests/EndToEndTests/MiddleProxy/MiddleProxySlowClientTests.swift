import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("Clients that do not keep up, and their neighbours on the link", .timeLimit(.minutes(4)))
struct MiddleProxySlowClientTests {
    /// SO_SNDBUF and SO_RCVBUF of every socket on the way; the kernel allots the double.
    private static let socketBytes = 128 << 10
    private static let queueBytes = 1 << 20
    private static let packetBytes = 1 << 16
    /// Far more than anybody holds.
    private static let offered = 256 << 20
    /// What waits, one packet more, and what fits into both sockets and the kit's own hands.
    private static let bound = queueBytes + packetBytes + 4 * socketBytes + (512 << 10)

    private static var narrow: ConnectOptions {
        ConnectOptions(receiveBufferBytes: socketBytes, sendBufferBytes: socketBytes, timeout: .seconds(60))
    }

    private static func narrow(_ configuration: inout ProxyConfiguration) {
        configuration.relay.socketBufferBytes = socketBytes
        configuration.middleProxy.clientQueueBytes = queueBytes
    }

    @Test("One that never reads is let go at its bound; neighbours go on meanwhile", arguments: [0, 3])
    func neverReads(neighbours count: Int) async throws {
        let listen = ListenOptions(sendBufferBytes: Self.socketBytes)
        try await withMiddleProxy(listen: listen, adapt: Self.narrow) { proxy, middle in
            let neighbours = try await proxy.settledMessengers(count)
            middle.enqueue(.source(bytes: Self.offered, size: Self.packetBytes))
            let client = try await proxy.messenger(.fakeTLS, framing: .intermediate, connect: Self.narrow)
            client.setReading(paused: true)
            try await client.send([1])
            let session = try await middle.session(count)
            var rounds = 0
            var generator = SeededGenerator(seed: 1)
            while proxy.log.lines("session ended").isEmpty {
                for neighbour in neighbours { try await neighbour.exchange(generator.bytes(5_000)) }
                if neighbours.isEmpty { _ = try await proxy.endOfSession() }
                rounds += 1
                try #require(rounds < 100_000)
            }
            let line = try await proxy.endOfSession()
            #expect(line["reason"] == "overloaded")
            let delivered = try #require(line["down"].flatMap { Int($0) })
            print(
                "figure: a client that never reads was let go after \(delivered >> 10) KiB, bound \(Self.queueBytes >> 10)"
            )
            #expect(delivered < Self.bound)
            #expect(delivered > Self.queueBytes / 4)
            #expect(proxy.metrics.value("martlet_middle_proxy_slow_clients_total") == 1)
            try await eventually("the close at the middle proxy") { session.facts.sawClose }
            for neighbour in neighbours { try await neighbour.exchange([2]) }
            #expect(proxy.keptItsLinks(middle))
            for neighbour in neighbours { await neighbour.close() }
            await client.reset()
        }
    }

    @Test("A slow reader among quick ones gets everything and harms nobody")
    func slowReader() async throws {
        let share = 1 << 20
        let behaviour = MiddleProxySessionBehaviour.script { session in
            while await session.receive() != nil { try await session.pump(share, size: Self.packetBytes) }
        }
        try await withMiddleProxy(adapt: { $0.relay.socketBufferBytes = Self.socketBytes }) { proxy, middle in
            let neighbours = try await proxy.settledMessengers(4)
            middle.enqueue(behaviour)
            let slow = try await proxy.messenger(.padded, connect: Self.narrow)
            let isOver = Noted<Bool>()
            async let rounds = withThrowingTaskGroup(of: Int.self) { group in
                for neighbour in neighbours { group.addTask { try await Self.talk(neighbour, until: isOver) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            // As apps do: the next part is asked for when the one before is there.
            var received = RunningDigest()
            for part in 1...3 {
                try await slow.send([UInt8(part)])
                while received.count < part * share {
                    received.update(try await slow.receive())
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            isOver.note(true)
            #expect(try await rounds.allSatisfy { $0 > 5 })
            let session = try await middle.session(4)
            #expect(session.facts.digestSent == received.value)
            #expect(proxy.metrics.value("martlet_middle_proxy_slow_clients_total") == 0)
            await slow.close()
            for neighbour in neighbours { await neighbour.close() }
        }
    }

    /// - Returns: how often a message came back.
    private static func talk(_ client: TelegramClient, until isOver: Noted<Bool>) async throws -> Int {
        var generator = SeededGenerator(seed: .random(in: 0...(.max)))
        var rounds = 0
        while isOver.value != true {
            try await client.exchange(generator.bytes(3_000))
            rounds += 1
        }
        return rounds
    }

    @Test("A middle proxy that stops reading stops its clients' uploads, and nothing is lost")
    func slowMiddleProxy() async throws {
        let offered = 16 << 20
        let listen = ListenOptions(receiveBufferBytes: Self.socketBytes)
        try await withMiddleProxy(listen: listen, adapt: Self.narrow) { proxy, middle in
            let client = try await proxy.messenger(connect: Self.narrow)
            try await client.exchange([1])
            middle.enqueue(.sink)
            let writer = try await proxy.messenger(connect: Self.narrow, patience: .seconds(120))
            try await writer.send([2])
            let session = try await middle.session(1)
            try await eventually("the first message") { session.facts.messagesReceived == 1 }
            middle.links[0].setReading(paused: true)
            async let pumping = writer.pump(offered, packetSize: Self.packetBytes)
            let accepted = try await settled { await writer.packets.sent } * Self.packetBytes
            #expect(accepted < offered / 2)
            middle.links[0].setReading(paused: false)
            let sent = try await pumping
            #expect(sent.count == offered)
            try await eventually(timeout: .seconds(60), "the whole upload") {
                session.facts.payloadBytesReceived == offered + 1
            }
            try await client.exchange([3])
            await writer.close()
            await client.close()
        }
    }
}
