import MTProtoWire
import NIOCore
import ProxyTestKit
import Testing

@Suite("How the kit's middle proxy opens links", .timeLimit(.minutes(2)))
struct MiddleProxyOpeningTests {
    typealias Client = MiddleProxyMiniClient

    static let faults: [(MiddleProxyOpening.Fault, Set<String>)] = [
        (.closesAtOnce, ["closed before nonce", "reset before nonce"]),
        (.resetsAtOnce, ["reset before nonce"]),
        (.silentBeforeNonce, ["silent before nonce"]),
        (.garbage, ["nonce frame"]),
        (.wrongNonceType, ["nonce type"]),
        (.wrongSelector, ["selector"]),
        (.wrongSchema(2), ["schema"]),
        (.longNonce, ["nonce length"]),
        (.nonceFrame(.checksum), ["nonce frame"]),
        (.nonceFrame(.sequence), ["nonce frame"]),
        (.nonceFrame(.length(6)), ["nonce frame"]),
        (.bytesBehindNonce, ["bytes behind nonce"]),
        (.closesBeforeNonce, ["closed before nonce"]),
        (.closesAfterNonce, ["closed before handshake", "reset before handshake"]),
        (.silentAfterHandshake, ["silent before handshake"]),
        (.closesAfterHandshake, ["closed before handshake"]),
        (.resetsAfterHandshake, ["reset before handshake"]),
        (.handshakeError(-4), ["refused -4"]),
        (.wrongHandshakeType, ["handshake type"]),
        (.wrongProcess, ["process"]),
        (.longHandshake, ["handshake length"]),
        (.handshakeFrame(.checksum), ["handshake frame"]),
        (.handshakeFrame(.sequence), ["handshake frame"]),
        (.handshakeFrame(.length(0)), ["handshake frame"]),
        // Garbage may begin with the length of something long.
        (.wrongKey, ["handshake frame", "silent before handshake"]),
    ]

    @Test("Each fault is seen", arguments: faults)
    func fault(fault: MiddleProxyOpening.Fault, words: Set<String>) async throws {
        try await withKit { kit in
            let proxy = try await kit.keep(FakeMiddleProxy.start(.failing(fault)))
            var options = Client.Options()
            options.patience = words.contains { $0.hasPrefix("silent") } ? .seconds(5) : .seconds(30)
            let refusal = await refusal(of: proxy, options)
            #expect(words.contains(refusal), "\(refusal)")
            try await eventually { proxy.linkFacts.first?.isOver == true }
            proxy.setBehaviour(MiddleProxyBehaviour())
            _ = try await Client.open(proxy)
            #expect(proxy.linkFacts.count == 2)
        }
    }

    private func refusal(of proxy: FakeMiddleProxy, _ options: Client.Options) async -> String {
        do {
            _ = try await Client.open(proxy, options)
            return "none"
        } catch let refusal as Client.Refusal {
            return refusal.word
        } catch {
            // A reset may be there before the connection is.
            return "reset before nonce"
        }
    }

    @Test("An orderly link, with either checksum, on IPv4 and IPv6", arguments: [true, false], ["127.0.0.1", "::1"])
    func orderly(usesCRC32C: Bool, host: String) async throws {
        try await withKit { kit in
            let proxy = try await kit.keep(FakeMiddleProxy.start(listen: ListenOptions(host: host)))
            proxy.change { $0.opening.acceptsCRC32C = usesCRC32C }
            let client = try await Client.open(proxy)
            #expect(await client.usesCRC32C == usesCRC32C)
            let facts = try await proxy.link(0).facts
            #expect(facts.keySelector == 0x0302_0100)
            #expect(facts.schema == 1)
            #expect(facts.handshakeFlags == 0x800)
            #expect(facts.senderProcess == Client.process)
            #expect(facts.usesCRC32C == usesCRC32C)
            #expect(facts.peer?.port == client.stream.localAddress?.port.map { UInt16($0) })
            #expect(facts.proxyNonce.count == 16)
            try await client.request(1, MessageEnvelope.wrap([1, 2, 3], id: 1, form: .encrypted))
            #expect(try MessageEnvelope.unwrap(try await client.answer(to: 1)) == [1, 2, 3])
            await client.stream.close()
            try await eventually { proxy.linkFacts.first?.isOver == true }
            #expect(proxy.linkFacts.first?.failure == nil)
            #expect(proxy.linkFacts.first?.ending == .finished)
        }
    }

    @Test("Who does not offer CRC-32C does not get it")
    func noOffer() async throws {
        try await withKit { kit in
            let proxy = try await kit.keep(FakeMiddleProxy.start())
            let client = try await Client.open(proxy, Client.Options(flags: 0))
            #expect(await client.usesCRC32C == false)
            proxy.change { $0.opening.handshakeFlags = 0x11 }
            await #expect(throws: Client.Refusal("flags")) { _ = try await Client.open(proxy) }
        }
    }

    @Test("A wrong secret, a wrong address, a wrong clock and its own wrong clock")
    func strangers() async throws {
        try await withKit { kit in
            let proxy = try await kit.keep(FakeMiddleProxy.start())
            let other = Client.Options(secret: [UInt8](repeating: 9, count: 32))
            await #expect(throws: Client.Refusal("closed before nonce")) { _ = try await Client.open(proxy, other) }
            let lost = Client.Options(believes: IPAddress("192.0.2.1"))
            await #expect(throws: Client.Refusal("closed before handshake")) { _ = try await Client.open(proxy, lost) }
            let early = Client.Options(clockOffset: -5)
            _ = try await Client.open(proxy, early)
            proxy.change { $0.opening.skewSeconds = -100 }
            let late = Client.Options(clockOffset: -100)
            await #expect(throws: Client.Refusal("closed before handshake")) { _ = try await Client.open(proxy, late) }
            await #expect(throws: Client.Refusal("skew")) { _ = try await Client.open(proxy) }
            #expect(proxy.linkFacts[0].failure == "the proxy has another secret")
            #expect(proxy.linkFacts[1].failure?.hasPrefix("cannot decipher") == true)
            #expect(proxy.linkFacts[3].failure?.hasPrefix("the proxy's clock differs") == true)
        }
    }

    @Test("Behind a NAT only who knows its public address gets through")
    func translated() async throws {
        try await withKit { kit in
            let proxy = try await kit.keep(FakeMiddleProxy.start())
            let address = try #require(IPAddress("203.0.113.7"))
            proxy.change { $0.opening.seesProxyAt = address }
            await #expect(throws: Client.Refusal("closed before handshake")) { _ = try await Client.open(proxy) }
            _ = try await Client.open(proxy, Client.Options(believes: address))
            #expect(proxy.openLinks.count == 1)
        }
    }

    @Test("Diffie-Hellman, and its refusal")
    func exchange() async throws {
        try await withKit { kit in
            kit.tolerateViolations()
            let proxy = try await kit.keep(FakeMiddleProxy.start())
            let options = Client.Options(prime: LinkExchange.testPrime)
            await #expect(throws: Client.Refusal("closed before nonce")) { _ = try await Client.open(proxy, options) }
            #expect(proxy.violations.count == 1)
            proxy.change { $0.opening.prime = LinkExchange.testPrime }
            _ = try await Client.open(proxy, options)
            let facts = try await proxy.link(1).facts
            #expect(facts.schema == 3)
            #expect(facts.groupSelector == 0x0062_0b93)
            _ = try await Client.open(proxy)
        }
    }

    @Test("Queued openings, fillers, first payloads and delays")
    func extras() async throws {
        try await withKit { kit in
            let proxy = try await kit.keep(FakeMiddleProxy.start())
            proxy.enqueue(faults: .closesAfterHandshake, .wrongProcess)
            await #expect(throws: Client.Refusal("closed before handshake")) { _ = try await Client.open(proxy) }
            await #expect(throws: Client.Refusal("process")) { _ = try await Client.open(proxy) }
            var opening = MiddleProxyOpening()
            opening.fillersBehindNonce = 1
            opening.firstPayloads = [LinkWord.ping(7), LinkWord.ping(8)]
            opening.delay = .milliseconds(50)
            proxy.enqueue(opening)
            let (client, time) = try await measured { try await Client.open(proxy) }
            #expect(time >= .milliseconds(100))
            #expect(try await client.receive() == LinkWord.ping(7))
            #expect(try await client.receive() == LinkWord.ping(8))
            #expect(await client.fillersReceived >= 1)
        }
    }
}
