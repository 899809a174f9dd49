import MTProtoWire
import NIOCore
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

extension ListenerSuites {
    @Suite("MTProto over HTTP") struct HTTPQueryTests {
        private static func message(_ text: String, id: UInt64 = 1) -> [UInt8] {
            MessageEnvelope.wrap(Array(text.utf8), id: id, form: .encrypted)
        }

        private static func accept(_ configuration: inout ProxyConfiguration) {
            configuration.listen.transports = [.http, .fakeTLS, .padded]
        }

        private static func client(_ proxy: RunningProxy) async throws -> WebClient {
            WebClient(try await ByteStream.connect(port: proxy.port))
        }

        @Test("Each message is answered, over either route, on one connection", arguments: Way.allCases)
        func answers(_ way: Way) async throws {
            try await withProxy(to: way, adapt: Self.accept) { proxy, open in
                var client = try await Self.client(proxy)
                for (index, size) in [1, 100, 70_000, 1_000_000, 3].enumerated() {
                    let text = String(repeating: "q", count: size)
                    let answer = try await client.request(
                        "POST", index % 2 == 0 ? "/api" : "/apiw1", host: "proxy",
                        body: Self.message(text, id: UInt64(index) + 1))
                    #expect(answer.status == 200)
                    #expect(try MessageEnvelope.unwrap(answer.body) == Array(text.utf8))
                    #expect(answer["Content-Type"] == "application/octet-stream")
                    #expect(answer["Cache-Control"] == "no-store" && answer["Pragma"] == "no-cache")
                    #expect((answer["Access-Control-Allow-Origin"] == "*") == (index % 2 == 1))
                }
                await client.stream.close()
                #expect(open.desk.sessions.count == 1)
                #expect(try await open.desk.session(0).facts.framing == .intermediate)
                let end = try await proxy.endOfSession(0)
                #expect(end["user"] == "anyone")
            }
        }

        @Test("A browser is told what it may ask")
        func preflight() async throws {
            try await withProxy(to: .tcp, adapt: Self.accept) { proxy, open in
                var client = try await Self.client(proxy)
                let allowed = try await client.request("OPTIONS", "/apiw1", host: "proxy")
                #expect(allowed.status == 200 && allowed.body.isEmpty)
                #expect(allowed["Access-Control-Allow-Methods"] == "POST, OPTIONS")
                #expect(allowed["Access-Control-Allow-Headers"] == "origin, content-type")
                #expect(allowed["Access-Control-Max-Age"] == "1728000")
                let other = try await client.request("OPTIONS", "/api", host: "proxy")
                #expect(other.status == 200 && other["Access-Control-Allow-Origin"] == nil)
                await client.stream.close()
                #expect(open.desk.sessions.isEmpty)
            }
        }

        @Test(
            "A wrong request is told so, and the connection closes",
            arguments: [
                ("POST", "/api12345678901234567", 56, 414), ("POST", "/api", 58, 404), ("POST", "/api", 8, 404),
                ("POST", "/api", 1_044_480, 413),
            ])
        func refused(method: String, path: String, length: Int, status: Int) async throws {
            try await withProxy(to: .tcp, adapt: Self.accept) { proxy, open in
                var client = try await Self.client(proxy)
                let body = [UInt8](repeating: 1, count: min(length, 100))
                let head = "\(method) \(path) HTTP/1.1\r\nHost: p\r\nContent-Length: \(length)\r\n\r\n"
                try await client.stream.write(ByteBuffer(bytes: Array(head.utf8) + body))
                let answer = try await client.readResponse()
                #expect(answer.status == status && answer["Connection"] == "close")
                _ = try await client.stream.readToEnd()
                await client.stream.close()
                #expect(open.desk.sessions.isEmpty)
            }
        }

        @Test("Behind a first request others are judged as strictly: 411, 501 and 400")
        func laterRequests() async throws {
            let wrong = [
                ("POST /api HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
                ("GET /api HTTP/1.1\r\nHost: p\r\n\r\n", 501), ("\u{1}\u{2}\r\n\r\n", 400),
                ("GET / HTTP/1.1\r\nHost: p\r\n\r\n", 404),
            ]
            try await withProxy(to: .tcp, adapt: Self.accept) { proxy, _ in
                for (text, status) in wrong {
                    var client = try await Self.client(proxy)
                    let first = try await client.request("POST", "/api", host: "p", body: Self.message("hello"))
                    #expect(first.status == 200)
                    try await client.stream.write(ByteBuffer(string: text))
                    #expect(try await client.readResponse().status == status)
                    _ = try await client.stream.readToEnd()
                    await client.stream.close()
                }
            }
        }

        @Test("Behind a refusal nothing more is answered, whatever comes")
        func brokenTail() async throws {
            let refused = "POST /nothing HTTP/1.1\r\nHost: p\r\nContent-Length: 3\r\n\r\nabc"
            let broken = "OPTIONS /api HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"
            try await withProxy(to: .tcp, adapt: Self.accept) { proxy, _ in
                for tail in ["\u{1}\u{2}\r\n\r\n", broken] {
                    var client = try await Self.client(proxy)
                    let first = try await client.request("POST", "/api", host: "p", body: Self.message("hello"))
                    #expect(first.status == 200)
                    try await client.stream.write(ByteBuffer(string: refused + tail))
                    #expect(try await client.readResponse().status == 404)
                    let rest = (try? await client.stream.readToEnd()) ?? ByteBuffer()
                    #expect(!String(buffer: rest).contains("HTTP/"))
                    await client.stream.close()
                }
            }
        }

        @Test("Requests that come at once are answered one after the other")
        func pipelined() async throws {
            try await withProxy(to: .tcp, adapt: Self.accept) { proxy, _ in
                var client = try await Self.client(proxy)
                var bytes = ByteBuffer()
                for index in 0..<20 {
                    let body = Self.message("message \(index)", id: UInt64(index) + 1)
                    bytes.writeString("POST /api HTTP/1.1\r\nHost: p\r\nContent-Length: \(body.count)\r\n\r\n")
                    bytes.writeBytes(body)
                }
                try await client.stream.write(bytes)
                for index in 0..<20 {
                    let answer = try await client.readResponse()
                    #expect(try MessageEnvelope.unwrap(answer.body) == Array("message \(index)".utf8))
                }
                await client.stream.close()
            }
        }

        @Test("Who asks and does not read is not read either, and gets every answer once he reads")
        func slowReader() async throws {
            try await withProxy(to: .tcp, adapt: Self.accept) { proxy, open in
                let text = String(repeating: "q", count: 400_000)
                let body = Self.message(text)
                let head = "POST /api HTTP/1.1\r\nHost: p\r\nContent-Length: \(body.count)\r\n\r\n"
                let request = ByteBuffer(bytes: Array(head.utf8) + body)
                var client = try await Self.client(proxy)
                let stream = client.stream
                let asking = Task { for _ in 0..<60 { try await stream.write(request) } }
                let received = { @Sendable in open.desk.facts.first?.packetsReceived ?? 0 }
                try await eventually("the first questions") { received() > 2 }
                // What systems keep for a connection is full at some time; then nothing moves any more.
                var before = 0
                while received() > before {
                    before = received()
                    try await Task.sleep(for: .milliseconds(500))
                }
                #expect(before < 60)
                for _ in 0..<60 {
                    let answer = try await client.readResponse()
                    #expect(try answer.status == 200 && MessageEnvelope.unwrap(answer.body) == Array(text.utf8))
                }
                try await asking.value
                await stream.close()
            }
        }

        @Test("Thousands of small questions at once are answered without piling up")
        func crowdOfQuestions() async throws {
            let count = 10_000
            try await withProxy(to: .tcp, adapt: Self.accept) { proxy, _ in
                var client = try await Self.client(proxy)
                let stream = client.stream
                let requests = ByteBuffer(
                    string: String(repeating: "OPTIONS /api HTTP/1.1\r\nHost: p\r\n\r\n", count: count))
                let asking = Task { try await stream.write(requests) }
                for _ in 0..<count {
                    let answer = try await client.readResponse()
                    guard answer.status == 200 else { return #expect(answer.status == 200) }
                }
                try await asking.value
                await stream.close()
            }
        }

        @Test("What a data center refuses becomes a status", arguments: [-404, -429] as [Int32])
        func transportError(_ code: Int32) async throws {
            try await withProxy(to: .tcp, .transportError(code), adapt: Self.accept) { proxy, _ in
                var client = try await Self.client(proxy)
                let answer = try await client.request("POST", "/api", host: "p", body: Self.message("x"))
                #expect(answer.status == Int(-code) && answer.body.isEmpty)
                await client.stream.close()
            }
        }

        @Test("Where no data center can be reached the client is told")
        func noRoute() async throws {
            try await withProxy(
                to: .tcp,
                adapt: {
                    Self.accept(&$0)
                    $0.routes.tcpAddresses = [:]
                }
            ) { proxy, _ in
                var client = try await Self.client(proxy)
                let answer = try await client.request("POST", "/api", host: "p", body: Self.message("x"))
                #expect(answer.status == 500 && answer["Connection"] == "close")
                await client.stream.close()
            }
        }

        @Test("A middle proxy learns that it is HTTP, who asks, and from where, if a trusted server says so")
        func middleProxy() async throws {
            try await withMiddleProxy(adapt: {
                Self.accept(&$0)
                $0.middleProxy.adTag = AdTag("00112233445566778899aabbccddeeff")
            }) { proxy, middle in
                var client = try await Self.client(proxy)
                let real = [HTTPField("X-Real-IP", "203.0.113.9"), HTTPField("X-Real-Port", "4711")]
                let info = [HTTPField("Origin", "https://web.example"), HTTPField("User-Agent", "Mozilla/5.0")]
                let answer = try await client.request(
                    "POST", "/apiw", host: "p", fields: real + info, body: Self.message("hello"))
                #expect(answer.status == 200)
                #expect(try MessageEnvelope.unwrap(answer.body) == Array("hello".utf8))
                let facts = try #require(middle.sessionFacts.first)
                #expect(facts.flags == 0x300d)
                #expect(facts.httpInfo == ["https://web.example", "", "Mozilla/5.0"])
                #expect(facts.client.description == "203.0.113.9:4711")
                #expect(facts.adTag?.first == 0 && facts.adTag?.last == 0xff)
                // The next request of the same connection may be another client's.
                let other = [HTTPField("X-Real-IP", "2001:db8::7")]
                _ = try await client.request(
                    "POST", "/api", host: "p", fields: other, body: Self.message("again", id: 2))
                #expect(middle.sessionFacts.first?.client.address == IPAddress("2001:db8::7"))
                await client.stream.close()
            }
        }

        @Test("Whom nobody trusts is not believed")
        func untrusted() async throws {
            try await withMiddleProxy(adapt: {
                Self.accept(&$0)
                $0.listen.trustedSources = []
            }) { proxy, middle in
                var client = try await Self.client(proxy)
                _ = try await client.request(
                    "POST", "/api", host: "p", fields: [HTTPField("X-Real-IP", "203.0.113.9")],
                    body: Self.message("hello"))
                #expect(middle.sessionFacts.first?.client.address.isLoopback == true)
                await client.stream.close()
            }
        }

        @Test(
            "Other requests, and all of them where it is not offered, belong to the mask host",
            arguments: [true, false])
        func strangers(isOffered: Bool) async throws {
            try await withKit { kit in
                let host = kit.keep(try await RecordingHost.start(.echo))
                try await withProxy(
                    to: .tcp,
                    adapt: {
                        if isOffered { Self.accept(&$0) }
                        $0.hide(behind: host.port)
                    }
                ) { proxy, open in
                    let requests = ["GET /api HTTP/1.1\r\n\r\n", "POST /other HTTP/1.1\r\n\r\n"]
                    for text in requests + (isOffered ? [] : ["POST /api HTTP/1.1\r\n\r\n"]) {
                        let stream = try await ByteStream.connect(port: proxy.port)
                        try await stream.write(ByteBuffer(string: text))
                        let echo = try await stream.read(exactly: text.utf8.count, within: .seconds(60))
                        #expect(String(buffer: echo) == text)
                        await stream.close()
                    }
                    #expect(open.desk.sessions.isEmpty)
                }
            }
        }
    }
}
