import MTProtoWire
import NIOCore
import ProxyTestKit
import Testing

@Suite("How the kit's middle proxy treats links", .timeLimit(.minutes(2)))
struct MiddleProxyLinkTests {
    typealias Client = MiddleProxyMiniClient

    private func message(_ payload: [UInt8]) -> [UInt8] {
        MessageEnvelope.wrap(payload, id: 5, form: .encrypted)
    }

    @Test("Frames may begin anywhere, be filled up one by one, and come in pieces")
    func styles() async throws {
        try await withKit { kit in
            let proxy = try await kit.keep(FakeMiddleProxy.start())
            let client = try await Client.open(proxy)
            for change in 0..<4 {
                proxy.change { behaviour in
                    behaviour.style.padsEachFrame = change == 1
                    behaviour.style.fillersBeforeFrame = change == 2 ? 5 : 0
                    behaviour.style.segments = change == 3 ? .every(7) : .whole
                }
                let before = await client.fillersReceived
                try await client.send((0..<8).map { Client.request(UInt64($0), message([UInt8($0), UInt8(change)])) })
                for index in 0..<8 as Range<UInt8> {
                    #expect(try await client.answer(to: UInt64(index)) == message([index, UInt8(change)]))
                }
                let fillers = await client.fillersReceived - before
                // 84 bytes a frame, so three words to fill it up alone.
                if change == 1 { #expect(fillers >= 7 * 3) }
                if change == 2 { #expect(fillers >= 8 * 5) }
            }
        }
    }

    @Test("A frame can be broken on purpose", arguments: [LinkFrame.Fault.checksum, .sequence, .length(13)])
    func faults(fault: LinkFrame.Fault) async throws {
        try await withKit { kit in
            let proxy = try await kit.keep(FakeMiddleProxy.start())
            proxy.change { $0.style.faults = [1: fault] }
            let client = try await Client.open(proxy)
            try await client.request(1, message([1]))
            #expect(try await client.answer(to: 1) == message([1]))
            try await client.request(1, message([2]))
            await #expect(throws: KitError.self) { try await client.receive() }
            let second = try await Client.open(proxy)
            let link = try await proxy.link(1)
            try await link.send([LinkWord.ping(1)], fault: .checksum)
            await #expect(throws: KitError.self) { try await second.receive() }
        }
    }

    @Test("Giant frames and lengths that nothing follows")
    func giants() async throws {
        try await withKit { kit in
            let proxy = try await kit.keep(
                FakeMiddleProxy.start(MiddleProxyBehaviour(.source(bytes: 17 << 20, size: 17 << 20))))
            let client = try await Client.open(proxy)
            try await client.request(1, message([]))
            #expect(try await client.answer(to: 1).count == 24 + 17 << 20)
            let link = try await proxy.link(0)
            try await link.send(raw: [0xfc, 0xff, 0xff, 0xff])
            await #expect(throws: KitError.self) { try await client.receive() }
        }
    }

    @Test("Pings on a timer and by hand; pongs for both sides")
    func pings() async throws {
        try await withKit { kit in
            let proxy = try await kit.keep(FakeMiddleProxy.start())
            let client = try await Client.open(proxy)
            let id = try await proxy.link(0).ping()
            #expect(try await client.receive() == LinkWord.ping(id))
            try await client.send([LinkWord.pong(id), LinkWord.ping(42)])
            #expect(try await client.receive() == LinkWord.pong(42))
            #expect(proxy.linkFacts[0].pongsReceived == [id])
            #expect(proxy.linkFacts[0].pingsReceived == [42])
            proxy.change { $0.pingInterval = .milliseconds(20) }
            for _ in 0..<3 { #expect(LinkWord.first(try #require(try await client.receive())) == LinkWord.ping) }
            proxy.change { $0.pingInterval = nil }
        }
    }

    @Test("A mute one reads and says nothing; pings of its own it still sends by hand")
    func mute() async throws {
        try await withKit { kit in
            let proxy = try await kit.keep(FakeMiddleProxy.start())
            proxy.change { $0.isMute = true }
            let client = try await Client.open(proxy)
            try await client.send([LinkWord.ping(1), Client.request(1, message([1]), flags: 0xc002_1008)])
            try await eventually { proxy.sessionFacts.first?.messagesReceived == 1 }
            await #expect(throws: KitError.self) { try await client.receive(within: .milliseconds(50)) }
            try await proxy.pingAll()
            #expect(LinkWord.first(try #require(try await client.receive())) == LinkWord.ping)
        }
    }

    @Test("One that does not read stops the sender and wakes it up again; a slow one takes its time")
    func reading() async throws {
        try await withKit { kit in
            let proxy = try await kit.keep(FakeMiddleProxy.start(MiddleProxyBehaviour(.sink)))
            proxy.change { $0.reading = .never }
            let client = try await Client.open(proxy, Client.Options(writePatience: .seconds(1)))
            let big = message([UInt8](repeating: 7, count: 1 << 20))
            await #expect(throws: KitError.self) {
                while true { try await client.request(1, big) }
            }
            #expect(proxy.sessions.isEmpty)
            proxy.change { $0.reading = .slow(bytes: 1 << 16, pause: .milliseconds(1)) }
            proxy.change { $0.reading = .eager }
            try await eventually {
                client.stream.bytesSent - (proxy.sessionFacts.first?.payloadBytesReceived ?? 0) < 2 << 20
            }
        }
    }

    @Test("Links end by the clock, by hand, with FIN or RST, and new ones open", arguments: [false, true])
    func endings(resets: Bool) async throws {
        try await withKit { kit in
            let proxy = try await kit.keep(FakeMiddleProxy.start())
            let expected: StreamEnding = resets ? .reset : .finished
            proxy.change {
                $0.linkLifetime = .milliseconds(50)
                $0.endsWithReset = resets
            }
            let first = try await Client.open(proxy)
            _ = try? await first.receive()
            #expect(first.stream.ending == expected)
            proxy.change { $0.linkLifetime = nil }
            let clients = [try await Client.open(proxy), try await Client.open(proxy)]
            try await eventually { proxy.openLinks.count == 2 }
            await proxy.endLinks(reset: resets)
            for client in clients {
                _ = try? await client.receive()
                #expect(client.stream.ending == expected)
            }
            try await eventually { proxy.openLinks.isEmpty }
            _ = try await Client.open(proxy)
            #expect(proxy.links.count == 4)
            #expect(proxy.linkFacts[0].endedAt != nil)
        }
    }

    @Test("Thirty links with thirty sessions each")
    func many() async throws {
        try await withKit { kit in
            let proxy = try await kit.keep(FakeMiddleProxy.start())
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<30 {
                    group.addTask {
                        let client = try await Client.open(proxy)
                        for connection in 0..<30 as Range<UInt64> {
                            try await client.request(connection, message([UInt8(index)]))
                            guard try await client.answer(to: connection) == message([UInt8(index)]) else {
                                throw KitError.violation("another answer")
                            }
                        }
                        await client.stream.close()
                    }
                }
                try await group.waitForAll()
            }
            #expect(proxy.sessions.count == 900)
        }
    }
}
