import ProxyPolicy
import ProxyTestKit
import Testing

/// The end of the proxy, as SIGTERM brings it: newcomers are refused, sessions may finish.
@Suite(.timeLimit(.minutes(2))) struct DrainTests {
    private func refused(_ port: Int) async -> Bool {
        do {
            await (try await ByteStream.connect(port: port)).close()
            return false
        } catch {
            return true
        }
    }

    @Test func `Sessions go on until they are done while newcomers are refused`() async throws {
        try await withKit { kit in
            let center = kit.keep(try await FakeDataCenter.start())
            let edge = kit.keep(try await WebSocketEdge.start())
            try await RunningProxy.routed {
                $0.routes.tcpAddresses = [2: [.loopback(center.port)]]
                $0.routes.webSocketAddresses = [4: [.loopback(edge.port)]]
                $0.relay.drainMilliseconds = 60_000
            } _: { proxy in
                let clients = [try await proxy.telegramClient(2), try await proxy.telegramClient(4)]
                for client in clients { try await client.converse() }
                let stopping = Task { await proxy.stop() }
                #expect(try await proxy.line("stopping")["sessions"] == "2")
                try await eventually("a refused newcomer") { await refused(proxy.port) }
                for client in clients {
                    try await client.exchange(Array(repeating: 1, count: 500_000))
                    #expect(proxy.log.lines("stopped").isEmpty)
                    await client.close()
                }
                await stopping.value
                #expect(try await proxy.line("stopped")["sessions_cut"] == "0")
                #expect(proxy.log.lines("session ended").count == 2)
            }
        }
    }

    @Test func `Sessions that are not done in time are cut in good order`() async throws {
        try await withKit { kit in
            let center = kit.keep(try await FakeDataCenter.start())
            let edge = kit.keep(try await WebSocketEdge.start())
            try await RunningProxy.routed {
                $0.routes.tcpAddresses = [2: [.loopback(center.port)]]
                $0.routes.webSocketAddresses = [4: [.loopback(edge.port)]]
                $0.relay.drainMilliseconds = 300
            } _: { proxy in
                let clients = [try await proxy.telegramClient(2), try await proxy.telegramClient(4)]
                for client in clients { try await client.converse() }
                let time = await measured { await proxy.stop() }.time
                print("drain time of 0.3 s with two sessions that stay: stopped after \(time.inSeconds)")
                for client in clients {
                    try await client.expectEnd()
                    #expect(client.stream.ending == .finished)
                    await client.close()
                }
                #expect(try await proxy.line("stopped")["sessions_cut"] == "2")
                #expect(proxy.log.lines("session ended").map { $0["reason"] } == ["drained", "drained"])
                try await eventually("the end of both sessions") {
                    center.facts[0].isOver && edge.facts[0].closeCode == 1_000
                }
            }
        }
    }

    @Test func `A download that ends within the drain time is complete`() async throws {
        let size = 8 << 20
        let sent = Noted<[UInt8]>()
        try await withKit { kit in
            let center = kit.keep(
                try await FakeDataCenter.start(
                    .script { session in
                        guard try await session.receive() != nil else { return }
                        sent.note(try await session.pump(size).value)
                        try await session.halfClose()
                        while try await session.receive() != nil {}
                    }))
            try await RunningProxy.routed {
                $0.routes.tcpAddresses = [2: [.loopback(center.port)]]
                $0.relay.drainMilliseconds = 60_000
            } _: { proxy in
                let client = try await proxy.telegramClient()
                try await client.send([1])
                let first = try await client.receive()
                let stopping = Task { await proxy.stop() }
                try await proxy.line("stopping")
                var digest = RunningDigest()
                digest.update(first)
                while let payload = try await client.receiveOrEnd() { digest.update(payload) }
                #expect(digest.count == size)
                #expect(try await sent.awaited("the end of the download") == digest.value)
                await client.close()
                await stopping.value
                #expect(try await proxy.line("stopped")["sessions_cut"] == "0")
            }
        }
    }

    @Test func `Whoever has not shown a secret yet is let go at once`() async throws {
        try await withKit { kit in
            let center = kit.keep(try await FakeDataCenter.start())
            try await RunningProxy.routed {
                $0.routes.tcpAddresses = [2: [.loopback(center.port)]]
                $0.relay.drainMilliseconds = 60_000
            } _: { proxy in
                let client = try await proxy.telegramClient()
                try await client.converse()
                // Half a header, of somebody who is surely accepted before the session that follows.
                let half = try await ByteStream.connect(port: proxy.port)
                try await half.write([UInt8](repeating: 0x41, count: 30))
                try await proxy.session()
                let stopping = Task { await proxy.stop() }
                try await proxy.line("stopping")
                try await half.waitUntilEnded(within: .seconds(60))
                try await client.exchange([1, 2, 3])
                await half.close()
                await client.close()
                await stopping.value
            }
        }
    }

    @Test(arguments: [EdgeStage.tcp, .tls, .upgrade])
    func `A route that hangs does not hold up the end`(_ stage: EdgeStage) async throws {
        try await withKit { kit in
            let edge = kit.keep(try await WebSocketEdge.start(.hang(stage)))
            try await RunningProxy.routed {
                $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
            } _: { proxy in
                let client = try await proxy.telegramClient()
                try await client.send([1])
                try await eventually("a try that got as far") {
                    switch stage {
                    case .tcp: edge.connectionCount == 1
                    case .tls: edge.facts.first?.serverName != nil
                    default: edge.facts.first?.request != nil
                    }
                }
                let time = await measured { await proxy.stop() }.time
                print("stop while a route hangs (\(stage)): \(time.inSeconds)")
                // A try may take five seconds; the end does not wait for that.
                #expect(time < .seconds(4))
                try await client.expectEnd()
                await client.close()
            }
        }
    }

    @Test func `Without drain time the end comes at once, pooled connections said goodbye to`() async throws {
        try await withKit { kit in
            let edge = kit.keep(try await WebSocketEdge.start())
            try await RunningProxy.routed {
                $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
                $0.pool.size = 2
            } _: { proxy in
                try await edge.warmedUp(2)
                await proxy.stop()
                try await eventually("two close frames") { edge.facts.allSatisfy { $0.closeCode == 1_000 } }
                #expect(try await proxy.line("stopped")["sessions_cut"] == "0")
            }
        }
    }
}
