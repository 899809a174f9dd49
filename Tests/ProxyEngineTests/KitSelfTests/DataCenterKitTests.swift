import MTProtoWire
import NIOCore
import ProxyTestKit
import Testing

@Suite("The kit's client and data center, face to face", .timeLimit(.minutes(2)))
struct DataCenterKitTests {
    private func connect(
        _ center: FakeDataCenter,
        _ options: TelegramClientOptions = TelegramClientOptions()
    ) async throws -> TelegramClient {
        try await TelegramClient.connect(port: center.port, secret: nil, options: options)
    }

    @Test("Payloads of any size come back in every framing", arguments: PacketFraming.allCases)
    func echo(framing: PacketFraming) async throws {
        try await withKit { kit in
            let center = try await kit.keep(FakeDataCenter.start())
            let client = try await connect(center, TelegramClientOptions(framing: framing, dataCenter: -4, seed: 1))
            var generator = SeededGenerator(seed: 2)
            for size in [0, 1, 3, 4, 480, 484, 488, 508, 1021, 65_537, 1 << 20] {
                try await client.exchange(generator.bytes(size))
            }
            let facts = try #require(center.facts.first)
            #expect(facts.framing == framing)
            #expect(facts.dataCenterWire == -4)
            #expect(facts.header == client.header.bytes)
            #expect(facts.packetsReceived == 11)
        }
    }

    @Test("A recorded header is read as the fact sheet says")
    func recordedHeader() throws {
        let secret = try ProxySecret(parsing: "000102030405060708090a0b0c0d0e0f")
        let text =
            "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
            + "606162636465666768696a6b6c6d6e6f707172737475767790ff27c6d9348818"
        let bytes = stride(from: 0, to: 128, by: 2).map { offset in
            let start = text.index(text.startIndex, offsetBy: offset)
            return UInt8(text[start..<text.index(start, offsetBy: 2)], radix: 16) ?? 0
        }
        let header = try ObfuscationHeader(reading: bytes, secret: secret.key)
        #expect(header.framing == .paddedIntermediate)
        #expect(header.dataCenterWire == -2)
        #expect(hex(header.fromSender.key.bytes).hasPrefix("ace73e9a2c276911"))
        #expect(hex(header.toSender.iv.bytes) == "57565554535251504f4e4d4c4b4a4948")
        var cipher = AESCTR(header.toSender)
        #expect(hex(cipher.apply([UInt8](repeating: 0, count: 16))) == "e39f670aed634a966a2e108698527944")
    }

    @Test("Header and first packet may share a write, or come byte by byte")
    func segments() async throws {
        try await withKit { kit in
            let center = try await kit.keep(FakeDataCenter.start())
            let joined = try await connect(center, TelegramClientOptions(joinsHeaderAndFirstPacket: true))
            try await joined.exchange(Array("together".utf8))
            let slow = try await connect(center, TelegramClientOptions(segments: .singleBytes))
            try await slow.send(Array("in pieces".utf8), segments: .sizes([1, 2, 3]))
            #expect(try await slow.receive() == Array("in pieces".utf8))
            try await slow.send(joined: [[1], [2, 2], [3, 3, 3]])
            for expected in [[1], [2, 2], [3, 3, 3]] as [[UInt8]] {
                #expect(try await slow.receive() == expected)
            }
        }
    }

    @Test("A quick acknowledgement is asked for and comes back", arguments: PacketFraming.allCases)
    func quickAck(framing: PacketFraming) async throws {
        try await withKit { kit in
            let center = try await kit.keep(FakeDataCenter.start())
            let client = try await connect(center, TelegramClientOptions(framing: framing))
            try await client.send([1, 2, 3], wantsQuickAck: true)
            #expect(try await client.receive() == [1, 2, 3])
            #expect(await client.quickAcks == [0x8000_0001])
            #expect(center.facts.first?.quickAcksWanted == 1)
        }
    }

    @Test("Transport errors arrive as such", arguments: [-444, -404, -429] as [Int32], PacketFraming.allCases)
    func transportErrors(code: Int32, framing: PacketFraming) async throws {
        try await withKit { kit in
            let center = try await kit.keep(FakeDataCenter.start(.transportError(code)))
            let client = try await connect(center, TelegramClientOptions(framing: framing))
            try await client.send([0])
            await #expect(throws: KitError.transportError(code)) { try await client.receive() }
        }
    }

    @Test("A sink reports the digest of what it got, a source sends what it was told")
    func sinkAndSource() async throws {
        try await withKit { kit in
            let center = try await kit.keep(FakeDataCenter.start())
            center.desk.enqueue(.sink, .source(bytes: 3_000_001, packetSize: 70_000, thenEnds: true))
            let up = try await connect(center)
            let sent = try await up.pump(2_000_003, packetSize: 100_000)
            try await up.send(DataCenterSession.reportRequest)
            #expect(try await up.receive() == sent.value)
            let down = try await connect(center)
            try await down.send([0])
            #expect(try await down.drain(3_000_001).count == 3_000_001)
            #expect(try await down.receiveOrEnd() == nil)
            #expect(down.stream.ending == .finished)
        }
    }

    @Test("Half-close from the client keeps the way back open")
    func clientHalfClose() async throws {
        try await withKit { kit in
            let center = try await kit.keep(FakeDataCenter.start())
            let client = try await connect(center)
            try await client.send([7])
            try await client.halfClose()
            #expect(try await client.receive() == [7])
            #expect(try await client.receiveOrEnd() == nil)
            #expect(client.stream.ending == .finished)
            #expect(center.facts.first?.sawEnd == true)
        }
    }

    @Test("Half-close from the data center keeps the way there open")
    func serverHalfClose() async throws {
        try await withKit { kit in
            let center = try await kit.keep(FakeDataCenter.start(.halfCloseAfter(bytes: 2)))
            let client = try await connect(center)
            try await client.exchange([1, 2])
            #expect(try await client.receiveOrEnd() == nil)
            try await client.send([3, 4, 5])
            try await eventually { center.facts.first?.payloadBytesReceived == 5 }
        }
    }

    @Test("FIN and RST of the data center look different to the client")
    func endings() async throws {
        try await withKit { kit in
            let center = try await kit.keep(FakeDataCenter.start())
            center.desk.enqueue(.closeAfterHeader, .resetAfterHeader, .closeAtOnce)
            for expected in [StreamEnding.finished, .reset, .finished] {
                let client = try await connect(center)
                _ = try? await client.receiveOrEnd()
                #expect(client.stream.ending == expected)
            }
            // This one may be over before the client noticed that it began.
            center.desk.enqueue(.resetAtOnce)
            await #expect(throws: (any Error).self) {
                _ = try await connect(center).receive()
            }
        }
    }

    @Test("FIN and RST of the client look different to a host")
    func clientEndings() async throws {
        try await withKit { kit in
            let host = try await kit.keep(RecordingHost.start())
            let one = try await ByteStream.connect(port: host.port)
            try await one.write([1, 2, 3])
            await one.close()
            try await eventually { host.facts.first?.isOver == true }
            #expect(host.facts.first?.received == [1, 2, 3])
            #expect(host.facts.first?.ending == .finished)
            let two = try await ByteStream.connect(port: host.port)
            try await two.write([4])
            try await eventually { host.facts.last?.received == [4] }
            await two.reset()
            try await eventually { host.facts.last?.isOver == true }
            #expect(host.facts.last?.ending == .reset)
            #expect(host.facts.last?.sawFinish == false)
        }
    }

    @Test("Who does not read stops the sender, and wakes it up again")
    func slowReader() async throws {
        try await withKit { kit in
            let center = try await kit.keep(FakeDataCenter.start(.neverRead))
            let client = try await connect(center, TelegramClientOptions(patience: .milliseconds(500)))
            await #expect(throws: KitError.self) {
                while true { try await client.send([UInt8](repeating: 1, count: 1 << 20)) }
            }
            let sent = client.stream.bytesSent
            #expect(sent < 64 << 20)
            try await center.desk.session(0).setReading(paused: false)
            try await eventually { client.stream.bytesSent - (center.facts.first?.payloadBytesReceived ?? 0) < 1 << 20 }
        }
    }

    @Test("A data center can be told by a script, and speaks first where it wants to")
    func script() async throws {
        try await withKit { kit in
            let center = try await kit.keep(
                FakeDataCenter.start(
                    .script { session in
                        try await session.send([9, 9])
                        while let payload = try await session.receive() { try await session.send(payload.reversed()) }
                    }
                )
            )
            let client = try await connect(center)
            #expect(try await client.receive() == [9, 9])
            try await client.send([1, 2, 3])
            #expect(try await client.receive() == [3, 2, 1])
        }
    }

    @Test("A silent data center makes the client's patience end")
    func silence() async throws {
        try await withKit { kit in
            let center = try await kit.keep(FakeDataCenter.start(.silence))
            let client = try await connect(center)
            try await client.send([1])
            await #expect(throws: KitError.self) { try await client.receive(within: .milliseconds(100)) }
            try await eventually { center.facts.first?.packetsReceived == 1 }
        }
    }

    @Test("Two hundred sessions at once are no trouble")
    func many() async throws {
        try await withKit { kit in
            let center = try await kit.keep(FakeDataCenter.start())
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<200 {
                    group.addTask {
                        let client = try await connect(center, TelegramClientOptions(seed: UInt64(index)))
                        var generator = SeededGenerator(seed: UInt64(index))
                        for _ in 0..<3 { try await client.exchange(generator.bytes(.random(in: 0..<5000))) }
                    }
                }
                try await group.waitForAll()
            }
            #expect(center.facts.count == 200)
        }
    }
}
