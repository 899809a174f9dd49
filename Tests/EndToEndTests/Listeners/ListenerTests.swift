import MTProtoWire
import NIOCore
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

extension ListenerSuites {
    @Suite("Several listeners") struct ListenerTests {
        private static let padded = ClientOpening(transport: .padded, form: .padded, framing: .paddedIntermediate)
        private static let fakeTLS = ClientOpening(transport: .fakeTLS, form: .fakeTLS, framing: .abridged)
        private static let bare = ClientOpening(transport: .obfuscated2, form: .plain, framing: .intermediate)

        @Test("Each has rules of its own: transports, and who has to name his client")
        func ownRules() async throws {
            let directory = try TemporaryDirectory()
            let path = directory.path("proxy.socket")
            var named = ListenerConfiguration.loopback()
            named.proxyProtocol = true
            let listeners = [
                .loopback(.fakeTLS, host: try #require(IPAddress("::1"))), .unix(path).offering(.obfuscated2), named,
            ]
            try await Self.withListeners(first: .padded, listeners) { proxy, open, host in
                #expect(proxy.places.count == 4)
                #expect(proxy.places[2] == .unix(path: path, mode: 0o600))
                #expect(proxy.port == (try proxy.port(0)))
                let ports = [try proxy.port(0), try proxy.port(1), 0, try proxy.port(3)]
                let unix = ConnectOptions(socketPath: path)
                let header = forwarded("203.0.113.9")

                let clients = [
                    try await Self.padded.connect(port: ports[0]),
                    try await Self.fakeTLS.connect(port: ports[1], host: "::1"),
                    try await Self.bare.connect(port: 0, connect: unix),
                    try await Self.bare.connect(port: ports[3], leading: header),
                ]
                for client in clients { try await client.exchange([1, 2, 3]) }
                for (index, client) in clients.enumerated() {
                    await client.close()
                    let line = try await proxy.endOfSession(index)
                    #expect(line["client"] == ["127.0.0.1", "::1", "local", "203.0.113.9"][index])
                }
                #expect(host.facts.isEmpty)

                // What is right at one of them is a stranger's at another.
                try await Self.showsMaskHost(host, try await ByteStream.connect(port: ports[0]), try Self.bare.bytes())
                try await Self.showsMaskHost(
                    host, try await ByteStream.connect(port: ports[0]), header + (try Self.padded.bytes()))
                try await Self.showsMaskHost(
                    host, try await ByteStream.connect(host: "::1", port: ports[1]), try Self.bare.bytes())
                try await Self.showsMaskHost(
                    host, try await ByteStream.connect(port: 0, options: unix), try Self.fakeTLS.bytes())
                let nameless = try await ByteStream.connect(port: ports[3])
                try await nameless.write(try Self.bare.bytes())
                try await proxy.metrics.reaches("martlet_strangers_total{reason=badProxyHeader}", 1)
                #expect(host.facts.count == 4)
                #expect(open.desk.sessions.count == 4)
                await nameless.close()
            }
        }

        @Test("All listeners together have the limits that there are")
        func sharedLimits() async throws {
            let directory = try TemporaryDirectory()
            let path = directory.path("proxy.socket")
            try await Self.withListeners([.loopback(), .unix(path)], adapt: { $0.limits.connections = 2 }) {
                proxy, open, _ in
                let first = try await Self.padded.connect(port: try proxy.port(0))
                let second = try await Self.padded.connect(port: 0, connect: ConnectOptions(socketPath: path))
                try await first.exchange([1])
                try await second.exchange([2])
                let third = try await Self.padded.connect(port: try proxy.port(1))
                try await third.send([3])
                try await eventually("the limit in the log") {
                    !proxy.log.lines("connection limit reached: newcomers wait").isEmpty
                }
                for count in 0..<20 { try await first.exchange([UInt8(count)]) }
                #expect(open.desk.sessions.count == 2)
                await second.close()
                #expect(try await third.receive() == [3])
                await first.close()
                await third.close()
            }
        }

        @Test("Where the first one is off, nobody listens on its port, and the others serve")
        func isOff() async throws {
            let directory = try TemporaryDirectory()
            let path = directory.path("proxy.socket")
            let free = try await FreePort.find()
            try await Self.withListeners(
                [.unix(path), .loopback()],
                adapt: {
                    $0.listen.isOff = true
                    $0.listen.port = free
                }
            ) { proxy, _, _ in
                #expect(proxy.places.count == 2)
                #expect(proxy.port == (try proxy.port(1)))
                await #expect(throws: (any Error).self) { try await ByteStream.connect(port: free) }
                for (port, connect) in [(proxy.port, ConnectOptions()), (0, ConnectOptions(socketPath: path))] {
                    let client = try await Self.padded.connect(port: port, connect: connect)
                    try await client.exchange([1])
                    await client.close()
                }
                #expect(
                    proxy.log.lines("listening").compactMap { $0["on"] } == ["unix:\(path)", "127.0.0.1:\(proxy.port)"])
            }
            // A Unix socket is enough.
            try await Self.withListeners([.unix(path)], adapt: { $0.listen.isOff = true }) { proxy, _, _ in
                #expect(proxy.port == 0)
                let client = try await Self.padded.connect(port: 0, connect: ConnectOptions(socketPath: path))
                try await client.exchange([1])
                await client.close()
            }
        }

        @Test("On several event loops the clients of all listeners are served at once")
        func threads() async throws {
            let directory = try TemporaryDirectory()
            let path = directory.path("proxy.socket")
            try await Self.withListeners([.loopback(), .unix(path)], adapt: { $0.listen.threads = 3 }) {
                proxy, open, _ in
                let places = [
                    (try proxy.port(0), ConnectOptions()), (try proxy.port(1), ConnectOptions()),
                    (0, ConnectOptions(socketPath: path)),
                ]
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for index in 0..<60 {
                        let (port, connect) = places[index % 3]
                        group.addTask {
                            let client = try await Self.fakeTLS.connect(port: port, connect: connect)
                            for size in [1, 1_000, 100_000] {
                                try await client.exchange([UInt8](repeating: UInt8(index), count: size))
                            }
                            await client.close()
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(open.desk.sessions.count == 60)
                try await proxy.has(connections: 0)
            }
        }

        // MARK: Parts

        private static func withListeners(
            first: ClientTransports = .standard, _ listeners: [ListenerConfiguration],
            adapt: (inout ProxyConfiguration) -> Void = { _ in },
            _ body: (RunningProxy, OpenWay, RecordingHost) async throws -> Void
        ) async throws {
            try await withKit { kit in
                let host = kit.keep(try await RecordingHost.start(.echo))
                try await withProxy(
                    to: .tcp,
                    adapt: {
                        $0.listen.transports = first
                        $0.listeners = listeners
                        $0.hide(behind: host.port)
                        adapt(&$0)
                    }
                ) { proxy, open in
                    try await body(proxy, open, host)
                }
            }
        }

        private static func showsMaskHost(
            _ host: RecordingHost, _ stream: ByteStream, _ opening: [UInt8]
        ) async throws {
            try await stream.write(opening)
            #expect(Array(buffer: try await stream.read(exactly: opening.count, within: .seconds(60))) == opening)
            #expect(host.facts.last?.received == opening)
            await stream.close()
        }
    }
}

extension ListenerConfiguration {
    fileprivate func offering(_ transports: ClientTransports) -> ListenerConfiguration {
        var changed = self
        changed.transports = transports
        return changed
    }
}
