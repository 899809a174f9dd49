import MTProtoWire
import NIOCore
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("Limits on how many may come", .serialized)
struct LimitTests {
    /// A handshake that is to stay half-open for the whole test.
    private static let never: Int64 = 600_000

    // MARK: Half-open

    @Test("Half-open connections of one address are bounded, and other addresses do not suffer")
    func halfOpenPerAddress() async throws {
        try await withProxy(
            to: .tcp,
            adapt: {
                $0.listen.proxyProtocol = true
                $0.handshake.timeoutMilliseconds = Self.never
                $0.limits.halfOpenPerAddress = 3
                // No room for strangers either: they are closed.
                $0.limits.masked = 0
            }
        ) { proxy, _ in
            let stalled = try await Self.stalled(10, proxy, leading: Self.header("198.51.100.1"))
            try await eventually("seven of ten to be refused") { stalled.count { $0.ending != .open } == 7 }
            let other = try await Self.client(proxy, from: "198.51.100.2")
            try await other.exchange([1])

            let held = try #require(stalled.first { $0.ending == .open })
            await held.close()
            try await eventually("room for the same address") {
                guard let client = try? await Self.client(proxy, from: "198.51.100.1") else { return false }
                let isServed = (try? await client.exchange([2])) != nil
                await client.close()
                return isServed
            }
            #expect(stalled.count { $0.ending == .open } == 2)
            try await other.exchange([3])
            await other.close()
            for stream in stalled { await stream.close() }
        }
    }

    @Test("The addresses of one IPv6 network share a bound")
    func halfOpenPerNetwork() async throws {
        try await withProxy(
            to: .tcp,
            adapt: {
                $0.listen.proxyProtocol = true
                $0.handshake.timeoutMilliseconds = Self.never
                $0.limits.halfOpenPerAddress = 3
                // No room for strangers either: they are closed.
                $0.limits.masked = 0
            }
        ) { proxy, _ in
            var stalled: [ByteStream] = []
            for index in 1...8 {
                stalled += try await Self.stalled(1, proxy, leading: Self.header("2001:db8:1:2::\(index)"))
            }
            let all = stalled
            try await eventually("five of eight to be refused") { all.count { $0.ending != .open } == 5 }
            let other = try await Self.client(proxy, from: "2001:db8:1:3::1")
            try await other.exchange([1])
            await other.close()
            for stream in stalled { await stream.close() }
        }
    }

    @Test("Finished handshakes do not count as half-open ones", arguments: SecretForm.allCases)
    func finishedHandshakes(_ form: SecretForm) async throws {
        try await withProxy(
            to: .tcp,
            adapt: {
                $0.listen.proxyProtocol = true
                $0.limits.halfOpenPerAddress = 2
            }
        ) { proxy, _ in
            var clients: [TelegramClient] = []
            for index in 0..<8 {
                let client = try await Self.client(proxy, from: "203.0.113.5", form)
                try await client.exchange([UInt8(index)])
                clients.append(client)
            }
            for client in clients { try await client.exchange([9]) }
            for client in clients { await client.close() }
        }
    }

    @Test("Half-open connections are bounded in total, and who is in already does not suffer")
    func halfOpenInTotal() async throws {
        try await withProxy(
            to: .tcp,
            adapt: {
                $0.handshake.timeoutMilliseconds = Self.never
                $0.limits.halfOpen = 4
                $0.limits.masked = 0
            }
        ) { proxy, _ in
            let client = try await TelegramClient.connect(port: proxy.port, secret: SecretForm.plain.secret)
            try await client.exchange([1])
            let stalled = try await Self.stalled(10, proxy)
            try await eventually("six of ten to be refused") { stalled.count { $0.ending != .open } == 6 }
            try await client.exchange([2])

            for stream in stalled { await stream.close() }
            try await eventually("room for a newcomer") {
                let newcomer = try? await TelegramClient.connect(port: proxy.port, secret: SecretForm.plain.secret)
                let isServed = (try? await newcomer?.exchange([3])) != nil
                await newcomer?.close()
                return isServed
            }
            await client.close()
        }
    }

    @Test("A stalled handshake gives its place back at the deadline")
    func placeAfterDeadline() async throws {
        try await withProxy(
            to: .tcp,
            adapt: {
                $0.handshake.timeoutMilliseconds = 1_500
                $0.limits.halfOpen = 2
            }
        ) { proxy, _ in
            for _ in 0..<3 {
                for stream in try await Self.stalled(5, proxy) {
                    // Refused at once, perhaps before its first bytes came: FIN or RST.
                    #expect(try await stream.endWithoutAWord() != .open)
                }
                let client = try await TelegramClient.connect(port: proxy.port, secret: SecretForm.plain.secret)
                try await client.exchange([1])
                await client.close()
            }
        }
    }

    // MARK: Connections

    @Test("At the connection limit newcomers wait, and come in when somebody leaves")
    func connectionLimit() async throws {
        try await withProxy(to: .tcp, adapt: { $0.limits.connections = 2 }) { proxy, open in
            let first = try await TelegramClient.connect(port: proxy.port, secret: SecretForm.plain.secret)
            let second = try await TelegramClient.connect(port: proxy.port, secret: SecretForm.padded.secret)
            try await first.exchange([1])
            try await second.exchange([2])

            // The kernel takes the connection; the proxy does not.
            let third = try await TelegramClient.connect(port: proxy.port, secret: SecretForm.plain.secret)
            try await third.send([3])
            try await eventually("the limit in the log") {
                !proxy.log.lines("connection limit reached: newcomers wait").isEmpty
            }
            for count in 0..<20 { try await first.exchange([UInt8(count)]) }
            #expect(third.stream.ending == .open)
            #expect(third.stream.bytesReceived == 0)
            #expect(open.desk.sessions.count == 2)

            await first.close()
            #expect(try await third.receive() == [3])
            try await second.exchange([4])
            await second.close()
            await third.close()
        }
    }

    @Test("A crowd at the connection limit is served one after the other, and nobody is turned away")
    func crowdAtTheLimit() async throws {
        try await withProxy(to: .tcp, adapt: { $0.limits.connections = 2 }) { proxy, open in
            let port = proxy.port
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<40 {
                    group.addTask {
                        let client = try await TelegramClient.connect(port: port, secret: SecretForm.plain.secret)
                        try await client.exchange([UInt8(index)])
                        await client.close()
                    }
                }
                try await group.waitForAll()
            }
            #expect(open.desk.sessions.count == 40)
        }
    }

    // MARK: Parts

    private static func header(_ address: String) -> [UInt8] {
        let family = address.contains(":") ? "TCP6" : "TCP4"
        let own = address.contains(":") ? "::1" : "127.0.0.1"
        return Array("PROXY \(family) \(address) \(own) 40000 443\r\n".utf8)
    }

    private static func client(
        _ proxy: RunningProxy, from address: String, _ form: SecretForm = .plain
    ) async throws -> TelegramClient {
        let options = TelegramClientOptions(leadingBytes: header(address), patience: .seconds(15))
        return try await TelegramClient.connect(port: proxy.port, secret: form.secret, options: options)
    }

    /// Connections that begin like a client and go no further.
    private static func stalled(
        _ count: Int, _ proxy: RunningProxy, leading: [UInt8] = []
    ) async throws -> [ByteStream] {
        var streams: [ByteStream] = []
        for _ in 0..<count {
            let stream = try await ByteStream.connect(port: proxy.port)
            try? await stream.write(leading + [1, 2, 3])
            streams.append(stream)
        }
        return streams
    }
}
