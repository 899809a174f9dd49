import MTProtoWire
import NIOCore
import ProxyTestKit
import Testing

@Suite("What the kit's middle proxy does with clients", .timeLimit(.minutes(2)))
struct MiddleProxyTalkTests {
    typealias Client = MiddleProxyMiniClient

    private func message(_ payload: [UInt8], _ form: MessageEnvelope.Form = .encrypted) -> [UInt8] {
        MessageEnvelope.wrap(payload, id: 5, form: form)
    }

    @Test("Sessions of one link are kept apart, and remembered")
    func sessions() async throws {
        try await withKit { kit in
            let proxy = try await kit.keep(FakeMiddleProxy.start())
            let client = try await Client.open(proxy)
            var generator = SeededGenerator(seed: 1)
            let payloads = (0..<20).map { _ in generator.bytes(.random(in: 0..<3000)) }
            try await client.send(
                payloads.enumerated().map { Client.request(UInt64($0 % 4), message($1), port: UInt16(6000 + $0 % 4)) }
            )
            for (index, payload) in payloads.enumerated() {
                #expect(try MessageEnvelope.unwrap(try await client.answer(to: UInt64(index % 4))) == payload)
            }
            try await client.request(9, message([1], .keyExchange), flags: 0x2002_1002, port: 7000)
            #expect(try await client.answer(to: 9) == message([1], .keyExchange))
            try await client.send([LinkWord.closeConnection(2), LinkWord.closeConnection(77)])
            try await eventually { proxy.linkFacts[0].foreignCloses == [77] }
            let facts = proxy.sessionFacts
            #expect(facts.count == 5)
            #expect(facts.map(\.sawClose) == [false, false, true, false, false])
            #expect(proxy.linkFacts[0].liveSessions == 4)
            #expect(facts[1].client.description == "198.51.100.23:6001")
            #expect(facts[1].proxy.description == "203.0.113.7:443")
            #expect(facts[1].adTag == [UInt8](repeating: 0xad, count: 16))
            #expect(facts[1].messagesReceived == 5)
            #expect(facts[1].isAbridged && !facts[1].isIntermediate)
            var digest = RunningDigest()
            for index in stride(from: 1, to: 20, by: 4) { digest.update(payloads[index]) }
            #expect(facts[1].digestReceived == digest.value)
            #expect(facts[1].digestSent == digest.value)
            #expect(facts[1].payloadBytesReceived == digest.count)
            #expect(facts[4].adTag == nil)
            #expect(facts[4].isIntermediate)
            #expect(facts[4].unencryptedMessages == 1)
            await client.stream.reset()
            try await eventually { proxy.linkFacts[0].isOver }
            #expect(proxy.linkFacts[0].ending == .reset)
            #expect(proxy.sessionFacts.allSatisfy { $0.isOver })
        }
    }

    @Test("Quick acknowledgements are given when asked for, unless told otherwise")
    func acks() async throws {
        try await withKit { kit in
            let proxy = try await kit.keep(FakeMiddleProxy.start(MiddleProxyBehaviour(.silence)))
            let client = try await Client.open(proxy)
            try await client.request(3, message([1]), flags: 0xc002_1008)
            #expect(try await client.receive() == LinkWord.simpleAck(3, confirm: 0x8000_0001))
            proxy.change { $0.sendsSimpleAcks = false }
            try await client.request(3, message([1]), flags: 0xc002_1008)
            try await eventually { proxy.sessionFacts.first?.quickAcksWanted == 2 }
            await #expect(throws: KitError.self) { try await client.receive(within: .milliseconds(50)) }
        }
    }

    @Test("Sink, source, transport error, closing: each session gets its own")
    func behaviours() async throws {
        try await withKit { kit in
            let proxy = try await kit.keep(FakeMiddleProxy.start())
            proxy.enqueue(.sink, .source(bytes: 300_001, size: 50_000, thenCloses: true), .transportError(-404))
            proxy.enqueue(.closesAfter(messages: 2), .closes, .echoBesideStrangers)
            let client = try await Client.open(proxy)
            try await client.request(1, message([1, 2]))
            try await client.request(1, message(DataCenterSession.reportRequest))
            var digest = RunningDigest()
            digest.update([1, 2])
            #expect(try MessageEnvelope.unwrap(try await client.answer(to: 1)) == digest.value)
            try await client.request(2, message([]))
            var down = RunningDigest()
            for _ in 0..<7 { down.update(try MessageEnvelope.unwrap(try await client.answer(to: 2))) }
            #expect(down.count == 300_001)
            #expect(try await client.receive() == LinkWord.closeExternal(2))
            #expect(proxy.sessionFacts[1].digestSent == down.value)
            try await client.request(3, message([1]))
            #expect(try await client.answer(to: 3) == [0x6c, 0xfe, 0xff, 0xff])
            try await client.request(4, message([1]))
            try await client.request(4, message([2]))
            #expect(try await client.answer(to: 4) == message([1]))
            #expect(try await client.answer(to: 4) == message([2]))
            #expect(try await client.receive() == LinkWord.closeExternal(4))
            try await client.request(4, message([3]))
            try await client.request(5, message([1]))
            #expect(try await client.receive() == LinkWord.closeExternal(5))
            #expect(proxy.sessionFacts[3].messagesAfterClose == 1)
            try await client.request(6, message([1]))
            #expect(try await client.answer(to: ~6) == message([1]))
            #expect(try await client.answer(to: 6) == message([1]))
            #expect(proxy.linkFacts[0].liveSessions == 3)
        }
    }

    @Test("Scripts receive messages as they came, and send what they want")
    func script() async throws {
        try await withKit { kit in
            let behaviour = MiddleProxySessionBehaviour.script { session in
                while let message = await session.receive() {
                    try await session.send(message: message.reversed())
                    try await session.send(simpleAck: 0x8765_4321)
                }
            }
            let proxy = try await kit.keep(FakeMiddleProxy.start(MiddleProxyBehaviour(behaviour)))
            let client = try await Client.open(proxy)
            for byte in [1, 2] as [UInt8] {
                try await client.request(1, message([byte]))
                #expect(try await client.answer(to: 1) == message([byte]).reversed())
                #expect(try await client.receive() == LinkWord.simpleAck(1, confirm: 0x8765_4321))
            }
            let session = try await proxy.session(0)
            try await session.close(behind: [[1, 1, 1, 1], [2, 2, 2, 2]])
            #expect(try await client.answer(to: 1) == [1, 1, 1, 1])
            #expect(try await client.answer(to: 1) == [2, 2, 2, 2])
            #expect(try await client.receive() == LinkWord.closeExternal(1))
        }
    }

    @Test("What a proxy must not send is noticed")
    func violations() async throws {
        try await withKit { kit in
            kit.tolerateViolations()
            let proxy = try await kit.keep(FakeMiddleProxy.start())
            let client = try await Client.open(proxy)
            let bad: [[UInt8]] = [
                Client.request(1, message([1]), flags: 0x6002_1008),
                Client.request(2, message([1]), flags: 0x4000_0008),
                Client.request(3, message([1]), flags: 0x4002_100a),
                Client.request(4, [1, 2, 3, 4]),
                Client.request(4, message([1]), port: 9),
                [1, 2, 3, 4],
                LinkWord.pong(1),
            ]
            for (index, payload) in bad.enumerated() {
                try await client.send([payload])
                try await eventually { proxy.violations.count == index + 1 }
            }
            #expect(proxy.linkFacts[0].unknownWords == [0x0403_0201])
            try await client.send([LinkWord.closeConnection(4), Client.request(4, message([1]))])
            try await eventually { proxy.violations.count == bad.count + 1 }
            try await client.send(raw: [5, 0, 0, 0])
            try await eventually { proxy.linkFacts[0].isOver }
            #expect(proxy.violations.count == bad.count + 2)
        }
    }
}
