import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

extension LimitSuites {
    @Suite("Handshakes that are begun and not finished") struct HalfOpenLimitTests {
        struct Bound: Sendable, CustomTestStringConvertible {
            var testDescription: String
            /// Where the stalled ones come from, all that there is room for.
            var filling: [String]
            var next: String
            var elsewhere: String
            var reason: String
            var limit: @Sendable (inout ProxyConfiguration.Limits) -> Void

            static let all = [
                Bound(
                    testDescription: "per address", filling: Array(repeating: "198.51.100.1", count: 4),
                    next: "198.51.100.1", elsewhere: "198.51.100.2", reason: "half-open-address"
                ) { $0.halfOpenPerAddress = 4 },
                Bound(
                    testDescription: "per IPv6 /64", filling: (1...4).map { "2001:db8:1:2::\($0)" },
                    next: "2001:db8:1:2::5", elsewhere: "2001:db8:1:3::1", reason: "half-open-address"
                ) { $0.halfOpenPerAddress = 4 },
                Bound(
                    testDescription: "per IPv4 /24", filling: (1...4).map { "198.51.100.\($0)" },
                    next: "198.51.100.5", elsewhere: "198.51.101.1", reason: "half-open-subnet"
                ) { $0.halfOpenPerSubnet = 4 },
                Bound(
                    testDescription: "per IPv6 /48", filling: (1...4).map { "2001:db8:1:\($0)::1" },
                    next: "2001:db8:1:5::1", elsewhere: "2001:db8:2:1::1", reason: "half-open-subnet"
                ) { $0.halfOpenPerSubnet = 4 },
                // Half of 64 places are one provider's: the other half is for others.
                Bound(
                    testDescription: "per IPv4 /16", filling: (1...32).map { "198.51.\($0).1" },
                    next: "198.51.200.1", elsewhere: "198.18.1.1", reason: "half-open-provider"
                ) { $0.halfOpen = 64 },
            ]
        }

        @Test("A group's half-open connections are bounded, the next one meets the mask host", arguments: Bound.all)
        func bounded(_ bound: Bound) async throws {
            try await withForwarded(adapt: { bound.limit(&$0.limits) }) { proxy, host in
                var stalled: [ByteStream] = []
                for address in bound.filling.dropLast() { stalled += try await proxy.stalled(from: address) }
                try await proxy.hasLookedAt(stalled.count)
                // One place is left: enough for clients who come one after the other.
                for index in 0..<3 {
                    let client = try await proxy.client(from: bound.next, SecretForm.allCases[index])
                    await client.close()
                    try await proxy.has(connections: stalled.count)
                }
                stalled += try await proxy.stalled(from: bound.filling.last)
                try await proxy.hasLookedAt(stalled.count)
                #expect(proxy.refusals == [:])

                try await proxy.showsMaskHost(host, from: bound.next)
                try await proxy.showsMaskHost(host, from: bound.next, .padded)
                #expect(proxy.refusals == [bound.reason: 2])
                let other = try await proxy.client(from: bound.elsewhere)
                #expect(try await stalled.count(of: .silence) == stalled.count)

                try await proxy.has(connections: stalled.count + 1)
                await stalled.removeLast().close()
                try await proxy.has(connections: stalled.count + 1)
                let newcomer = try await proxy.client(from: bound.next)
                #expect(proxy.refusals == [bound.reason: 2])
                for client in [other, newcomer] { await client.close() }
                for stream in stalled { await stream.close() }
            }
        }

        @Test("Half-open connections are bounded in total, whoever they are", arguments: [false, true])
        func total(isForwarded: Bool) async throws {
            try await withForwarded(adapt: {
                $0.listen.proxyProtocol = isForwarded
                $0.limits.halfOpen = 4
            }) { proxy, host in
                var stalled: [ByteStream] = []
                for _ in 0..<4 { stalled += try await proxy.stalled() }
                try await proxy.has(connections: 4)
                #expect(proxy.refusals == [:])

                // A forwarder's header is nothing that the mask host should see, whenever the place was refused.
                let address = isForwarded ? "198.51.100.1" : nil
                for form in SecretForm.allCases { try await proxy.showsMaskHost(host, from: address, form) }
                if isForwarded {
                    try await proxy.showsMaskHost(
                        host, from: address, segments: .sizes([7, forwarded("198.51.100.1").count]))
                }
                #expect(proxy.refusals == ["half-open-full": isForwarded ? 4 : 3])
                try await proxy.has(connections: 4)

                await stalled.removeLast().close()
                try await proxy.has(connections: 3)
                let options = TelegramClientOptions(leadingBytes: address.map(forwarded) ?? [])
                let client = try await TelegramClient.connect(
                    port: proxy.port, secret: SecretForm.fakeTLS.secret, options: options)
                try await client.exchange([1])
                await client.close()
                for stream in stalled { await stream.close() }
            }
        }

        @Test("Whoever is refused takes none of the places of those who may come", arguments: [false, true])
        func refusedTakeNoPlace(hasMaskHost: Bool) async throws {
            try await withForwarded(adapt: {
                $0.limits.connections = 2_000
                $0.limits.halfOpen = 32
                $0.limits.halfOpenPerSubnet = 4
                if !hasMaskHost { ($0.mask.host, $0.mask.target) = (nil, nil) }
            }) { proxy, host in
                let flood = try await proxy.stalled(100, from: "198.51.100.1")
                try await proxy.metrics.reaches("martlet_refused_total{reason=half-open-subnet}", 96)
                for index in 0..<20 {
                    let client = try await proxy.client(from: "203.0.\(index).1", SecretForm.allCases[index % 3])
                    await client.close()
                }
                #expect(proxy.refusals == ["half-open-subnet": 96])
                if hasMaskHost { try await eventually { host.facts.count == 96 } }
                // The mask host echoes.
                #expect(try await flood.count(of: .silence) == (hasMaskHost ? 4 : 100))
                for stream in flood { await stream.close() }
            }
        }
    }
}
