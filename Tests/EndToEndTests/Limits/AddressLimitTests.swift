import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

extension LimitSuites {
    @Suite("Connections per address and per subnet") struct AddressLimitTests {
        /// Three addresses that fill a group, one more of it, and one of the next group.
        struct Group: Sendable, CustomTestStringConvertible {
            var testDescription: String
            var isSubnet: Bool
            var filling: [String]
            var next: String
            var elsewhere: String
            var reason: String

            func limit(_ limits: inout ProxyConfiguration.Limits) {
                if isSubnet { limits.perSubnet = 3 } else { limits.perAddress = 3 }
            }

            static let all = [
                Group(
                    testDescription: "an IPv4 address", isSubnet: false,
                    filling: ["198.51.100.1", "198.51.100.1", "198.51.100.1"], next: "198.51.100.1",
                    elsewhere: "198.51.100.2", reason: "address-full"),
                Group(
                    testDescription: "an IPv6 /64", isSubnet: false,
                    filling: ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:ff::3"], next: "2001:db8:1:2::4",
                    elsewhere: "2001:db8:1:3::1", reason: "address-full"),
                Group(
                    testDescription: "an IPv4 /24", isSubnet: true,
                    filling: ["198.51.100.1", "198.51.100.2", "198.51.100.200"], next: "198.51.100.4",
                    elsewhere: "198.51.101.1", reason: "subnet-full"),
                Group(
                    testDescription: "an IPv6 /48", isSubnet: true,
                    filling: ["2001:db8:1:1::1", "2001:db8:1:2::1", "2001:db8:1:ff00::1"], next: "2001:db8:1:4::1",
                    elsewhere: "2001:db8:2:1::1", reason: "subnet-full"),
            ]
        }

        @Test(
            "A group may have as many as it may, the next one meets the mask host, and room is made by leaving",
            arguments: Group.all)
        func bounded(_ group: Group) async throws {
            try await withForwarded(adapt: { group.limit(&$0.limits) }) { proxy, host in
                var clients: [TelegramClient] = []
                for (index, address) in group.filling.enumerated() {
                    clients.append(try await proxy.client(from: address, SecretForm.allCases[index]))
                }
                #expect(proxy.refusals == [:])

                // In one piece with the forwarder's header, and behind it.
                for form in SecretForm.allCases { try await proxy.showsMaskHost(host, from: group.next, form) }
                try await proxy.showsMaskHost(
                    host, from: group.next, segments: .sizes([forwarded(group.next).count, 100]))
                #expect(proxy.refusals == [group.reason: 4])
                #expect(proxy.metrics.value("martlet_strangers_total{reason=notAdmitted}") == 4)

                let other = try await proxy.client(from: group.elsewhere)
                for client in clients { try await client.exchange([9]) }
                try await proxy.has(connections: 4)
                await clients.removeLast().close()
                try await proxy.has(connections: 3)
                let newcomer = try await proxy.client(from: group.next)
                #expect(proxy.refusals == [group.reason: 4])
                for client in clients + [other, newcomer] { await client.close() }
            }
        }

        @Test("Without a mask host who is refused meets silence, and the end that all strangers meet")
        func silence() async throws {
            let deadline: Int64 = 700
            try await withProxy(
                to: .tcp,
                adapt: {
                    $0.listen.proxyProtocol = true
                    $0.limits.perAddress = 1
                }
            ) { proxy, _ in
                let first = try await proxy.client(from: "198.51.100.1")
                var generator = SeededGenerator(seed: 5)
                let stream = try await proxy.stalled(
                    from: "198.51.100.1", saying: try SecretForm.fakeTLS.opening(&generator))[0]
                try await proxy.metrics.reaches("martlet_refused_total{reason=address-full}", 1)
                for count in 0..<20 { try await first.exchange([UInt8(count)]) }
                #expect(try await [stream].count(of: .silence) == 1)
                await stream.close()
                await first.close()
            }
            try await withProxy(
                to: .tcp,
                adapt: {
                    $0.listen.proxyProtocol = true
                    $0.handshake.timeoutMilliseconds = deadline
                    // Nobody is let in, so that no client of the test has to hurry.
                    $0.limits.allowLists = ["/nonexistent/list"]
                }
            ) { proxy, _ in
                var generator = SeededGenerator(seed: 6)
                let opening = try SecretForm.fakeTLS.opening(&generator)
                let (ending, time) = try await measured {
                    try await proxy.stalled(from: "198.51.100.1", saying: opening)[0].endWithoutAWord()
                }
                #expect(ending == .finished)
                #expect(time >= .milliseconds(deadline - 10))
                #expect(proxy.refusals == ["not-allowed": 1])
            }
        }

        @Test("Clients of this machine itself are in no group")
        func loopback() async throws {
            try await withProxy(
                to: .tcp,
                adapt: {
                    $0.limits.perAddress = 1
                    $0.limits.perSubnet = 1
                    $0.limits.halfOpenPerAddress = 1
                    $0.limits.halfOpenPerSubnet = 1
                }
            ) { proxy, _ in
                let stalled = try await proxy.stalled(3)
                for form in SecretForm.allCases {
                    let client = try await TelegramClient.connect(port: proxy.port, secret: form.secret)
                    try await client.exchange([1])
                    await client.close()
                }
                #expect(proxy.refusals == [:])
                for stream in stalled { await stream.close() }
            }
        }
    }
}
