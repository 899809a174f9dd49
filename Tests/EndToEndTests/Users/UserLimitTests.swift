import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

/// What a user may do, over real sockets: each limit reached, and just below it. A user who is refused meets the mask
/// host like any stranger.
@Suite("Users and their limits", .serialized)
struct UserLimitTests {
    private static let form = SecretForm.fakeTLS
    private static let home = "198.51.100.1"

    /// A proxy whose only user is `anna`, with the FakeTLS secret, behind a forwarder.
    private func withAnna(
        _ behaviour: DataCenterBehaviour = .echo,
        _ limit: (inout User) -> Void,
        _ body: (RunningProxy, RecordingHost) async throws -> Void
    ) async throws {
        var anna = User(name: "anna", secrets: [Self.form.secret], origin: .declared)
        limit(&anna)
        let user = anna
        try await withForwarded(
            behaviour,
            adapt: {
                $0.secrets = []
                $0.users = [user]
            }, body)
    }

    @Test("As many sessions as the user may have, and room again when one ends")
    func connections() async throws {
        try await withAnna {
            $0.maximumConnections = 2
        } _: { proxy, host in
            let first = try await proxy.client(from: Self.home)
            let second = try await proxy.client(from: "203.0.113.9")
            #expect(proxy.control.live()["anna"] == UserLive(connections: 2, addresses: 2))
            try await proxy.showsMaskHost(host, from: Self.home, Self.form)
            #expect(proxy.refusals == ["user-connections": 1])
            await second.close()
            try await eventually("room for another session") { proxy.control.live()["anna"]?.connections == 1 }
            let third = try await proxy.client(from: Self.home)
            try await first.exchange([7])
            await first.close()
            await third.close()
        }
    }

    @Test("As many addresses as the user may have; those of one IPv6 network are one")
    func addresses() async throws {
        try await withAnna {
            $0.maximumAddresses = 2
        } _: { proxy, host in
            for address in [Self.home, "2001:db8:1:2::1", "2001:db8:1:2::2", Self.home] {
                await (try await proxy.client(from: address)).close()
            }
            try await proxy.showsMaskHost(host, from: "198.51.100.2", Self.form)
            #expect(proxy.refusals == ["user-addresses": 1])
        }
    }

    @Test("A quota ends the session that uses it up and keeps newcomers out until it is reset")
    func quota() async throws {
        try await withAnna {
            $0.quota = TrafficQuota(bytes: 200_000, period: .never)
        } _: { proxy, host in
            let client = try await proxy.client(from: Self.home)
            try await client.exchange([UInt8](repeating: 1, count: 50_000))
            #expect(proxy.refusals == [:])
            await #expect(throws: (any Error).self) {
                for _ in 0..<20 { try await client.exchange([UInt8](repeating: 2, count: 50_000)) }
            }
            try await eventually("the end in the log") {
                proxy.log.lines("session ended").contains { $0["reason"] == "user-quota" }
            }
            await client.close()
            try await proxy.showsMaskHost(host, from: Self.home, Self.form)
            #expect(proxy.refusals == ["user-quota": 1])

            var usage = UserUsage()
            usage.quotaSince = Int64(EngineState.unixTime()) + 1
            let user = User(name: "anna", secrets: [Self.form.secret], origin: .declared)
            var fresh = user
            fresh.quota = TrafficQuota(bytes: 200_000, period: .never)
            await proxy.control.replaceUsers([UserEntry(user: fresh, usage: usage)])
            await (try await proxy.client(from: Self.home)).close()
        }
    }

    @Test("Disabled, expired, or from elsewhere: not let in")
    func neverLetIn() async throws {
        let now = Int64(EngineState.unixTime())
        let (home, elsewhere) = (try Network(parsing: "198.51.100.0/24"), try Network(parsing: "192.0.2.0/24"))
        let cases: [(String, (inout User) -> Void)] = [
            ("user-disabled", { $0.isEnabled = false }),
            ("user-expired", { $0.expires = now - 1 }),
            ("user-network", { $0.refusedNetworks = [home] }),
            ("user-network", { $0.allowedNetworks = [elsewhere] }),
        ]
        for (reason, limit) in cases {
            try await withAnna(.echo, limit) { proxy, host in
                try await proxy.showsMaskHost(host, from: Self.home, Self.form)
                #expect(proxy.refusals == [reason: 1])
                #expect(proxy.log.lines("user not let in").first?["user"] == "anna")
            }
        }
    }

    @Test("Just inside: enabled, not expired yet, from an allowed network")
    func letIn() async throws {
        let networks = try [Network(parsing: "198.51.100.0/24")]
        try await withAnna {
            $0.expires = Int64(EngineState.unixTime()) + 3_600
            $0.allowedNetworks = networks
        } _: { proxy, _ in
            await (try await proxy.client(from: Self.home)).close()
            #expect(proxy.refusals == [:])
        }
    }

    @Test("A rate paces, and loses nothing")
    func rate() async throws {
        let payload = [UInt8](repeating: 3, count: 150_000)
        try await withAnna {
            $0.rateUp = 400_000
            $0.rateDown = 400_000
        } _: { proxy, _ in
            let client = try await proxy.client(from: Self.home)
            let clock = ContinuousClock()
            let time = try await clock.measure {
                for _ in 0..<4 { try await client.exchange(payload) }
            }
            // 600 kB each way at 400 kB/s, less what may be taken at once: never faster than that, however slow the machine.
            #expect(time > .milliseconds(900))
            await client.close()
        }
    }

    @Test("A user who is removed is refused at once; sessions that are open go on for a while, or end at once if asked")
    func revocation() async throws {
        try await withAnna { _ in
        } _: { proxy, host in
            let client = try await proxy.client(from: Self.home)
            await proxy.control.replaceUsers([])
            try await proxy.showsMaskHost(host, from: Self.home, Self.form)
            try await client.exchange([1, 2])
            await proxy.control.endSessions(of: "anna")
            try await client.expectEnd()
            await client.close()
            try await eventually("the end in the log") {
                proxy.log.lines("session ended").last?["reason"] == "user-revoked"
            }
        }
    }

    @Test("Users come and go and change while others are served, who notice nothing")
    func changes() async throws {
        let other = ProxySecret.foreign
        try await withAnna { _ in
        } _: { proxy, host in
            let anna = User(name: "anna", secrets: [Self.form.secret], origin: .declared)
            let ben = User(name: "ben", secrets: [other])
            let client = try await proxy.client(from: Self.home)
            for round in 0..<5 {
                await proxy.control.replaceUsers([UserEntry(user: anna), UserEntry(user: ben)])
                await (try await proxy.client(from: "203.0.113.7", secret: other)).close()
                try await client.exchange([UInt8(round)])
                await proxy.control.replaceUsers([UserEntry(user: anna)])
                var generator = SeededGenerator(seed: UInt64(round))
                let hello = FakeTLSHello(secret: other, using: &generator).wire
                try await proxy.showsMaskHost(host, from: "203.0.113.7", opening: hello)
                try await client.exchange([UInt8(round)])
            }
            await client.close()
        }
    }

    @Test("What users move is counted, once")
    func counting() async throws {
        try await withAnna { _ in
        } _: { proxy, _ in
            let client = try await proxy.client(from: Self.home)
            try await client.exchange([UInt8](repeating: 1, count: 100_000))
            let first = await proxy.control.takeUsage()["anna"] ?? UsageDelta()
            #expect(first.up > 100_000 && first.up < 110_000)
            #expect(first.down > 100_000 && first.down < 110_000)
            #expect(first.sessions == 1)
            #expect(await proxy.control.takeUsage()["anna"] == nil)
            try await client.exchange([UInt8](repeating: 1, count: 1_000))
            await client.close()
            try await eventually("the end in the log") { !proxy.log.lines("session ended").isEmpty }
            let second = await proxy.control.takeUsage()["anna"] ?? UsageDelta()
            #expect(second.up > 1_000 && second.up < 2_000)
            #expect(second.sessions == 0)
        }
    }
}
