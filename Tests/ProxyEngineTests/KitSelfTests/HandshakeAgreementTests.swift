import Foundation
import MTProtoWire
import NIOCore
import ProxyTestKit
import Testing

/// The kit derives every key and proof by itself; here the proxy's handshake judges them.
@Suite("The kit's client and the proxy's handshake agree", .timeLimit(.minutes(2)))
struct HandshakeAgreementTests {
    private struct Environment: HandshakeEnvironment {
        var unixTime = UInt32(truncatingIfNeeded: Int(Date().timeIntervalSince1970))
        let startTime: UInt32 = 0
        let hintedSecrets: [Int] = []
        private var hellos: Set<Block32> = []
        private var generator = SystemRandomNumberGenerator()

        func mayEnter(secretIndex: Int) -> Bool { true }
        mutating func isReplayedHello(_ random: Block32, timestamp: UInt32) -> Bool { !hellos.insert(random).inserted }
        mutating func isReplayedHeader(_ key: Block16) -> Bool { false }
        mutating func fillRandom(_ bytes: UnsafeMutableRawBufferPointer) {
            for index in bytes.indices { bytes[index] = .random(in: 0...255, using: &generator) }
        }
    }

    /// A connection that ends when the handshake does.
    private static func judge(
        _ secret: ProxySecret,
        _ report: @escaping @Sendable (ClientHandshake.Outcome) -> Void
    ) -> RecordingHost.Behaviour {
        .script { stream in
            var generator = SystemRandomNumberGenerator()
            let secrets = [NamedSecret(name: "test", secret: secret)]
            let profile = HandshakeProfile.random(using: &generator)
            var handshake = ClientHandshake(rules: HandshakeRules(secrets: secrets, profile: profile))
            var environment = Environment()
            var bytes = ByteBuffer()
            while true {
                switch handshake.receive(&bytes, environment: &environment) {
                case .needMore:
                    guard let more = try await stream.read() else { return }
                    bytes = more
                case .reply(let reply):
                    try await stream.write(reply)
                case let outcome:
                    report(outcome)
                    while try await stream.read() != nil {}
                    return
                }
            }
        }
    }

    private func outcome(
        _ secret: ProxySecret,
        _ options: TelegramClientOptions
    ) async throws -> ClientHandshake.Outcome? {
        try await withKit { kit in
            let (outcomes, report) = AsyncStream.makeStream(of: ClientHandshake.Outcome.self)
            let host = try await kit.keep(RecordingHost.start(Self.judge(secret) { report.yield($0) }))
            let client = try? await TelegramClient.connect(port: host.port, secret: secret, options: options)
            if let reply = client?.reply {
                #expect(reply.sessionID == client?.hello?.sessionID)
                #expect(client?.hello?.cipherSuites.contains(reply.cipherSuite) == true)
                #expect(reply.keyShare.count == 32)
            }
            var iterator = outcomes.makeAsyncIterator()
            let outcome = await iterator.next()
            await client?.close()
            return outcome
        }
    }

    private func key() -> Block16 {
        var generator = SystemRandomNumberGenerator()
        return ProxySecret.generate(.plain, using: &generator).key
    }

    @Test("Bare obfuscated2 is accepted", arguments: PacketFraming.allCases)
    func bare(framing: PacketFraming) async throws {
        let options = TelegramClientOptions(framing: framing, dataCenter: -203)
        guard case .accepted(let greeting) = try await outcome(ProxySecret(key: key(), kind: .padded), options) else {
            Issue.record("not accepted")
            return
        }
        #expect(greeting.framing == framing)
        #expect(greeting.dataCenterWire == -203)
    }

    @Test("FakeTLS is accepted in every shape", arguments: ClientHelloOptions.Shape.allCases, [0, 7, 32])
    func fakeTLS(shape: ClientHelloOptions.Shape, sessionIDLength: Int) async throws {
        let hello = ClientHelloOptions(
            shape: shape,
            serverName: sessionIDLength == 7 ? .absent : .ofSecret,
            sessionIDLength: sessionIDLength,
            recordSizes: sessionIDLength == 0 ? [1, 3, 50] : []
        )
        let options = TelegramClientOptions(hello: hello, segments: sessionIDLength == 32 ? .singleBytes : .whole)
        let secret = ProxySecret(key: key(), kind: .fakeTLS(domain: "mask.example"))
        guard case .accepted(let greeting) = try await outcome(secret, options) else {
            Issue.record("not accepted")
            return
        }
        #expect(greeting.usesFakeTLS)
    }

    @Test("A wrong proof, a wrong time and old suites are what they should be")
    func strangers() async throws {
        let secret = ProxySecret(key: key(), kind: .fakeTLS(domain: "mask.example"))
        let cases: [(ClientHelloOptions, StrangerReason)] = [
            (ClientHelloOptions(breaksProof: true), .badProof),
            (ClientHelloOptions(timestampOffset: 300), .wrongTime),
            (ClientHelloOptions(timestampOffset: -300), .wrongTime),
            (ClientHelloOptions(timestamp: 12345), .wrongTime),
            (ClientHelloOptions(cipherSuites: ClientHelloOptions.oldCipherSuites), .oldTLS),
        ]
        for (hello, reason) in cases {
            let (outcomes, report) = AsyncStream.makeStream(of: ClientHandshake.Outcome.self)
            try await withKit { kit in
                let host = try await kit.keep(RecordingHost.start(Self.judge(secret) { report.yield($0) }))
                let options = TelegramClientOptions(hello: hello)
                let stream = try await TelegramClient.knock(port: host.port, secret: secret, options: options)
                var iterator = outcomes.makeAsyncIterator()
                #expect(await iterator.next() == .stranger(reason))
                await stream.close()
            }
        }
    }
}
