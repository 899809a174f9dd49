import MTProtoWire
import NIOCore
import Testing

/// How many secrets of which kinds there are, with their book made once.
struct Crowd: Sendable, CustomTestStringConvertible {
    let name: String
    let secrets: [ProxySecret]
    let book: SecretBook

    init(_ name: String, _ count: Int, _ kinds: [ProxySecret.Kind]) {
        self.name = "\(count) \(name)"
        secrets = TestSecrets.many(count, kinds)
        book = TestSecrets.book(secrets)
    }

    var testDescription: String { name }

    /// The places of secrets of the kind that is tried with this one.
    func rivals(of secret: ProxySecret) -> [Int] {
        secrets.indices.filter { secrets[$0].isFakeTLS == secret.isFakeTLS }
    }

    static let all = [1, 64, 65, 1_000].flatMap { count in
        [
            Crowd("plain", count, [.plain]), Crowd("padded", count, [.padded]),
            Crowd("of one host", count, [.fakeTLS(domain: "localhost")]),
            Crowd(
                "of three hosts", count,
                [.fakeTLS(domain: "a.example"), .fakeTLS(domain: "localhost"), .fakeTLS(domain: "b.example")]),
            Crowd(
                "of all kinds", count,
                [.plain, .fakeTLS(domain: "LocalHost"), .padded, .fakeTLS(domain: "a.example")]),
        ]
    }
}

extension ProxySecret {
    var isFakeTLS: Bool {
        if case .fakeTLS = kind { true } else { false }
    }
}

@Suite("ClientHandshake with many secrets")
struct ManySecretsTests {
    private static let payload = (0..<90).map { UInt8($0) }

    /// What a client with this secret sends, cut as clients do.
    private static func opening(_ secret: ProxySecret) -> [[UInt8]] {
        let client = TestClient(secret: secret)
        guard secret.isFakeTLS else { return [client.stream(payload)] }
        let hello = HelloMaker().signed(key: secret.key, timestamp: VectorFiles.fakeTLS.t0)
        return [hello, client.records(payload)]
    }

    /// Openings of the kinds that the crowd has, with a key that it does not have.
    private static func strangers(_ crowd: Crowd) -> [(opening: [[UInt8]], reason: StrangerReason)] {
        let key = Block16(bytes: repeatElement(0xa5, count: 16)) ?? Block16()
        var strangers: [([[UInt8]], StrangerReason)] = []
        if crowd.secrets.contains(where: \.isFakeTLS) {
            strangers.append(([HelloMaker().signed(key: key, timestamp: VectorFiles.fakeTLS.t0)], .badProof))
        }
        if !crowd.secrets.allSatisfy(\.isFakeTLS) {
            strangers.append((opening(ProxySecret(key: key, kind: .plain)), .badSecret))
        }
        return strangers
    }

    @Test("finds the first, the last and one in the middle, at once or in slices", arguments: Crowd.all)
    func finds(crowd: Crowd) {
        for index in Set([0, 1, crowd.secrets.count / 2, crowd.secrets.count - 1]) where index < crowd.secrets.count {
            let secret = crowd.secrets[index]
            for slices in [[Int.max], [1], [1, 7, 64], [100]] {
                var bench = HandshakeBench(book: crowd.book)
                bench.slices = slices
                let trace = bench.run(Self.opening(secret))
                #expect(trace.accepted?.secretIndex == index)
                #expect(trace.stream == Self.payload)
                #expect((trace.reply != nil) == secret.isFakeTLS)
                #expect(bench.environment.askedSecrets == [index])
                #expect((bench.searches > 0) == (crowd.rivals(of: secret).count > HandshakeRules.inlineTrials))
            }
        }
    }

    @Test("tries all of them with a stranger, and keeps what it sent", arguments: Crowd.all)
    func findsNone(crowd: Crowd) {
        for (opening, reason) in Self.strangers(crowd) {
            for slices in [[Int.max], [1], [13]] {
                for hints in [[], [0, crowd.secrets.count - 1], [-1, .max, .min, crowd.secrets.count]] {
                    var bench = HandshakeBench(book: crowd.book)
                    bench.slices = slices
                    bench.environment.hintedSecrets = hints
                    let trace = bench.run(opening)
                    #expect(trace.reason == reason)
                    #expect(trace.forMaskHost == Array(opening.joined()))
                    #expect(bench.environment.askedSecrets.isEmpty)
                }
            }
        }
    }

    @Test("needs no search with a good hint, and finds without one", arguments: Crowd.all)
    func hints(crowd: Crowd) {
        let index = crowd.secrets.count - 1
        let isMany = crowd.rivals(of: crowd.secrets[index]).count > HandshakeRules.inlineTrials
        let wrong = [0, 1, 2, 3, 4, 5, 6].filter { $0 < index }
        let cases: [(hints: [Int], needsSearch: Bool)] = [
            ([index], false), (wrong + [index], false), ([.max, -1, .min, crowd.secrets.count, index], false),
            ([], isMany), (wrong, isMany), ([crowd.secrets.count + 5, -7], isMany),
            // The ninth hint is one too many.
            (Array(repeating: 0, count: 8) + [index], isMany && index > 0),
        ]
        for (hints, needsSearch) in cases {
            var bench = HandshakeBench(book: crowd.book)
            bench.environment.hintedSecrets = hints
            let trace = bench.run(Self.opening(crowd.secrets[index]))
            #expect(trace.accepted?.secretIndex == index)
            #expect(trace.stream == Self.payload)
            #expect((bench.searches > 0) == needsSearch, "\(hints)")
        }
    }

    @Test("begins with the secrets of the host that the hello names, in any case of letters")
    func serverName() {
        let secrets =
            TestSecrets.many(200, [.fakeTLS(domain: "a.example"), .fakeTLS(domain: "b.example")])
            + TestSecrets.many(3, [.fakeTLS(domain: "Rare.Example")])
            + TestSecrets.many(100, [.fakeTLS(domain: "c.example")])
        // The three of the rare host have keys that others have, too.
        let book = TestSecrets.book(secrets)
        for (name, index, trials) in [("rare.example", 200, 1), ("RARE.example", 202, 3), ("c.example", 302, 100)] {
            let maker = HelloMaker(serverName: name)
            let hello = maker.signed(key: secrets[index].key, timestamp: VectorFiles.fakeTLS.t0)
            var handshake = ClientHandshake(rules: HandshakeBench(book: book).rules)
            var environment = FixedEnvironment()
            var buffer = ByteBuffer(bytes: hello)
            #expect(handshake.receive(&buffer, environment: &environment) == .search)
            #expect(handshake.remainingTrials == 303)
            if trials > 1 {
                #expect(handshake.search(atMost: trials - 1, environment: &environment) == .search)
            }
            #expect(handshake.remainingTrials == 303 - trials + 1)
            guard case .reply = handshake.search(atMost: 1, environment: &environment) else {
                Issue.record("not found: \(name)")
                continue
            }
            #expect(environment.askedSecrets == [index])
        }
    }

    @Test("takes the secret of the host that the hello names, of two with the same key", arguments: [2, 65, 300])
    func equalKeys(count: Int) {
        let key = Block16(bytes: 100..<116) ?? Block16()
        let twins = [
            ProxySecret(key: key, kind: .fakeTLS(domain: "one.example")),
            ProxySecret(key: key, kind: .fakeTLS(domain: "two.example")),
        ]
        let others = TestSecrets.many(count - 2, [.fakeTLS(domain: "x.example"), .fakeTLS(domain: "y.example")])
        for (name, index) in [("one.example", 0), ("TWO.EXAMPLE", 1), ("x.example", 0), ("", 0)] {
            var bench = HandshakeBench(twins + others)
            let hello = HelloMaker(serverName: name).signed(key: key, timestamp: VectorFiles.fakeTLS.t0)
            #expect(bench.run([hello]).reply != nil)
            #expect(bench.environment.askedSecrets == [index])
        }
    }

    @Test("tries every secret of every host once, whatever the hello names")
    func everyPosition() {
        let secrets = TestSecrets.many(
            90, [.fakeTLS(domain: "a.example"), .fakeTLS(domain: "b.example"), .fakeTLS(domain: "c.example")])
        let book = TestSecrets.book(secrets)
        for name in ["a.example", "b.example", "c.example", "d.example", nil] {
            for (index, secret) in secrets.enumerated() {
                var bench = HandshakeBench(book: book)
                bench.slices = [1]
                let hello = HelloMaker(serverName: name).signed(key: secret.key, timestamp: VectorFiles.fakeTLS.t0)
                #expect(bench.run([hello]).reply != nil)
                #expect(bench.environment.askedSecrets == [index])
                #expect(bench.searches <= secrets.count)
            }
        }
    }
}
