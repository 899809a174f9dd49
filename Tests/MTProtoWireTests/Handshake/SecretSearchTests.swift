import MTProtoWire
import NIOCore
import Testing

@Suite("ClientHandshake while it searches")
struct SecretSearchTests {
    private static let bare = TestSecrets.many(65, [.plain, .padded])
    private static let fakeTLS = TestSecrets.many(65, [.fakeTLS(domain: "localhost"), .fakeTLS(domain: "a.example")])
    private static let book = TestSecrets.book(bare + fakeTLS)
    private static let payload = (0..<90).map { UInt8($0) }

    private static func hello(_ secret: ProxySecret, _ maker: HelloMaker = HelloMaker()) -> [UInt8] {
        maker.signed(key: secret.key, timestamp: VectorFiles.fakeTLS.t0)
    }

    /// A handshake with a stranger's header or hello that is being searched for.
    private static func searching(_ bytes: [UInt8], _ environment: inout FixedEnvironment) -> ClientHandshake {
        var handshake = ClientHandshake(rules: HandshakeBench(book: book).rules)
        var buffer = ByteBuffer(bytes: bytes)
        #expect(handshake.receive(&buffer, environment: &environment) == .search)
        #expect(buffer.readableBytes == 0)
        return handshake
    }

    private static let strangers: [(bytes: [UInt8], reason: StrangerReason)] = [
        ([UInt8](repeating: 7, count: 100), .badSecret),
        (HelloMaker().signed(key: Block16(), timestamp: VectorFiles.fakeTLS.t0) + [1, 2, 3], .badProof),
    ]

    @Test("keeps what arrives meanwhile, for the client's stream or for the mask host")
    func bytesMeanwhile() throws {
        let last = try #require(Self.bare.last)
        let lastFakeTLS = try #require(Self.fakeTLS.last)
        let openings = [
            (TestClient(secret: last).stream(Self.payload), 64),
            (Self.hello(lastFakeTLS) + TestClient(secret: lastFakeTLS).records(Self.payload), 129),
        ]
        for (bytes, index) in openings {
            for slices in [[1], [1, 7, 2], [30]] {
                var bench = HandshakeBench(book: Self.book)
                bench.slices = slices
                bench.readsInSearch = true
                for pieces in [Drip.bytewise(bytes), Drip.pieces(bytes, using: &bench.environment.generator)] {
                    var copy = bench
                    let trace = copy.run(pieces)
                    #expect(trace.accepted?.secretIndex == index)
                    #expect(trace.stream == Self.payload)
                }
            }
        }
        for (bytes, reason) in Self.strangers {
            var bench = HandshakeBench(book: Self.book)
            bench.slices = [1]
            bench.readsInSearch = true
            let pieces = [bytes] + Drip.bytewise(Self.payload)
            let trace = bench.run(pieces)
            #expect(trace.reason == reason)
            #expect(trace.forMaskHost == bytes + Self.payload)
        }
    }

    @Test("counts the secrets that are left, and tries as many as it may", arguments: strangers.indices)
    func slices(stranger: Int) {
        let (bytes, reason) = Self.strangers[stranger]
        var environment = FixedEnvironment()
        var handshake = Self.searching(bytes, &environment)
        var left = 65
        for slice in [0, -1, .min, 1, 2, 0, 31, 30] {
            #expect(handshake.search(atMost: slice, environment: &environment) == .search)
            left -= max(slice, 0)
            #expect(handshake.remainingTrials == left)
            #expect(Array(handshake.bytesRead.readableBytesView) == bytes)
            #expect(!handshake.hasReplied)
        }
        #expect(left == 1)
        #expect(handshake.search(atMost: 1, environment: &environment) == .stranger(reason))
        #expect(handshake.remainingTrials == 0)
        #expect(handshake.search(atMost: 1, environment: &environment) == .stranger(reason))
        #expect(Array(handshake.bytesRead.readableBytesView) == bytes)
    }

    @Test("goes on waiting for its search when nothing or something is received", arguments: strangers.indices)
    func receiveInSearch(stranger: Int) {
        let (bytes, reason) = Self.strangers[stranger]
        var environment = FixedEnvironment()
        var handshake = Self.searching(bytes, &environment)
        for piece: [UInt8] in [[], [1], [2, 3], []] {
            var buffer = ByteBuffer(bytes: piece)
            #expect(handshake.receive(&buffer, environment: &environment) == .search)
            #expect(buffer.readableBytes == 0)
            #expect(handshake.search(atMost: 3, environment: &environment) == .search)
        }
        #expect(handshake.remainingTrials == 65 - 12)
        #expect(handshake.search(atMost: .max, environment: &environment) == .stranger(reason))
        #expect(Array(handshake.bytesRead.readableBytesView) == bytes + [1, 2, 3])
    }

    @Test("refuses who sends more than may wait, and keeps all of it", arguments: strangers.indices)
    func bound(stranger: Int) {
        let bytes = Self.strangers[stranger].bytes
        var environment = FixedEnvironment()
        var handshake = Self.searching(bytes, &environment)
        var sent = bytes
        let room = ClientHandshake.maximumWaitingBytes - bytes.count
        for count in [room - 1, 1] {
            sent += [UInt8](repeating: 5, count: count)
            var buffer = ByteBuffer(repeating: 5, count: count)
            #expect(handshake.receive(&buffer, environment: &environment) == .search)
        }
        var buffer = ByteBuffer(repeating: 6, count: 1)
        #expect(handshake.receive(&buffer, environment: &environment) == .stranger(.tooLong))
        #expect(Array(handshake.bytesRead.readableBytesView) == sent + [6])
        #expect(handshake.search(atMost: 100, environment: &environment) == .stranger(.tooLong))
        #expect(handshake.remainingTrials == 0)
        #expect(environment.askedSecrets.isEmpty && environment.headers.isEmpty && environment.hellos.isEmpty)
    }

    @Test("takes a first read of any length")
    func longFirstRead() throws {
        let secret = try #require(Self.bare.last)
        let payload = [UInt8](repeating: 9, count: 3 * ClientHandshake.maximumWaitingBytes)
        var bench = HandshakeBench(book: Self.book)
        #expect(bench.run([TestClient(secret: secret).stream(payload)]).stream == payload)
        #expect(bench.searches > 0)
    }

    @Test("looks for nothing when nothing is to be looked for")
    func searchWithoutNeed() throws {
        let secret = try #require(Self.fakeTLS.first)
        let client = TestClient(secret: secret)
        var environment = FixedEnvironment()
        environment.hintedSecrets = [65]
        var handshake = ClientHandshake(rules: HandshakeBench(book: Self.book).rules)
        let hello = Self.hello(secret)
        for piece in [hello[..<1], hello[1..<50], hello[50...]] {
            #expect(handshake.search(atMost: 5, environment: &environment) == .needMore)
            #expect(handshake.remainingTrials == 0)
            var buffer = ByteBuffer(bytes: piece)
            let outcome = handshake.receive(&buffer, environment: &environment)
            if piece.endIndex < hello.count { #expect(outcome == .needMore) }
        }
        #expect(handshake.hasReplied)
        #expect(handshake.search(atMost: 5, environment: &environment) == .needMore)
        var records = ByteBuffer(bytes: client.records([]))
        guard case .accepted = handshake.receive(&records, environment: &environment) else {
            Issue.record("not accepted")
            return
        }
        #expect(handshake.search(atMost: 5, environment: &environment) == .needMore)
    }

    @Test("refuses at the end of a search what it refuses at once")
    func refusals() throws {
        let secret = try #require(Self.fakeTLS.last)
        let late = HelloMaker().signed(key: secret.key, timestamp: VectorFiles.fakeTLS.t0 - 121)
        let old = Self.hello(secret, HelloMaker(cipherSuites: [0xc02b]))
        var bench = HandshakeBench(book: Self.book)
        bench.slices = [3]
        for (hello, reason) in [(late, StrangerReason.wrongTime), (old, .oldTLS)] {
            let trace = bench.run([hello])
            #expect(trace.reason == reason)
            #expect(trace.forMaskHost == hello)
        }
        #expect(bench.environment.askedSecrets.isEmpty)

        let hello = Self.hello(secret)
        #expect(bench.run([hello]).reply != nil)
        #expect(bench.run([hello]).reason == .replayedHello)
        let stream = TestClient(secret: Self.bare[64]).stream([1, 2])
        #expect(bench.run([stream]).accepted != nil)
        let replayed = bench.run([stream])
        #expect(replayed.reason == .replayedHeader)
        #expect(replayed.forMaskHost == stream)
    }

    @Test("sees the same however a header is cut, and survives damage")
    func headerDrip() {
        var bench = HandshakeBench(Self.bare)
        bench.slices = [40, 1]
        bench.readsInSearch = true
        Drip.check(TestClient(secret: Self.bare[64]).stream([1, 2, 3]), decode: bench.trace)
    }

    @Test("sees the same however a hello is cut, and survives damage")
    func helloDrip() {
        var bench = HandshakeBench(Self.fakeTLS, jitter: 0)
        bench.slices = [40, 1]
        bench.readsInSearch = true
        let hello = Self.hello(Self.fakeTLS[64], HelloMaker(sessionID: [], serverName: nil, extraExtensionLength: 0))
        let records = TestClient(secret: Self.fakeTLS[64]).records([1, 2, 3], startsWithCipherChange: false)
        Drip.check(hello + records, decode: bench.trace)
    }
}
