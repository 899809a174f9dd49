import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("What a middle proxy answers, as clients get it", .timeLimit(.minutes(2)))
struct MiddleProxyQuickAckTests {
    @Test("Quick acknowledgements, in padded framing in both forms", arguments: PacketFraming.allCases)
    func acknowledgements(framing: PacketFraming) async throws {
        try await withMiddleProxy { proxy, middle in
            let client = try await proxy.messenger(.padded, framing: framing)
            var expected: [UInt32] = []
            for number in 1...80 as ClosedRange<UInt32> {
                let wantsQuickAck = number % 4 != 0
                try await client.send([UInt8(number)], wantsQuickAck: wantsQuickAck)
                #expect(try await client.receive() == [UInt8(number)])
                if wantsQuickAck { expected.append(0x8000_0000 | number) }
            }
            #expect(await client.quickAcks == expected)
            let asPackets = await client.emptyPackets
            if framing == .paddedIntermediate {
                #expect((1..<expected.count).contains(asPackets))
            } else {
                #expect(asPackets == 0)
            }
            let flags = try await middle.session(0).facts.allFlags
            #expect(flags.map { $0 >> 31 == 1 } == (1...80).map { $0 % 4 != 0 })
            await client.close()
        }
    }

    @Test("Errors of four bytes pass through and end nothing", arguments: PacketFraming.allCases)
    func transportErrors(framing: PacketFraming) async throws {
        try await withMiddleProxy(MiddleProxyBehaviour(.transportError(-404))) { proxy, _ in
            let client = try await proxy.messenger(framing: framing)
            for _ in 0..<5 {
                try await client.send([1])
                await #expect(throws: KitError.transportError(-404)) { try await client.receive() }
            }
            await client.close()
            #expect(proxy.log.lines("route failed").isEmpty)
        }
    }

    @Test("A client's padding goes on as whole words, answers get 0 to 3 bytes of their own")
    func padding() async throws {
        try await withMiddleProxy { proxy, middle in
            let client = try await proxy.messenger()
            var generator = SeededGenerator(seed: 1)
            var lengths: [Int] = []
            var paddings: Set<Int> = []
            for index in 0..<96 {
                let message = MessageEnvelope.wrap([UInt8(index)], id: 4, form: .encrypted)
                try await client.send(rawPacket: message, padding: generator.bytes(index % 16))
                lengths.append((message.count + index % 16) & ~3)
                guard case .packet(let answer, _)? = try await client.receiveItem() else {
                    throw KitError.violation("no packet came back")
                }
                #expect(answer.starts(with: message))
                paddings.insert(answer.count - lengths[index])
            }
            #expect(paddings == [0, 1, 2, 3])
            #expect(try await middle.session(0).facts.messageLengths == lengths)
            await client.close()
        }
    }
}
