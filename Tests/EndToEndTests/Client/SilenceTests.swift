import MTProtoWire
import NIOCore
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("Strangers before a proxy without a mask host, or with another answer", .serialized)
struct SilenceTests {
    private static let deadline: Int64 = 700
    /// The deadline counts in whole milliseconds.
    private static let atLeast = Duration.milliseconds(deadline - 10)

    /// What a stranger may do until it is let go.
    struct Visit: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var bytes: @Sendable () throws -> [UInt8]

        static let all: [Visit] =
            Stranger.allCases.map { stranger in Visit(testDescription: stranger.rawValue) { try stranger.opening() } }
            + [
                Visit(testDescription: "nothing at all") { [] },
                Visit(testDescription: "one byte") { [0x16] },
                Visit(testDescription: "half a header") { Array(try Stranger.foreignHeader.opening().prefix(32)) },
                Visit(testDescription: "a header but for its last byte") {
                    Array(try Stranger.foreignHeader.opening().prefix(63))
                },
                Visit(testDescription: "half a hello") { Array(try Stranger.foreignHello.opening().prefix(200)) },
                Visit(testDescription: "the start of an HTTP method") { Array("GE".utf8) },
                Visit(testDescription: "a megabyte") { [UInt8](repeating: 3, count: 1 << 20) },
            ]
    }

    @Test("Every stranger meets silence until the deadline, and the same end", arguments: Visit.all)
    func silence(_ visit: Visit) async throws {
        try await withProxy(to: .tcp, adapt: { $0.handshake.timeoutMilliseconds = Self.deadline }) { proxy, open in
            let (stream, time) = try await measured {
                let stream = try await ByteStream.connect(port: proxy.port)
                let bytes = try visit.bytes()
                if !bytes.isEmpty { try await stream.write(bytes) }
                #expect(try await stream.endWithoutAWord() == .finished)
                return stream
            }
            #expect(stream.bytesReceived == 0)
            #expect(time >= Self.atLeast)
            #expect(open.desk.sessions.isEmpty)
            await stream.close()
        }
    }

    @Test("A stranger who goes on talking through the silence is not answered and not kept longer")
    func talkative() async throws {
        try await withProxy(to: .tcp, adapt: { $0.handshake.timeoutMilliseconds = Self.deadline }) { proxy, _ in
            let (stream, time) = try await measured {
                let stream = try await ByteStream.connect(port: proxy.port)
                let chatter = Task {
                    while !Task.isCancelled { try await stream.write([0x42]) }
                }
                try await stream.waitUntilEnded(within: .seconds(60))
                chatter.cancel()
                _ = await chatter.result
                return stream
            }
            #expect(stream.bytesReceived == 0)
            #expect(time >= Self.atLeast)
            await stream.close()
        }
    }

    @Test("A stranger who leaves early is let go at once")
    func leavesEarly() async throws {
        try await withProxy(to: .tcp, adapt: { $0.handshake.timeoutMilliseconds = 600_000 }) { proxy, _ in
            for stranger in Stranger.allCases {
                let stream = try await ByteStream.connect(port: proxy.port)
                try await stream.write(stranger.opening())
                try await stream.halfClose()
                #expect(try await stream.endWithoutAWord() == .finished, "\(stranger)")
                #expect(stream.bytesReceived == 0)
            }
        }
    }

    // MARK: Behind a proven hello

    enum AfterHello: String, CaseIterable, Sendable {
        case foreignHeader, garbageRecord, plainBytes, nothing

        func bytes() throws -> [UInt8] {
            let header = Array(try Stranger.foreignHeader.opening().prefix(64))
            switch self {
            case .foreignHeader: return [0x14, 3, 3, 0, 1, 1, 0x17, 3, 3, 0, 64] + header
            case .garbageRecord: return [0x15, 3, 3, 0, 2, 2, 40]
            case .plainBytes: return header
            case .nothing: return []
            }
        }
    }

    @Test(
        "After a proven hello a bad header meets silence until the deadline, with a mask host or without",
        arguments: [
            false, true,
        ])
    func badHeaderAfterHello(hasMaskHost: Bool) async throws {
        let deadline: Int64 = 2_500
        try await withKit { kit in
            let host = kit.keep(try await RecordingHost.start(.echo))
            try await RunningProxy.with {
                $0.secrets = [SecretForm.fakeTLS.named]
                $0.handshake.timeoutMilliseconds = deadline
                if hasMaskHost { $0.hide(behind: host.port) }
            } _: { proxy in
                let port = proxy.port
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for sequel in AfterHello.allCases {
                        group.addTask {
                            let (_, time) = try await measured { try await Self.visit(port, sequel) }
                            #expect(time >= .milliseconds(deadline - 10), "\(sequel)")
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(host.facts.isEmpty)
            }
        }
    }

    /// Proves itself, reads the three records of the reply, goes wrong, and expects nothing more.
    private static func visit(_ port: Int, _ sequel: AfterHello) async throws {
        let stream = try await TelegramClient.knock(port: port, secret: SecretForm.fakeTLS.secret)
        var types: [UInt8] = []
        for _ in 0..<3 {
            let head = Array(buffer: try await stream.read(exactly: 5, within: .seconds(60)))
            types.append(head[0])
            try await stream.read(exactly: Int(head[3]) << 8 | Int(head[4]), within: .seconds(60))
        }
        #expect(types == [0x16, 0x14, 0x17], "\(sequel)")
        let bytes = try sequel.bytes()
        if !bytes.isEmpty { try await stream.write(bytes) }
        #expect(try await stream.endWithoutAWord() == .finished, "\(sequel)")
    }

    // MARK: The redirect

    private static let redirect =
        "HTTP/1.1 301 Moved Permanently\r\nLocation: https://mask.example/\r\n"
        + "Content-Length: 0\r\nConnection: close\r\n\r\n"

    @Test(
        "With the redirect option plain HTTP gets exactly a 301 to the mask host's site",
        arguments: [
            "GET / HTTP/1.1\r\nHost: proxy\r\n\r\n", "POST /form HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            "HEAD / HTTP/1.0\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\n\r\n", "CONNECT a:443 HTTP/1.1\r\n\r\n", "GET ",
        ])
    func redirect(_ request: String) async throws {
        try await withRedirect { proxy, host in
            let stream = try await ByteStream.connect(port: proxy.port)
            try await stream.write(Array(request.utf8))
            let all = try await stream.readToEnd(within: .seconds(60))
            #expect(String(buffer: all) == Self.redirect)
            #expect(stream.ending == .finished)
            #expect(host.facts.isEmpty)
        }
    }

    @Test("curl follows the redirect")
    func redirectByCurl() async throws {
        try await withRedirect { proxy, _ in
            let outcome = try await CommandProbe.curl([
                "--output", "/dev/null", "--write-out", "%{http_code} %{redirect_url}",
                "http://127.0.0.1:\(proxy.port)/some/page",
            ])
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(String(decoding: outcome.output, as: UTF8.self) == "301 https://mask.example/")
        }
    }

    @Test(
        "With the redirect option all other strangers still go to the mask host",
        arguments: [
            Stranger.garbage, .unsignedHello, .foreignHeader,
        ])
    func notRedirected(_ stranger: Stranger) async throws {
        try await withRedirect { proxy, host in
            let opening = try stranger.opening()
            let stream = try await ByteStream.connect(port: proxy.port)
            try await stream.write(opening)
            #expect(Array(buffer: try await stream.read(exactly: opening.count, within: .seconds(60))) == opening)
            #expect(host.facts.first?.received == opening)
            await stream.close()
        }
    }

    private func withRedirect(_ body: (RunningProxy, RecordingHost) async throws -> Void) async throws {
        try await withKit { kit in
            let host = kit.keep(try await RecordingHost.start(.echo))
            try await RunningProxy.with {
                $0.secrets = SecretForm.allCases.map(\.named)
                $0.hide(behind: host.port)
                $0.mask.httpAnswer = .redirect
            } _: { proxy in
                try await body(proxy, host)
            }
        }
    }
}
