import NIOCore
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

extension LimitSuites {
    @Suite("Strangers at the mask host") struct MaskedLimitTests {
        @Test("As many strangers as may be are passed on, the next one meets silence, and clients are not concerned")
        func bounded() async throws {
            try await withForwarded(adapt: {
                $0.listen.proxyProtocol = false
                $0.limits.masked = 2
            }) { proxy, host in
                let opening = try Stranger.unsignedHello.opening()
                var strangers = try await proxy.stalled(2, saying: opening)
                for stranger in strangers {
                    #expect(
                        Array(buffer: try await stranger.read(exactly: opening.count, within: .seconds(60))) == opening)
                }
                #expect(proxy.refusals == [:])

                let third = try await proxy.stalled(saying: opening)[0]
                try await proxy.metrics.reaches("martlet_refused_total{reason=masked-full}", 1)
                for form in SecretForm.allCases {
                    let client = try await TelegramClient.connect(port: proxy.port, secret: form.secret)
                    try await client.exchange([1])
                    await client.close()
                }
                #expect(host.facts.count == 2)
                #expect(try await [third].count(of: .silence) == 1)

                try await proxy.has(connections: 3)
                await strangers.removeLast().close()
                try await proxy.has(connections: 2)
                try await proxy.showsMaskHost(host, from: nil, opening: opening)
                #expect(proxy.refusals == ["masked-full": 1])
                for stream in strangers + [third] { await stream.close() }
            }
        }

        @Test(
            "Without a number a quarter of all connections may be strangers', and a crowd from one place is no exception"
        )
        func quarter() async throws {
            try await withForwarded(adapt: { $0.limits.connections = 40 }) { proxy, host in
                let opening = try Stranger.garbage.opening()
                let strangers = try await proxy.stalled(11, from: "198.51.100.1", saying: opening)
                try await proxy.metrics.reaches("martlet_strangers_total{reason=badSecret}", 11)
                // Above the half of the ten places, what one subnet may hold shrinks with the free ones, down to 8.
                try await eventually("the last one at the mask host") { host.facts.count == 8 }
                #expect(proxy.refusals == ["masked-full": 3])
                let client = try await proxy.client(from: "203.0.113.1")
                await client.close()
                let elsewhere = try await proxy.stalled(from: "192.0.2.1", saying: opening)[0]
                #expect(
                    Array(buffer: try await elsewhere.read(exactly: opening.count, within: .seconds(60))) == opening)
                for stream in strangers + [elsewhere] { await stream.close() }
            }
        }

        @Test("When there is room neither for a client nor at the mask host, a connection is let go and counted")
        func bothFull() async throws {
            try await withForwarded(adapt: {
                $0.listen.proxyProtocol = false
                $0.limits.halfOpen = 2
                $0.limits.masked = 1
            }) { proxy, host in
                let stalled = try await proxy.stalled(3)
                try await eventually("the third one at the mask host") { host.facts.count == 1 }
                let last = try await ByteStream.connect(port: proxy.port)
                #expect(try await last.endWithoutAWord() != .open)
                #expect(proxy.refusals == ["half-open-full": 2, "masked-full": 1])
                // The third one's bytes come back from the mask host.
                #expect(try await stalled.count(of: .silence) == 2)
                for stream in stalled { await stream.close() }
            }
        }

        @Test(
            "However many strangers are at a mask host on this machine, the next ones are not taken for the proxy itself"
        )
        func manyPorts() async throws {
            OpenFiles.allow(8_192)
            try await withForwarded(adapt: { $0.listen.proxyProtocol = false }) { proxy, host in
                // The system gives a connection to one port the number that another one has that goes elsewhere.
                let opening = try Stranger.garbage.opening()
                let held = try await proxy.stalled(600, saying: opening)
                for stream in held { try await stream.read(exactly: opening.count, within: .seconds(60)) }
                for _ in 0..<150 {
                    let stream = try await proxy.stalled(saying: opening)[0]
                    #expect(
                        Array(buffer: try await stream.read(exactly: opening.count, within: .seconds(60))) == opening)
                    await stream.close()
                }
                for stream in held { stream.closeSocket() }
                #expect(proxy.refusals == [:])
            }
        }
    }
}
