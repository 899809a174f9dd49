import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

extension LimitSuites {
    @Suite("A flood of handshakes that are never finished") struct FloodTests {
        private static let flood = 1_500
        private static let visits = 40

        @Test("While one subnet floods the proxy, everybody else connects")
        func oneSubnet() async throws {
            OpenFiles.allow(16_384)
            try await withForwarded(adapt: { _ in }) { proxy, host in
                let before = try await Self.visit(proxy, "10.1")
                let streams = try await Self.begin(proxy)
                let places = ProxyConfiguration.defaults.limits.halfOpenPerSubnet
                try await proxy.metrics.reaches("martlet_refused_total{reason=half-open-subnet}", Self.flood - places)
                try await proxy.has(connections: Self.flood)

                let during = try await Self.visit(proxy, "10.2")
                #expect(proxy.refusals == ["half-open-subnet": Self.flood - places])
                #expect(try await streams.count(of: .end) == 0)
                // The flooding subnet itself has no place left, and sees the mask host.
                try await proxy.showsMaskHost(host, from: "198.51.100.77")

                for stream in streams { stream.closeSocket() }
                try await proxy.has(connections: 0)
                let after = try await Self.visit(proxy, "198.51.100", isSubnet: true)
                print(
                    "figure: flood connect ms before \(figures(before)) during \(figures(during)) after \(figures(after))"
                        + " (\(Self.flood) half-open handshakes of one /24, \(Self.visits) clients each)")
            }
        }

        /// Connects from many subnets, or many addresses of one, one after the other, and says how long each handshake took
        /// with its first answer.
        private static func visit(_ proxy: RunningProxy, _ prefix: String, isSubnet: Bool = false) async throws
            -> [Duration]
        {
            var times: [Duration] = []
            for index in 1...visits {
                let address = isSubnet ? "\(prefix).\(index)" : "\(prefix).\(index).1"
                let (client, time) = try await measured {
                    try await proxy.client(from: address, SecretForm.allCases[index % 3])
                }
                times.append(time)
                await client.close()
            }
            return times
        }

        /// Says a third of them half a hello, a third nothing behind the forwarder's header, and a third a few bytes.
        private static func begin(_ proxy: RunningProxy) async throws -> [ByteStream] {
            var generator = SeededGenerator(seed: 4)
            let hello = try SecretForm.fakeTLS.opening(&generator)
            let openings = [Array(hello.prefix(hello.count / 2)), [], [1, 2, 3]]
            return try await withThrowingTaskGroup(of: [ByteStream].self) { group in
                let tasks = 30
                for task in 0..<tasks {
                    group.addTask {
                        var streams: [ByteStream] = []
                        for index in stride(from: task, to: flood, by: tasks) {
                            let address = "198.51.100.\(1 + index % 254)"
                            streams += try await proxy.stalled(from: address, saying: openings[index % 3])
                        }
                        return streams
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
        }
    }
}
