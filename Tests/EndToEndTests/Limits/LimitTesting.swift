import MTProtoWire
import NIOCore
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

/// A time that no test reaches, ms: handshakes that are to stay half-open.
let neverMilliseconds: Int64 = 600_000

/// What a forwarder says first on behalf of a client at `address`: a PROXY protocol header of version 1.
func forwarded(_ address: String) -> [UInt8] {
    let isIPv6 = address.contains(":")
    return Array("PROXY \(isIPv6 ? "TCP6" : "TCP4") \(address) \(isIPv6 ? "::1" : "127.0.0.1") 40000 443\r\n".utf8)
}

/// Runs a test against a proxy behind a forwarder that speaks the PROXY protocol, with a data center that echoes. What
/// it does not take goes to a mask host that echoes too.
func withForwarded(
    _ behaviour: DataCenterBehaviour = .echo,
    adapt: (inout ProxyConfiguration) -> Void,
    _ body: (RunningProxy, RecordingHost) async throws -> Void
) async throws {
    try await withKit { kit in
        let host = kit.keep(try await RecordingHost.start(.echo))
        try await withProxy(
            to: .tcp, behaviour,
            adapt: {
                $0.listen.proxyProtocol = true
                $0.handshake.timeoutMilliseconds = neverMilliseconds
                $0.hide(behind: host.port)
                adapt(&$0)
            }
        ) { proxy, _ in
            try await body(proxy, host)
        }
    }
}

extension RunningProxy {
    /// How many connections were refused, by the word for the reason.
    var refusals: [String: Int] {
        let pairs = metrics.values("martlet_refused_total{").map { name, count in
            (String(name.dropFirst("martlet_refused_total{reason=".count).dropLast()), count)
        }
        return Dictionary(uniqueKeysWithValues: pairs)
    }

    /// A client at that address which has had an answer.
    func client(from address: String, _ form: SecretForm = .fakeTLS) async throws -> TelegramClient {
        try await client(from: address, secret: form.secret)
    }

    func client(from address: String, secret: ProxySecret) async throws -> TelegramClient {
        let options = TelegramClientOptions(
            leadingBytes: forwarded(address), connect: ConnectOptions(timeout: .seconds(60)), patience: .seconds(60))
        let client = try await TelegramClient.connect(port: port, secret: secret, options: options)
        try await client.exchange([1, 2, 3])
        return client
    }

    /// Connections that say this and go no further.
    func stalled(
        _ count: Int = 1, from address: String? = nil, saying opening: [UInt8] = [1, 2, 3]
    ) async throws -> [ByteStream] {
        var streams: [ByteStream] = []
        for _ in 0..<count {
            let stream = try await ByteStream.connect(port: port)
            let bytes = (address.map(forwarded) ?? []) + opening
            if !bytes.isEmpty { try await stream.write(bytes) }
            streams.append(stream)
        }
        return streams
    }

    /// Waits until that many connections are left.
    func has(connections count: Int) async throws {
        try await metrics.reaches("martlet_connections_active", count)
    }

    /// Waits until all of so many connections have been looked at with what they said: somebody who came later has had
    /// an answer and left.
    func hasLookedAt(_ count: Int) async throws {
        try await has(connections: count)
        await (try await client(from: "192.0.2.250", .plain)).close()
        try await has(connections: count)
    }

    /// Connects as a client with a good secret would and demands to meet the mask host and nothing else.
    func showsMaskHost(
        _ host: RecordingHost, from address: String?, _ form: SecretForm = .fakeTLS, segments: SegmentPlan = .whole
    ) async throws {
        var generator = SeededGenerator(seed: .random(in: 0...(.max)))
        try await showsMaskHost(host, from: address, opening: form.opening(&generator), segments: segments)
    }

    /// The mask host gets every byte as it was sent, from the first one, and its answers come back.
    func showsMaskHost(
        _ host: RecordingHost, from address: String?, opening: [UInt8], segments: SegmentPlan = .whole
    ) async throws {
        let stream = try await ByteStream.connect(port: port)
        try await stream.write(
            ByteBuffer(bytes: (address.map(forwarded) ?? []) + opening), segments: segments, pause: .milliseconds(5))
        #expect(Array(buffer: try await stream.read(exactly: opening.count, within: .seconds(60))) == opening)
        var generator = SeededGenerator(seed: 9)
        let more = generator.bytes(20_000)
        try await stream.write(more)
        #expect(Array(buffer: try await stream.read(exactly: more.count, within: .seconds(60))) == more)
        #expect(host.facts.last?.received == opening + more)
        await stream.close()
    }
}

/// What has come from a connection.
enum Met: Equatable {
    case silence, bytes, end
}

extension [ByteStream] {
    /// How many have met this so far. Takes what has come.
    func count(of wanted: Met) async throws -> Int {
        try await withThrowingTaskGroup(of: Met.self) { group in
            for stream in self {
                group.addTask {
                    do {
                        return try await stream.read(within: .milliseconds(300)) == nil ? .end : .bytes
                    } catch KitError.timedOut {
                        return .silence
                    } catch KitError.ended {
                        return .end
                    }
                }
            }
            return try await group.reduce(0) { $0 + ($1 == wanted ? 1 : 0) }
        }
    }
}

extension SecretForm {
    /// What a client with the secret says first; where that is not an answerable hello, with some more behind it.
    func opening(_ generator: inout SeededGenerator) throws -> [UInt8] {
        if self == .fakeTLS { return FakeTLSHello(secret: secret, using: &generator).wire }
        let header = try ObfuscationHeader.make(
            framing: .paddedIntermediate, dataCenterWire: 2, secret: secret.key, using: &generator)
        return header.bytes + generator.bytes(200)
    }
}

/// Durations, as a line for people: the middle one and the slowest of a hundred, ms.
func figures(_ times: [Duration]) -> String {
    let sorted = times.sorted()
    func at(_ share: Double) -> String {
        guard !sorted.isEmpty else { return "-" }
        let time = sorted[min(Int(Double(sorted.count) * share), sorted.count - 1)]
        let tenths = time.components.seconds * 10_000 + time.components.attoseconds / 100_000_000_000_000
        return "\(tenths / 10).\(tenths % 10)"
    }
    return "p50 \(at(0.5)) p99 \(at(0.99))"
}
