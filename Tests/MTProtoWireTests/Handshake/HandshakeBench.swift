import MTProtoWire
import NIOCore

/// A clock that stands still, tables that remember everything, and repeatable randomness.
struct FixedEnvironment: HandshakeEnvironment {
    var unixTime: UInt32 = VectorFiles.fakeTLS.t0
    var startTime: UInt32 = VectorFiles.fakeTLS.t0 - 86_400
    var hintedSecrets: [Int] = []
    /// Places of secrets whose owners may not come in.
    var refusedSecrets: Set<Int> = []
    /// The places of the secrets that were asked about.
    var askedSecrets: [Int] = []
    var hellos: [Block32: UInt32] = [:]
    var headers: Set<Block16> = []
    var generator = Drip.Generator(seed: 99)

    mutating func mayEnter(secretIndex: Int) -> Bool {
        askedSecrets.append(secretIndex)
        return !refusedSecrets.contains(secretIndex)
    }

    mutating func isReplayedHello(_ random: Block32, timestamp: UInt32) -> Bool {
        hellos.updateValue(timestamp, forKey: random) != nil
    }

    mutating func isReplayedHeader(_ key: Block16) -> Bool {
        !headers.insert(key).inserted
    }

    mutating func fillRandom(_ bytes: UnsafeMutableRawBufferPointer) {
        for index in bytes.indices { bytes[index] = UInt8.random(in: 0...255, using: &generator) }
    }
}

/// Everything that becomes visible of one connection, however its bytes were cut.
struct HandshakeTrace: Equatable {
    enum Verdict: Equatable {
        case undecided
        /// What stands in `stream` is left out of the greeting.
        case accepted(ClientGreeting)
        case stranger(StrangerReason)
    }

    var verdict = Verdict.undecided
    /// The ServerHello.
    var reply: [UInt8]?
    /// Of a client: the stream behind the header, deciphered.
    var stream: [UInt8] = []
    /// Of a stranger: what the mask host gets, with what comes behind it.
    var forMaskHost: [UInt8] = []

    var reason: StrangerReason? {
        if case .stranger(let reason) = verdict { reason } else { nil }
    }

    var accepted: ClientGreeting? {
        if case .accepted(let greeting) = verdict { greeting } else { nil }
    }
}

/// Puts connections through `ClientHandshake` as the engine does.
struct HandshakeBench {
    var rules: HandshakeRules
    var environment = FixedEnvironment()
    /// How many secrets are tried at a time, over and over.
    var slices = [Int.max]
    /// Whether a piece is received after each slice of a search, or all pieces wait for its end.
    var readsInSearch = false
    /// How often secrets were searched in the last connection.
    private(set) var searches = 0

    init(
        _ secrets: [ProxySecret], transports: ClientTransports = .standard, window: UInt32 = 120, jitter: Int = 2
    ) {
        self.init(book: TestSecrets.book(secrets), transports: transports, window: window, jitter: jitter)
    }

    init(book: SecretBook, transports: ClientTransports = .standard, window: UInt32 = 120, jitter: Int = 2) {
        rules = HandshakeRules(
            book: book,
            transports: transports,
            timestampWindow: window,
            profile: HandshakeProfile(certificateRecordLength: 2_500, certificateRecordJitter: jitter))
    }

    /// One connection on a copy of the environment.
    func trace(_ pieces: [[UInt8]]) -> HandshakeTrace {
        var copy = self
        return copy.run(pieces)
    }

    /// One connection; the tables remember it.
    mutating func run(_ pieces: [[UInt8]]) -> HandshakeTrace {
        var handshake = ClientHandshake(rules: rules)
        var trace = HandshakeTrace()
        var rest = pieces[...]
        // One buffer for all, as in the engine: what a handshake kept of it would be overwritten.
        var receiveBuffer = ByteBuffer()
        searches = 0
        while let piece = rest.popFirst() {
            receiveBuffer.clear()
            receiveBuffer.writeBytes(piece)
            var outcome = handshake.receive(&receiveBuffer, environment: &environment)
            if outcome == .search, !readsInSearch || rest.isEmpty { outcome = search(&handshake) }
            if outcome == .search { outcome = searchOnce(&handshake) }
            if case .reply(let reply) = outcome {
                trace.reply = Array(reply.readableBytesView)
                var nothing = ByteBuffer()
                outcome = handshake.receive(&nothing, environment: &environment)
            }
            switch outcome {
            case .needMore, .reply, .search:
                continue
            case .accepted(let greeting):
                finish(&trace, greeting: greeting, rest: rest)
                return trace
            case .stranger(let reason):
                trace.verdict = .stranger(reason)
                if !handshake.hasReplied {
                    trace.forMaskHost = Array(handshake.bytesRead.readableBytesView) + rest.joined()
                }
                return trace
            }
        }
        trace.forMaskHost = Array(handshake.bytesRead.readableBytesView)
        return trace
    }

    private mutating func search(_ handshake: inout ClientHandshake) -> ClientHandshake.Outcome {
        while true {
            let outcome = searchOnce(&handshake)
            guard outcome == .search else { return outcome }
        }
    }

    private mutating func searchOnce(_ handshake: inout ClientHandshake) -> ClientHandshake.Outcome {
        searches += 1
        return handshake.search(atMost: slices[searches % slices.count], environment: &environment)
    }

    /// Reads the stream as the relay would.
    private func finish(_ trace: inout HandshakeTrace, greeting: ClientGreeting, rest: ArraySlice<[UInt8]>) {
        var stream = greeting.earlyBytes
        var records = greeting.records
        for piece in rest {
            var buffer = ByteBuffer(bytes: piece)
            guard greeting.usesFakeTLS else {
                stream.writeBuffer(&buffer)
                continue
            }
            do {
                try records.unwrap(&buffer, into: &stream)
            } catch {
                // In one piece with the header, the same bytes end the handshake.
                trace.verdict = .stranger(.badHeaderInTLS)
                return
            }
        }
        var facts = greeting
        facts.records = TLSRecordReader()
        facts.earlyBytes = ByteBuffer()
        trace.verdict = .accepted(facts)
        trace.stream = Array(stream.readableBytesView)
        if let key = greeting.clientToProxy {
            var cipher = AESCTR(key)
            cipher.seek(to: UInt64(greeting.headerLength))
            trace.stream = cipher.apply(trace.stream)
        }
    }
}

/// The client's part of a handshake.
struct TestClient {
    var header: UpstreamHeader

    /// - Parameter secret: nil for a client that knows none.
    init(secret: ProxySecret?, framing: PacketFraming = .paddedIntermediate, dataCenter: Int16 = 2, seed: UInt64 = 21) {
        var generator = Drip.Generator(seed: seed)
        header = .make(framing: framing, dataCenterWire: dataCenter, secret: secret?.key, using: &generator)
    }

    /// A header and what follows it, enciphered.
    func stream(_ payload: [UInt8]) -> [UInt8] {
        var cipher = AESCTR(header.outbound)
        cipher.seek(to: 64)
        return header.bytes + cipher.apply(payload)
    }

    /// What follows a ServerHello: the stream in records of these sizes, the rest in the last one.
    func records(_ payload: [UInt8], sizes: [Int] = [], startsWithCipherChange: Bool = true) -> [UInt8] {
        var bytes: [UInt8] = startsWithCipherChange ? [0x14, 3, 3, 0, 1, 1] : []
        var rest = stream(payload)[...]
        for size in sizes + [rest.count] where !rest.isEmpty {
            bytes += [0x17, 3, 3] + HelloMaker.prefixed(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return bytes
    }
}

enum TestSecrets {
    static let plain = ProxySecret(key: Block16(bytes: (0..<16).map { UInt8($0) }) ?? Block16(), kind: .plain)
    static let padded = ProxySecret(key: Block16(bytes: (16..<32).map { UInt8($0) }) ?? Block16(), kind: .padded)
    static let fakeTLS = ProxySecret(
        key: Block16(bytes: ProxySecretTests.keyBytes) ?? Block16(), kind: .fakeTLS(domain: "localhost"))
    static let otherFakeTLS = ProxySecret(
        key: Block16(bytes: (32..<48).map { UInt8($0) }) ?? Block16(), kind: .fakeTLS(domain: "example.com"))

    static func book(_ secrets: [ProxySecret]) -> SecretBook {
        SecretBook(secrets.enumerated().map { NamedSecret(name: "\($0.offset)", secret: $0.element) })
    }

    /// Different secrets of these kinds, one after the other.
    static func many(_ count: Int, _ kinds: [ProxySecret.Kind]) -> [ProxySecret] {
        var generator = Drip.Generator(seed: 77)
        return (0..<count).map { .generate(kinds[$0 % kinds.count], using: &generator) }
    }
}
