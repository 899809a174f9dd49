import MTProtoWire
import NIOCore
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("Clients behind a forwarder that speaks the PROXY protocol", .serialized)
struct ProxyProtocolTests {
    struct Header: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var bytes: [UInt8]
        /// Whom the log shall name.
        var client = ""
    }

    private static func text(_ line: String, client: String = "") -> Header {
        Header(testDescription: "v1 '\(line)'", bytes: Array((line + "\r\n").utf8), client: client)
    }

    private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]

    private static func binary(_ name: String, _ kinds: [UInt8], _ body: [UInt8], client: String = "") -> Header {
        let length = [UInt8(body.count >> 8), UInt8(body.count & 0xff)]
        return Header(testDescription: "v2 \(name)", bytes: signature + kinds + length + body, client: client)
    }

    private static let version4: [UInt8] = [198, 51, 100, 7, 127, 0, 0, 1, 0x9c, 0x40, 1, 0xbb]
    private static let version6: [UInt8] =
        [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x77] + [UInt8](repeating: 0, count: 15) + [1]
        + [0x9c, 0x40, 1, 0xbb]

    static let wellFormed: [Header] = [
        text("PROXY TCP4 203.0.113.9 127.0.0.1 40000 443", client: "203.0.113.9"),
        text("PROXY TCP6 2001:db8::9 ::1 40000 443", client: "2001:db8::9"),
        text("PROXY UNKNOWN", client: "127.0.0.1"),
        text("PROXY UNKNOWN and whatever else", client: "127.0.0.1"),
        binary("IPv4", [0x21, 0x11], version4, client: "198.51.100.7"),
        binary("IPv6", [0x21, 0x21], version6, client: "2001:db8::77"),
        binary("IPv4 with more fields", [0x21, 0x11], version4 + [4, 0, 2, 9, 9], client: "198.51.100.7"),
        binary("LOCAL", [0x20, 0], [], client: "127.0.0.1"),
        binary("Unix sockets", [0x21, 0x31], [UInt8](repeating: 0, count: 216), client: "127.0.0.1"),
    ]

    static let malformed: [Header] = [
        text("PROXY TCP4 203.0.113.999 127.0.0.1 40000 443"),
        text("PROXY TCP4 203.0.113.9 127.0.0.1 40000"),
        text("PROXY TCP4 203.0.113.9 127.0.0.1 40000 99999"),
        text("PROXY TCP6 203.0.113.9 127.0.0.1 40000 443"),
        text("PROXY  TCP4 203.0.113.9 127.0.0.1 40000 443"),
        text("PROXY " + String(repeating: "x", count: 200)),
        text("PROXXY TCP4 203.0.113.9 127.0.0.1 40000 443"),
        Header(testDescription: "v1 with a bare line feed", bytes: Array("PROXY UNKNOWN\n".utf8)),
        binary("of version 3", [0x31, 0x11], version4),
        binary("with an unknown command", [0x22, 0x11], version4),
        binary("with too few bytes", [0x21, 0x11], Array(version4.prefix(8))),
        binary("with an unknown family", [0x21, 0x41], version4),
        Header(testDescription: "v2 of 60 000 bytes", bytes: signature + [0x21, 0x11, 0xea, 0x60] + version4),
        Header(testDescription: "a broken signature", bytes: [13, 10, 13, 10, 1] + version4),
        Header(testDescription: "none at all", bytes: []),
    ]

    // MARK: From a trusted source

    @Test("A well-formed header names the client", arguments: wellFormed, SecretForm.allCases)
    func wellFormedHeader(_ header: Header, _ form: SecretForm) async throws {
        try await withProxy(to: .tcp, adapt: { $0.listen.proxyProtocol = true }) { proxy, _ in
            for segments in [SegmentPlan.whole, .sizes([1, header.bytes.count - 2])] {
                let client = try await TelegramClient.connect(
                    port: proxy.port,
                    secret: form.secret,
                    options: TelegramClientOptions(leadingBytes: header.bytes, segments: segments)
                )
                try await client.exchange([1, 2, 3])
                await client.close()
            }
            try await eventually("both ends in the log") { proxy.log.lines("session ended").count == 2 }
            #expect(proxy.log.lines("session ended").map { $0["client"] } == [header.client, header.client])
        }
    }

    @Test("A header one byte at a time is as good", arguments: [wellFormed[0], wellFormed[4]])
    func singleBytes(_ header: Header) async throws {
        try await withProxy(to: .tcp, adapt: { $0.listen.proxyProtocol = true }) { proxy, _ in
            let client = try await TelegramClient.connect(
                port: proxy.port,
                secret: SecretForm.fakeTLS.secret,
                options: TelegramClientOptions(leadingBytes: header.bytes, segments: .singleBytes)
            )
            try await client.exchange([1, 2, 3])
            await client.close()
            #expect(try await proxy.endOfSession()["client"] == header.client)
        }
    }

    @Test("A malformed header is answered with nothing, and the mask host hears nothing of it", arguments: malformed)
    func malformedHeader(_ header: Header) async throws {
        let deadline: Int64 = 500
        try await withKit { kit in
            let host = kit.keep(try await RecordingHost.start(.echo))
            try await withProxy(
                to: .tcp,
                adapt: {
                    $0.listen.proxyProtocol = true
                    $0.handshake.timeoutMilliseconds = deadline
                    $0.hide(behind: host.port)
                }
            ) { proxy, open in
                let port = proxy.port
                let options = TelegramClientOptions(leadingBytes: header.bytes)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for form in SecretForm.allCases {
                        group.addTask {
                            let (_, time) = try await measured {
                                let stream = try await TelegramClient.knock(
                                    port: port, secret: form.secret, options: options)
                                #expect(try await stream.endWithoutAWord() == .finished)
                            }
                            #expect(time >= .milliseconds(deadline - 10))
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(open.desk.sessions.isEmpty)
                #expect(host.facts.isEmpty)
            }
        }
    }

    @Test("A header that never ends meets the same silence", arguments: [wellFormed[0], wellFormed[4]])
    func unfinishedHeader(_ header: Header) async throws {
        let deadline: Int64 = 500
        try await withKit { kit in
            let host = kit.keep(try await RecordingHost.start(.echo))
            try await RunningProxy.with {
                $0.listen.proxyProtocol = true
                $0.handshake.timeoutMilliseconds = deadline
                $0.hide(behind: host.port)
            } _: { proxy in
                for count in [0, 5, 14, 20] {
                    let (stream, time) = try await measured {
                        let stream = try await ByteStream.connect(port: proxy.port)
                        if count > 0 { try await stream.write(Array(header.bytes.prefix(count))) }
                        #expect(try await stream.endWithoutAWord() == .finished)
                        return stream
                    }
                    #expect(stream.bytesReceived == 0)
                    #expect(time >= .milliseconds(deadline - 10))
                }
                #expect(host.facts.isEmpty)
            }
        }
    }

    @Test("A stranger behind a forwarder goes to the mask host without the header")
    func strangerBehindForwarder() async throws {
        try await withKit { kit in
            let host = kit.keep(try await RecordingHost.start(.listen))
            try await withProxy(
                to: .tcp,
                adapt: {
                    $0.listen.proxyProtocol = true
                    $0.hide(behind: host.port)
                }
            ) { proxy, _ in
                for (index, stranger) in Stranger.allCases.enumerated() {
                    let opening = try stranger.opening()
                    let stream = try await ByteStream.connect(port: proxy.port)
                    try await stream.write(Self.wellFormed[0].bytes + opening)
                    #expect(try await host.bytes(index, count: opening.count) == opening)
                    await stream.close()
                }
                let lines = proxy.log.lines("stranger")
                #expect(Set(lines.compactMap { $0["client"] }) == ["203.0.113.9"])
            }
        }
    }

    // MARK: From an untrusted source

    @Test(
        "From an untrusted source a header is a stranger's bytes, while a client without one is served",
        arguments: SecretForm.allCases)
    func untrustedSource(_ form: SecretForm) async throws {
        let network = try Network(parsing: "192.0.2.0/24")
        try await withKit { kit in
            let host = kit.keep(try await RecordingHost.start(.listen))
            try await withProxy(
                to: .tcp,
                adapt: {
                    $0.listen.proxyProtocol = true
                    $0.listen.trustedSources = [network]
                    $0.hide(behind: host.port)
                }
            ) { proxy, _ in
                for (index, header) in [Self.wellFormed[0], Self.wellFormed[4]].enumerated() {
                    let options = TelegramClientOptions(leadingBytes: header.bytes)
                    let stream = try await TelegramClient.knock(
                        port: proxy.port, secret: form.secret, options: options)
                    let bytes = try await host.bytes(index, count: stream.bytesSent)
                    #expect(bytes.starts(with: header.bytes))
                    #expect(bytes.count == stream.bytesSent)
                    await stream.close()
                }
                let client = try await TelegramClient.connect(port: proxy.port, secret: form.secret)
                try await client.exchange([1])
                await client.close()
                #expect(try await proxy.endOfSession()["client"] == "127.0.0.1")
                #expect(Set(proxy.log.lines("stranger").compactMap { $0["client"] }) == ["127.0.0.1"])
            }
        }
    }

    @Test("A trusted forwarder and a direct client can come in by the same port")
    func bothAtOnce() async throws {
        let forwarder = try Network(parsing: "127.0.0.2/32")
        try await withProxy(
            to: .tcp,
            adapt: {
                $0.listen.proxyProtocol = true
                $0.listen.trustedSources = [forwarder]
            }
        ) { proxy, _ in
            let forwarded = try await TelegramClient.connect(
                port: proxy.port,
                secret: SecretForm.padded.secret,
                options: TelegramClientOptions(
                    leadingBytes: Self.wellFormed[1].bytes, connect: ConnectOptions(source: "127.0.0.2"))
            )
            let direct = try await TelegramClient.connect(port: proxy.port, secret: SecretForm.padded.secret)
            try await forwarded.exchange([1])
            try await direct.exchange([2])
            await forwarded.close()
            #expect(try await proxy.endOfSession(0)["client"] == "2001:db8::9")
            await direct.close()
            #expect(try await proxy.endOfSession(1)["client"] == "127.0.0.1")
        }
    }
}
