import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

extension LimitSuites {
    @Suite("Ten thousand secrets") struct ManySecretsTests {
        private static let count = 10_000
        private static let trials = "martlet_secret_trials_total"

        /// All users, each with a secret of his own, all behind one host name.
        private static let users: [User] = {
            var generator = SeededGenerator(seed: 10)
            return (0..<count).map { User(name: "user-\($0)", secrets: [secret(&generator)]) }
        }()

        private static func secret(_ generator: inout SeededGenerator) -> ProxySecret {
            ProxySecret(
                key: Block16(bytes: generator.bytes(16)) ?? Block16(), kind: .fakeTLS(domain: SecretForm.domain))
        }

        @Test(
            "A newcomer's secret is looked for once; from the same address it is known, and a wrong one is a stranger's"
        )
        func hints() async throws {
            try await Self.withUsers { proxy, host in
                for index in [0, 4_321, Self.count - 1] {
                    let address = "198.51.100.\(index % 250)"
                    let before = proxy.metrics.value(Self.trials)
                    try await Self.visit(proxy, from: address, index)
                    let after = proxy.metrics.value(Self.trials)
                    #expect(after > before)
                    for _ in 0..<3 { try await Self.visit(proxy, from: address, index) }
                    #expect(proxy.metrics.value(Self.trials) == after)
                    // The hint is the address's, not the secret's.
                    try await Self.visit(proxy, from: "203.0.113.\(index % 250)", index)
                    #expect(index == 0 || proxy.metrics.value(Self.trials) > after)
                }
                try await eventually("the ends in the log") { proxy.log.lines("session ended").count == 15 }
                let names = Set(proxy.log.lines("session ended").compactMap { $0["user"] })
                #expect(names == ["user-0", "user-4321", "user-\(Self.count - 1)"])

                let before = proxy.metrics.value(Self.trials)
                try await proxy.showsMaskHost(host, from: "198.51.100.1")
                #expect(proxy.metrics.value(Self.trials) >= before + Self.count)
                #expect(proxy.metrics.value("martlet_strangers_total{reason=badProof}") == 1)
            }
        }

        @Test("A flood of hellos with unknown secrets keeps neither those who are known nor newcomers from connecting")
        func flood() async throws {
            OpenFiles.allow(8_192)
            try await Self.withUsers { proxy, _ in
                let known = "198.51.100.1"
                try await Self.visit(proxy, from: known, 77)
                let before = try await Self.times(10) { _ in try await Self.visit(proxy, from: known, 77) }

                var generator = SeededGenerator(seed: 12)
                var flood: [ByteStream] = []
                for index in 0..<300 {
                    let hello = FakeTLSHello(secret: Self.secret(&generator), using: &generator).wire
                    flood += try await proxy.stalled(from: "203.0.113.\(index % 30)", saying: hello)
                }
                let during = try await Self.times(10) { _ in try await Self.visit(proxy, from: known, 77) }
                #expect(proxy.metrics.value("martlet_strangers_total{reason=badProof}") < flood.count)
                // A place near the middle is found half-way through.
                let newcomers = try await Self.times(5) { index in
                    try await Self.visit(proxy, from: "192.0.2.\(index)", Self.count / 2 + index)
                }
                print(
                    "figure: ten thousand secrets, ms: known client before \(figures(before)), amid 300 unknown hellos"
                        + " \(figures(during)); newcomer amid them \(figures(newcomers))")
                for stream in flood { stream.closeSocket() }
            }
        }

        // MARK: Parts

        private static func withUsers(_ body: (RunningProxy, RecordingHost) async throws -> Void) async throws {
            try await withForwarded(
                adapt: {
                    $0.secrets = []
                    $0.users = users
                }, body)
        }

        private static func visit(_ proxy: RunningProxy, from address: String, _ index: Int) async throws {
            await (try await proxy.client(from: address, secret: users[index].secrets[0])).close()
        }

        private static func times(_ count: Int, _ body: (Int) async throws -> Void) async throws -> [Duration] {
            var times: [Duration] = []
            for index in 0..<count { times.append(try await measured { try await body(index) }.time) }
            return times
        }
    }
}
