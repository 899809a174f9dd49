import NIOCore
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

extension LimitSuites {
    @Suite("Limits per second") struct RateLimitTests {
        private static let faster = "connections come faster than limits.accepts_per_second: newcomers wait"

        @Test(
            "A subnet may begin so many handshakes a second, and what is beyond meets the mask host",
            arguments: [("198.51.100.", "198.51.101.1"), ("2001:db8:7:1::", "2001:db8:8:1::1")])
        func handshakes(_ subnet: String, _ elsewhere: String) async throws {
            try await withForwarded(adapt: { $0.limits.handshakesPerSecondPerSubnet = 1 }) { proxy, host in
                let start = ContinuousClock.now
                // What one app opens at once is never too much.
                for index in 1...8 { await (try await proxy.client(from: "\(subnet)\(index)")).close() }
                #expect(proxy.refusals == [:])

                let count = 60
                let refused = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for index in 1...count {
                        group.addTask { try await Self.isRefused(by: proxy, "\(subnet)\(index)") }
                    }
                    return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
                let seconds = Int((ContinuousClock.now - start).components.seconds)
                #expect(refused >= count - seconds - 1)
                #expect(proxy.refusals == ["subnet-rate": refused])
                #expect(host.facts.count == refused)

                await (try await proxy.client(from: elsewhere)).close()
                #expect(proxy.refusals == ["subnet-rate": refused])
            }
        }

        /// Begins as a client does. Who is let in gets a ServerHello (16 03 03), who is not his own hello (16 03 01), which
        /// the mask host sends back.
        private static func isRefused(by proxy: RunningProxy, _ address: String) async throws -> Bool {
            var generator = SeededGenerator(seed: .random(in: 0...(.max)))
            let hello = try SecretForm.fakeTLS.opening(&generator)
            let stream = try await proxy.stalled(from: address, saying: hello)[0]
            let start = Array(buffer: try await stream.read(exactly: 3, within: .seconds(60)))
            if start == [0x16, 3, 1] {
                let rest = Array(buffer: try await stream.read(exactly: hello.count - 3, within: .seconds(60)))
                #expect(start + rest == hello)
            } else {
                #expect(start == [0x16, 3, 3])
            }
            await stream.close()
            return start == [0x16, 3, 1]
        }

        @Test("Above the rate of accepting newcomers wait, nobody is turned away, and the gate moves seldom")
        func accepts() async throws {
            let perSecond = 20
            try await withProxy(to: .tcp, adapt: { $0.limits.acceptsPerSecond = perSecond }) { proxy, open in
                let start = ContinuousClock.now
                // A second's worth may come at once.
                try await crowd(perSecond - 1, proxy)
                #expect(proxy.log.lines(Self.faster).isEmpty)

                try await crowd(3 * perSecond, proxy)
                let time = ContinuousClock.now - start
                let total = 4 * perSecond - 1
                #expect(open.desk.sessions.count == total)
                // All but the first second's worth at the rate; the clock counts in whole milliseconds.
                #expect(time >= .milliseconds((total - perSecond) * 1_000 / perSecond - 50))
                #expect(proxy.refusals == [:])
                // It opens again when half a second's worth may come.
                let openings = 3 * perSecond / (perSecond / 2)
                #expect((1...openings + 1).contains(proxy.log.lines(Self.faster).count))
            }
        }

        private func crowd(_ count: Int, _ proxy: RunningProxy) async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<count {
                    group.addTask {
                        let client = try await TelegramClient.connect(
                            port: proxy.port, secret: SecretForm.plain.secret,
                            options: TelegramClientOptions(patience: .seconds(60)))
                        try await client.exchange([UInt8(index)])
                        await client.close()
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}
