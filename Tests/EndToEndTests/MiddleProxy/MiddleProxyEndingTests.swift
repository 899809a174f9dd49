import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("Ends of sessions over middle proxies", .timeLimit(.minutes(4)))
struct MiddleProxyEndingTests {
    /// More than small sockets take, less than makes a link pause.
    private static let answers: [[UInt8]] = (0..<44).map { index in
        [UInt8](repeating: UInt8(index), count: 5_000 + index)
    }
    private static let socketBytes = 8 << 10

    @Test(
        "Everything that came before RPC_CLOSE_EXT reaches a slow client, then the end",
        arguments: SecretForm.allCases, [true, false])
    func closedByMiddleProxy(form: SecretForm, isAtOnce: Bool) async throws {
        let behaviour = MiddleProxySessionBehaviour.script { session in
            _ = await session.receive()
            let messages = Self.answers.map { MessageEnvelope.wrap($0, id: 1, form: .encrypted) }
            if isAtOnce { return try await session.close(behind: messages) }
            for message in messages { try await session.send(message: message) }
            try await session.close()
        }
        try await withMiddleProxy(adapt: { $0.relay.socketBufferBytes = Self.socketBytes }) { proxy, middle in
            let neighbour = try await proxy.settledMessenger()
            middle.enqueue(behaviour)
            let connect = ConnectOptions(receiveBufferBytes: Self.socketBytes, timeout: .seconds(60))
            let client = try await proxy.messenger(form, connect: connect)
            client.setReading(paused: true)
            try await client.send([1])
            let session = try await middle.session(1)
            try await eventually(timeout: .seconds(60), "the close") { session.facts.sentClose }
            // The proxy has learned of it by then.
            try await neighbour.exchange([2])
            client.setReading(paused: false)
            for answer in Self.answers { #expect(try await client.receive() == answer) }
            #expect(try await client.receiveOrEnd() == nil)
            #expect(client.stream.ending == .finished)
            await client.close()
            #expect(try await proxy.endOfSession()["reason"] == "upstream-closed")
            #expect(!session.facts.sawClose)
            #expect(session.facts.messagesAfterClose == 0)
            await neighbour.close()
        }
    }

    @Test("RPC_CLOSE_EXT in place of an answer ends the client and nobody else")
    func closedWithoutAnswer() async throws {
        try await withMiddleProxy { proxy, middle in
            let neighbour = try await proxy.settledMessenger()
            middle.enqueue(.closes)
            let client = try await proxy.messenger()
            try await client.send([1])
            _ = try await client.waitUntilOver()
            #expect(try await proxy.endOfSession()["reason"] == "upstream-closed")
            try await neighbour.exchange([2])
            // It was not asked a second time.
            #expect(middle.sessions.count == 2)
            #expect(proxy.log.lines("route failed").isEmpty)
            #expect(proxy.keptItsLinks(middle))
            await neighbour.close()
        }
    }

    @Test("A client that goes is closed at the middle proxy, however it goes", arguments: [true, false])
    func closedByClient(isReset: Bool) async throws {
        try await withMiddleProxy { proxy, middle in
            let neighbour = try await proxy.settledMessenger()
            let client = try await proxy.settledMessenger(.fakeTLS)
            if isReset { await client.reset() } else { await client.close() }
            let session = try await middle.session(1)
            try await eventually("the close at the middle proxy") { session.facts.sawClose }
            #expect(["client-closed", "client-reset"].contains(try await proxy.endOfSession()["reason"] ?? ""))
            try await neighbour.exchange([1])
            await neighbour.close()
        }
    }

    @Test("A client that half-closes still gets the answer to what it asked")
    func halfClose() async throws {
        // More than the client's socket takes at once.
        let answer = [UInt8](repeating: 7, count: 200_000)
        let behaviour = MiddleProxySessionBehaviour.script { session in
            _ = await session.receive()
            try await session.send([1])
            _ = await session.receive()
            try await Task.sleep(for: .milliseconds(300))
            try await session.send(answer)
        }
        try await withMiddleProxy(
            MiddleProxyBehaviour(behaviour), adapt: { $0.relay.socketBufferBytes = Self.socketBytes }
        ) { proxy, _ in
            let client = try await proxy.messenger()
            try await client.exchange([1])
            try await client.send([9])
            try await client.halfClose()
            #expect(try await client.receive() == answer)
            #expect(try await client.receiveOrEnd() == nil)
            #expect(try await proxy.endOfSession()["reason"] == "client-closed")
            await client.close()
        }
    }
}
