import MTProtoWire
import NIOCore
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("Every transport with every secret over a middle proxy", .timeLimit(.minutes(4)))
struct MiddleProxyTransportTests {
    struct Combination: Sendable, CustomTestStringConvertible {
        var framing: PacketFraming
        var form: SecretForm
        var isTagged: Bool

        var testDescription: String { "\(framing), \(form) secret, \(isTagged ? "tagged" : "without a tag")" }

        static let all = SecretForm.allCases.flatMap { form in
            PacketFraming.allCases.map { Combination(framing: $0, form: form, isTagged: form != .padded) }
        }

        /// The flags of an encrypted message that asks for nothing (observed: Telegram's own proxy).
        var flags: UInt32 {
            (framing == .abridged ? 0x4002_1000 : 0x2002_1000) | (isTagged ? 8 : 0)
        }
    }

    private static let tag = AdTag.counting(from: 0xa0)

    @Test("Requests say who asks, where, how and for which tag", arguments: Combination.all)
    func requests(_ combination: Combination) async throws {
        try await withMiddleProxy(adapt: { if combination.isTagged { $0.middleProxy.adTag = Self.tag } }) {
            proxy, middle in
            let client = try await proxy.messenger(combination.form, framing: combination.framing)
            // What a new account says first: there is no key yet.
            let question = MessageEnvelope.wrap([1, 2, 3], id: 4, form: .keyExchange)
            try await client.send(rawPacket: question)
            #expect(try await client.receive() == [1, 2, 3])
            try await client.send([9], wantsQuickAck: true)
            #expect(try await client.receive() == [9])
            var generator = SeededGenerator(seed: 1)
            for size in [0, 500, 70_000] { try await client.exchange(generator.bytes(size)) }

            let session = try await middle.session(0)
            let flags = combination.flags
            #expect(session.facts.allFlags == [flags | 2, flags | 0x8000_0000, flags, flags, flags])
            #expect(session.facts.client == (try Endpoint(of: client.stream.localAddress)))
            #expect(session.facts.proxy == (try Endpoint(of: client.stream.remoteAddress)))
            #expect(session.facts.adTag == (combination.isTagged ? Self.tag.bytes.bytes : nil))
            #expect(await client.quickAcks == [0x8000_0002])
            try await checkLink(middle)

            await client.close()
            try await eventually("the close at the middle proxy") { session.facts.sawClose }
            #expect(try await proxy.routeOfSession() == "middle-proxy dc 2")
            #expect(proxy.log.lines("route failed").isEmpty)
        }
    }

    /// What nonce and handshake of the proxy said.
    private func checkLink(_ middle: FakeMiddleProxy) async throws {
        let facts = try await middle.link(0).facts
        #expect(facts.keySelector == 0x0302_0100)
        #expect(facts.schema == 1)
        #expect(facts.handshakeFlags == 0x800)
        #expect(facts.usesCRC32C)
        // Address (4, none for loopback), port, process 0, time 0.
        let port = UInt16(middle.port)
        #expect(facts.peerProcess == [0, 0, 0, 0, UInt8(port & 0xff), UInt8(port >> 8), 0, 0, 0, 0, 0, 0])
        #expect(facts.senderProcess.count == 12)
        #expect(facts.senderProcess[4...5] == [0xff, 0xff])
    }

    @Test("Both families on either side", arguments: ["127.0.0.1", "::1"], ["127.0.0.1", "::1"])
    func families(clientSide: String, linkSide: String) async throws {
        try await withKit { kit in
            let middle = kit.keep(try await FakeMiddleProxy.start(listen: ListenOptions(host: linkSide)))
            let directory = try TemporaryDirectory()
            let files = try MiddleProxyFiles.write(config: middle.configText(), into: directory)
            let host = try #require(IPAddress(clientSide))
            try await RunningProxy.with {
                $0.goOverMiddleProxies()
                $0.listen.host = host
                $0.middleProxy.secretFile = files.secret
                $0.middleProxy.family = host.isIPv4 == (linkSide == "127.0.0.1") ? .ipv4 : .ipv6
                if linkSide == "::1" { $0.middleProxy.family = .ipv6 }
                $0.middleProxy.configFile = $0.middleProxy.family == .ipv6 ? nil : files.config
                $0.middleProxy.configFileV6 = $0.middleProxy.family == .ipv6 ? files.config : nil
            } _: { proxy in
                let client = try await proxy.messenger(.fakeTLS, host: clientSide)
                var generator = SeededGenerator(seed: 2)
                for size in [1, 3_000, 200_000] { try await client.exchange(generator.bytes(size)) }
                let facts = try await middle.session(0).facts
                #expect(facts.client == (try Endpoint(of: client.stream.localAddress)))
                #expect(facts.proxy == (try Endpoint(of: client.stream.remoteAddress)))
                #expect(facts.client.address.isIPv4 == host.isIPv4)
                let link = try await middle.link(0).facts
                #expect(link.peer?.address.isIPv4 == (linkSide == "127.0.0.1"))
                await client.close()
            }
            withExtendedLifetime(directory) {}
        }
    }

    @Test("A middle proxy that knows CRC-32 alone, one that fills up everywhere, one that cuts its bytes small")
    func styles() async throws {
        var plain = MiddleProxyBehaviour()
        plain.opening.acceptsCRC32C = false
        plain.opening.fillersBehindNonce = 3
        var filling = MiddleProxyBehaviour()
        filling.style.padsEachFrame = true
        filling.style.fillersBeforeFrame = 5
        var cutting = MiddleProxyBehaviour()
        cutting.style.segments = .every(7)
        for behaviour in [plain, filling, cutting] {
            try await withMiddleProxy(behaviour) { proxy, middle in
                let client = try await proxy.messenger()
                var generator = SeededGenerator(seed: 3)
                for size in [1, 40, 900, 30_000] { try await client.exchange(generator.bytes(size)) }
                #expect(try await middle.link(0).facts.usesCRC32C == behaviour.opening.acceptsCRC32C)
                await client.close()
            }
        }
    }

    @Test("Links with Diffie-Hellman")
    func diffieHellman() async throws {
        var behaviour = MiddleProxyBehaviour()
        behaviour.opening.prime = LinkExchange.testPrime
        try await withMiddleProxy(
            behaviour,
            adapt: {
                $0.middleProxy.diffieHellmanPrime = LinkExchange.testPrime
                // Without optimization the numbers take seconds.
                $0.middleProxy.openingMilliseconds = 120_000
            }
        ) { proxy, middle in
            try await eventually(timeout: .seconds(120), "a link") {
                let first = try await proxy.messenger()
                let isServed = await first.echoes([1])
                await first.close()
                return isServed
            }
            let client = try await proxy.settledMessenger()
            var generator = SeededGenerator(seed: 4)
            for size in [1, 3_000, 200_000] { try await client.exchange(generator.bytes(size)) }
            #expect(middle.linkFacts.contains { $0.schema == 3 && $0.isEstablished })
            await client.close()
        }
    }
}
