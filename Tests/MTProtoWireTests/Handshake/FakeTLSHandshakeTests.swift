import MTProtoWire
import NIOCore
import Testing

@Suite("ClientHandshake with FakeTLS")
struct FakeTLSHandshakeTests {
    private static let secrets = [TestSecrets.padded, TestSecrets.otherFakeTLS, TestSecrets.fakeTLS]
    private static let payload = (0..<90).map { UInt8($0) }
    private static let t0 = VectorFiles.fakeTLS.t0

    private static func hello(_ secret: ProxySecret = TestSecrets.fakeTLS, timestamp: UInt32 = t0) -> [UInt8] {
        HelloMaker().signed(key: secret.key, timestamp: timestamp)
    }

    @Test("judges the hellos of other implementations", arguments: VectorFiles.fakeTLS.clientHellos)
    func vectors(vector: FakeTLSVectors.ClientHello) throws {
        let trace = HandshakeBench([TestSecrets.fakeTLS]).trace([vector.bytes.bytes])
        if let timestamp = vector.timestamp, abs(Int(timestamp) - Int(Self.t0)) <= 120 {
            #expect(trace.reason == nil)
            let reply = try #require(trace.reply)
            let random = try vector.clientRandom.block32()
            #expect(ServerHelloTests.clientAccepts(reply, random: random, key: TestSecrets.fakeTLS.key))
            #expect(trace.forMaskHost.isEmpty)
        } else {
            #expect(trace.reply == nil)
            #expect(trace.reason == (vector.timestamp == nil ? .badProof : .wrongTime))
            #expect(trace.forMaskHost == vector.bytes.bytes)
        }
        if let key = try vector.acceptSecret?.block16() {
            let accepted = HandshakeBench([ProxySecret(key: key, kind: .fakeTLS(domain: "localhost"))])
            #expect(accepted.trace([vector.bytes.bytes]).reply != nil)
        }
    }

    @Test("accepts every framing with the secret that signed the hello", arguments: PacketFraming.allCases)
    func framings(framing: PacketFraming) {
        for (index, secret) in Self.secrets.enumerated() where index > 0 {
            for dataCenter: Int16 in [1, -203, .min] {
                let client = TestClient(secret: secret, framing: framing, dataCenter: dataCenter)
                let pieces = [Self.hello(secret), client.records(Self.payload)]
                for cut in [pieces, [Array(pieces.joined())]] {
                    let trace = HandshakeBench(Self.secrets).trace(cut)
                    #expect(trace.accepted?.framing == framing)
                    #expect(trace.accepted?.dataCenterWire == dataCenter)
                    #expect(trace.stream == Self.payload)
                    #expect(trace.accepted?.secretIndex == index)
                    #expect(trace.accepted?.headerLength == 64)
                    #expect(trace.accepted?.usesFakeTLS == true)
                }
            }
        }
    }

    @Test("finds the header in records of any size, with and without a change of cipher")
    func records() {
        let client = TestClient(secret: TestSecrets.fakeTLS)
        let bench = HandshakeBench(Self.secrets)
        for sizes in [[], [1], [63, 1], [64], [65], Array(repeating: 1, count: 64), [10, 200]] {
            for starts in [true, false] {
                let records = client.records(Self.payload, sizes: sizes, startsWithCipherChange: starts)
                #expect(bench.trace([Self.hello(), records]).stream == Self.payload)
                #expect(bench.trace([Self.hello()] + Drip.bytewise(records)).stream == Self.payload)
            }
        }
    }

    @Test("answers a long hello that is cut into records")
    func longHello() throws {
        let record = try VectorFiles.fakeTLS.clientHello(named: "tdlib_2026_with_mlkem768").bytes.bytes
        for sizes in [[1], [400, 400, 400], [1, 1, 1, 1, 1], [1_740]] {
            let bytes = HelloMaker.cut(record, into: sizes)
            let client = TestClient(secret: TestSecrets.fakeTLS)
            let trace = HandshakeBench(Self.secrets).trace([bytes + client.records(Self.payload)])
            #expect(trace.stream == Self.payload)
            #expect(trace.reply != nil)
        }
    }

    @Test("allows clocks to differ by the window and no more")
    func window() {
        for window: UInt32 in [0, 5, 120] {
            let bench = HandshakeBench(Self.secrets, window: window)
            for (timestamp, reason) in [
                (Self.t0 + window, nil), (Self.t0 - window, nil), (Self.t0 + window + 1, StrangerReason.wrongTime),
                (Self.t0 - window - 1, .wrongTime), (0, .wrongTime), (.max, .wrongTime),
            ] {
                #expect(bench.trace([Self.hello(timestamp: timestamp)]).reason == reason)
            }
        }
    }

    @Test("refuses hellos from before its start, which the process before it may have seen")
    func beforeStart() {
        var bench = HandshakeBench(Self.secrets)
        bench.environment.startTime = Self.t0
        #expect(bench.trace([Self.hello(timestamp: Self.t0 - 1)]).reason == nil)
        #expect(bench.trace([Self.hello(timestamp: Self.t0 - 2)]).reason == .beforeStart)
        #expect(bench.trace([Self.hello(timestamp: Self.t0 + 120)]).reason == nil)
        // Clocks at the ends of their range.
        bench.environment.startTime = 0
        bench.environment.unixTime = 0
        #expect(bench.trace([Self.hello(timestamp: 0)]).reason == nil)
        bench.environment.startTime = .max
        bench.environment.unixTime = .max
        #expect(bench.trace([Self.hello(timestamp: .max)]).reason == nil)
        #expect(bench.trace([Self.hello(timestamp: .max - 2)]).reason == .beforeStart)
    }

    @Test("refuses a hello that it has seen, also when it is cut in another way")
    func replayedHello() {
        var bench = HandshakeBench(Self.secrets)
        let hello = Self.hello()
        #expect(bench.run([hello]).reply != nil)
        for bytes in [hello, HelloMaker.cut(hello, into: [100])] {
            let trace = bench.run([bytes])
            #expect(trace.reason == .replayedHello)
            #expect(trace.reply == nil)
            #expect(trace.forMaskHost == bytes)
        }
        #expect(bench.environment.hellos.count == 1)
    }

    @Test("remembers only hellos that are proven, in time and answered")
    func memoryIsForClients() {
        var bench = HandshakeBench(Self.secrets)
        _ = bench.run([Self.hello(timestamp: Self.t0 - 121)])
        _ = bench.run([HelloMaker().signed(key: TestSecrets.plain.key, timestamp: Self.t0)])
        let old = HelloMaker(cipherSuites: [0xc02b, 0x009c]).signed(key: TestSecrets.fakeTLS.key, timestamp: Self.t0)
        #expect(bench.run([old]).reason == .oldTLS)
        #expect(bench.environment.hellos.isEmpty)
    }

    @Test("does without SNI and session id")
    func sparseHello() throws {
        for length in [0, 1, 31, 32] {
            let maker = HelloMaker(sessionID: [UInt8](repeating: 3, count: length), serverName: nil)
            let hello = maker.signed(key: TestSecrets.fakeTLS.key, timestamp: Self.t0)
            let trace = HandshakeBench(Self.secrets).trace([hello])
            let random = try #require(Block32(bytes: hello[11..<43]))
            let reply = try #require(trace.reply)
            #expect(ServerHelloTests.clientAccepts(reply, random: random, key: TestSecrets.fakeTLS.key))
        }
        let tooLong = HelloMaker(sessionID: [UInt8](repeating: 3, count: 33))
            .signed(key: TestSecrets.fakeTLS.key, timestamp: Self.t0)
        #expect(HandshakeBench(Self.secrets).trace([tooLong]).reason == .malformedHello)
    }

    @Test("ends when the records hold no header of the same secret")
    func badHeader() {
        let bench = HandshakeBench(Self.secrets)
        let wrong = [
            TestClient(secret: TestSecrets.otherFakeTLS).records([]),
            TestClient(secret: TestSecrets.padded).records([]),
            [0x17, 3, 3, 0, 64] + [UInt8](repeating: 5, count: 64),
            [0x15, 3, 3, 0, 2, 1, 0], [0x16, 3, 3, 0, 1], [0x17, 2, 3, 0, 1], [0x17, 3, 3, 0xff, 0xff],
            Array(repeatElement([0x14, 3, 3, 0, 1, 1], count: 11).joined()),
        ]
        for records in wrong {
            let trace = bench.trace([Self.hello(), records])
            #expect(trace.reason == .badHeaderInTLS)
            #expect(trace.reply != nil)
            #expect(trace.forMaskHost.isEmpty)
        }
    }

    @Test("knows a header again that it has seen inside TLS")
    func replayedHeader() {
        var bench = HandshakeBench([TestSecrets.fakeTLS, ProxySecret(key: TestSecrets.fakeTLS.key, kind: .plain)])
        let client = TestClient(secret: TestSecrets.fakeTLS)
        #expect(bench.run([Self.hello(), client.records([])]).accepted != nil)
        #expect(bench.run([client.stream([])]).reason == .replayedHeader)
        let trace = bench.run([Self.hello(timestamp: Self.t0 + 1), client.records([])])
        #expect(trace.reason == .replayedHeader)
        #expect(trace.reply != nil)
    }

    @Test("gives a mask host nothing after the reply, and everything before it")
    func bytesRead() {
        let bench = HandshakeBench(Self.secrets)
        var environment = bench.environment
        var handshake = ClientHandshake(rules: bench.rules)
        let hello = Self.hello()
        var buffer = ByteBuffer(bytes: hello.dropLast())
        #expect(handshake.receive(&buffer, environment: &environment) == .needMore)
        #expect(Array(handshake.bytesRead.readableBytesView) == hello.dropLast())
        #expect(!handshake.hasReplied)
        buffer.writeBytes(hello.suffix(1) + [0x14, 3])
        guard case .reply = handshake.receive(&buffer, environment: &environment) else {
            Issue.record("no reply")
            return
        }
        #expect(handshake.hasReplied)
        #expect(handshake.bytesRead.readableBytes == 0)
        var nothing = ByteBuffer()
        #expect(handshake.receive(&nothing, environment: &environment) == .needMore)
        #expect(handshake.bytesRead.readableBytes == 0)
    }

    @Test("sees the same however the bytes are cut, and survives damage")
    func drip() {
        let maker = HelloMaker(sessionID: [], serverName: nil, extraExtensionLength: 8)
        let hello = HelloMaker.cut(
            maker.signed(key: TestSecrets.fakeTLS.key, timestamp: Self.t0), into: [2, 60])
        let client = TestClient(secret: TestSecrets.fakeTLS)
        let bench = HandshakeBench([TestSecrets.fakeTLS, TestSecrets.plain], jitter: 0)
        Drip.check(hello + client.records([1, 2, 3, 4, 5], sizes: [30, 36]), decode: bench.trace)
    }
}
