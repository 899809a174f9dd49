import MTProtoWire
import NIOCore
import Testing

@Suite("ClientHandshake with the transports of a listener")
struct TransportTests {
    private static let secrets = [TestSecrets.fakeTLS, TestSecrets.plain]
    private static let payload = (0..<90).map { UInt8($0) }
    private static let combinations = (0..<32).map { ClientTransports(rawValue: $0) }

    /// What somebody sends first.
    enum Opening: Hashable, CaseIterable {
        case fakeTLS, padded, intermediate, abridged
        case openPadded, openIntermediate, openAbridged
        case plainPadded, plainIntermediate, plainAbridged
        case garbage, http

        var bytes: [[UInt8]] {
            switch self {
            case .fakeTLS:
                let hello = HelloMaker().signed(key: TestSecrets.fakeTLS.key, timestamp: VectorFiles.fakeTLS.t0)
                return [hello, TestClient(secret: TestSecrets.fakeTLS).records(payload)]
            case .padded: return [client(TestSecrets.plain, .paddedIntermediate)]
            case .intermediate: return [client(TestSecrets.plain, .intermediate)]
            case .abridged: return [client(TestSecrets.plain, .abridged)]
            case .openPadded: return [client(nil, .paddedIntermediate)]
            case .openIntermediate: return [client(nil, .intermediate)]
            case .openAbridged: return [client(nil, .abridged)]
            case .plainPadded: return [[0xdd, 0xdd, 0xdd, 0xdd] + payload]
            case .plainIntermediate: return [[0xee, 0xee, 0xee, 0xee] + payload]
            case .plainAbridged: return [[0xef] + payload]
            case .garbage: return [[UInt8](repeating: 0x5a, count: 99)]
            case .http: return [Array("GET / HTTP/1.1\r\n\r\n".utf8)]
            }
        }

        private func client(_ secret: ProxySecret?, _ framing: PacketFraming) -> [UInt8] {
            TestClient(secret: secret, framing: framing, dataCenter: -3).stream(payload)
        }

        var framing: PacketFraming? {
            switch self {
            case .fakeTLS, .padded, .openPadded, .plainPadded: .paddedIntermediate
            case .intermediate, .openIntermediate, .plainIntermediate: .intermediate
            case .abridged, .openAbridged, .plainAbridged: .abridged
            case .garbage, .http: nil
            }
        }

        /// What a listener must offer for this to be a client; nil for what never is.
        var transport: ClientTransports? {
            switch self {
            case .fakeTLS: .fakeTLS
            case .padded: .padded
            case .intermediate, .abridged: .obfuscated2
            case .openPadded, .openIntermediate, .openAbridged: .open
            case .plainPadded, .plainIntermediate, .plainAbridged: .plain
            case .garbage, .http: nil
            }
        }

        /// Why a listener with these transports refuses it, which it does.
        func refusal(_ transports: ClientTransports) -> StrangerReason {
            if self == .http { return .http }
            let triesSecrets = !transports.isDisjoint(with: [.padded, .obfuscated2])
            if !triesSecrets, !transports.contains(.open) {
                return transports.contains(.plain) && !transports.contains(.fakeTLS) ? .wrongTransport : .notTLS
            }
            let fitsSecret = [.padded, .intermediate, .abridged].contains(self)
            return fitsSecret && triesSecrets ? .wrongTransport : .badSecret
        }
    }

    @Test("accepts what the listener offers and nothing else", arguments: combinations, Opening.allCases)
    func table(transports: ClientTransports, opening: Opening) {
        let bench = HandshakeBench(Self.secrets, transports: transports)
        let bytes = Array(opening.bytes.joined())
        for pieces in [opening.bytes, [bytes], Drip.bytewise(bytes)] {
            let trace = bench.trace(pieces)
            guard let transport = opening.transport, transports.contains(transport) else {
                #expect(trace.reason == opening.refusal(transports))
                #expect(trace.forMaskHost == bytes)
                #expect(trace.reply == nil)
                continue
            }
            let accepted = trace.accepted
            #expect(accepted?.framing == opening.framing)
            #expect(accepted?.usesFakeTLS == (transport == .fakeTLS))
            #expect(accepted?.dataCenterWire == (transport == .plain ? nil : transport == .fakeTLS ? 2 : -3))
            #expect(accepted?.headerLength == (transport == .plain ? 0 : 64))
            #expect((accepted?.clientToProxy == nil) == (transport == .plain))
            #expect((accepted?.proxyToClient == nil) == (transport == .plain))
            let secretIndex: Int? = transport == .fakeTLS ? 0 : [.open, .plain].contains(transport) ? nil : 1
            #expect(accepted?.secretIndex == secretIndex)
            #expect(trace.stream == Self.payload)
        }
    }

    @Test("gives the very bytes behind the framing's name", arguments: PacketFraming.allCases)
    func plainEarlyBytes(framing: PacketFraming) {
        let tag = [UInt8](repeating: framing.tag, count: framing == .abridged ? 1 : 4)
        for transports: ClientTransports in [.plain, [.plain, .open], [.plain, .fakeTLS, .padded, .obfuscated2]] {
            var bench = HandshakeBench(Self.secrets, transports: transports)
            for rest in [[], [framing.tag], [UInt8](repeating: framing.tag, count: 9), Self.payload] {
                var handshake = ClientHandshake(rules: bench.rules)
                var buffer = ByteBuffer(bytes: tag + rest)
                let greeting = ClientGreeting(plain: framing, earlyBytes: ByteBuffer(bytes: rest))
                #expect(handshake.receive(&buffer, environment: &bench.environment) == .accepted(greeting))
                #expect(buffer.readableBytes == 0)
                #expect(handshake.bytesRead.readableBytes == 0)
            }
            for count in 0..<tag.count {
                let trace = bench.trace([Array(tag.prefix(count))])
                #expect(trace.verdict == .undecided)
                #expect(trace.forMaskHost == Array(tag.prefix(count)))
            }
            #expect(bench.environment.headers.isEmpty && bench.environment.askedSecrets.isEmpty)
        }
    }

    @Test("takes a header that begins like a framing's name for the header that it is")
    func nearlyPlain() {
        for start: [UInt8] in [[0xee], [0xee, 0xee, 0xee, 0xef], [0xdd, 0xdd, 0xdd, 0xd0], [0xdd, 0xee]] {
            for (secret, transports) in [
                (TestSecrets.plain, ClientTransports([.plain, .padded])), (nil, [.plain, .open]),
            ] {
                var bytes = TestClient(secret: secret).stream(Self.payload)
                bytes.replaceSubrange(0..<start.count, with: start)
                if start.count == 1 { bytes[1] = 0 }
                let bench = HandshakeBench(Self.secrets, transports: transports)
                for pieces in [[bytes], Drip.bytewise(bytes)] {
                    let trace = bench.trace(pieces)
                    #expect(trace.accepted?.headerLength == 64)
                    #expect(trace.stream == Self.payload)
                }
            }
        }
    }

    @Test("tries a header without a secret after all secrets only", arguments: [0, 2, 64, 65, 200])
    func openComesLast(count: Int) {
        for transports: ClientTransports in [[.open], [.open, .padded, .obfuscated2]] {
            var bench = HandshakeBench(TestSecrets.many(count, [.plain, .padded]), transports: transports)
            bench.slices = [10]
            let stream = TestClient(secret: nil, framing: .intermediate).stream(Self.payload)
            let trace = bench.run([stream])
            #expect(trace.accepted?.framing == .intermediate)
            #expect(trace.accepted?.secretIndex == nil)
            #expect(trace.stream == Self.payload)
            let needsSearch = transports != .open && count > HandshakeRules.inlineTrials
            #expect(bench.searches == (needsSearch ? (count + 9) / 10 : 0))
            // No owner to ask about, but a header to remember.
            #expect(bench.environment.askedSecrets.isEmpty)
            let replayed = bench.run([stream])
            #expect(replayed.reason == .replayedHeader)
            #expect(replayed.forMaskHost == stream)
        }
    }

    @Test("tells a framing that is not offered from a wrong secret after all secrets only")
    func wrongTransport() {
        let secrets = TestSecrets.many(100, [.plain, .padded])
        for framing in PacketFraming.allCases {
            let isPadded = framing == .paddedIntermediate
            var bench = HandshakeBench(secrets, transports: isPadded ? .obfuscated2 : .padded)
            bench.slices = [1]
            for (hints, index) in [([], 0), ([], 99), ([99], 99)] {
                bench.environment.hintedSecrets = hints
                let stream = TestClient(secret: secrets[index], framing: framing).stream(Self.payload)
                let trace = bench.run([stream])
                #expect(trace.reason == .wrongTransport)
                #expect(trace.forMaskHost == stream)
                #expect(bench.searches == 100)
            }
            #expect(bench.environment.askedSecrets.isEmpty && bench.environment.headers.isEmpty)
        }
    }

    @Test("offers no transport that it has no secret for")
    func transportsWithoutSecrets() {
        let hello = HelloMaker().signed(key: TestSecrets.fakeTLS.key, timestamp: VectorFiles.fakeTLS.t0)
        let stream = TestClient(secret: TestSecrets.plain).stream([])
        #expect(HandshakeBench([]).trace([stream]).reason == .notTLS)
        #expect(HandshakeBench([]).trace([hello]).reason == .notTLS)
        #expect(HandshakeBench([], transports: [.standard, .plain]).trace([hello]).reason == .wrongTransport)
        #expect(HandshakeBench([TestSecrets.plain], transports: .fakeTLS).trace([hello]).reason == .notTLS)
    }

    @Test("sees the same however the bytes are cut, and survives damage")
    func drip() {
        let all = HandshakeBench(Self.secrets, transports: [.plain, .open, .standard])
        for framing in PacketFraming.allCases {
            Drip.check([UInt8](repeating: framing.tag, count: 4) + [1, 2, 3], decode: all.trace)
        }
        Drip.check(
            TestClient(secret: nil).stream([1, 2, 3]),
            decode: HandshakeBench(Self.secrets, transports: [.plain, .open]).trace)
    }
}
