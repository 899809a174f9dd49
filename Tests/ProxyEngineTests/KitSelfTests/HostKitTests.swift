import NIOCore
import ProxyTestKit
import Testing

@Suite("The kit's Cloudflare edge, mask host, recorder and list server", .timeLimit(.minutes(2)))
struct HostKitTests {
    private func secure(_ port: Int, _ name: String) async throws -> ByteStream {
        let configuration = try await CertificateAuthority.shared().clientConfiguration()
        return try await ByteStream.connectTLS(port: port, serverName: name, configuration: configuration)
    }

    @Test("A Worker tunnels bytes whatever the messages, and counts its quota")
    func worker() async throws {
        try await withKit { kit in
            let center = try await kit.keep(FakeDataCenter.start())
            let cloud = try await kit.keep(CloudflareEdge.start(inner: center))
            cloud.setQuota(1, retryAfter: 60)
            let target = "/apiws?dst=149.154.167.51&dc=2"
            let client = try await MiniWebSocket(port: cloud.port, host: "worker.example", target: target)
            try await client.sendHeader()
            let payload = [UInt8](repeating: 5, count: 3000)
            #expect(try await client.echo(payload) == payload)
            #expect(cloud.destinations == [["dst": "149.154.167.51", "dc": "2"]])
            #expect(center.facts.first?.dataCenterWire == 2)
            let refused = try await MiniWebSocket(port: cloud.port, host: "worker.example", target: target)
            #expect(refused.response.status == 429)
            #expect(refused.response["Retry-After"] == "60")
            try await client.send(opcode: 8, [])
            #expect(try await client.receiveFrame()?.first == 0x88)
            try await eventually { center.facts.first?.sawEnd == true }
        }
    }

    @Test("A Worker answers 426 without upgrade, 404 elsewhere, and closes when its target is dead")
    func workerErrors() async throws {
        try await withKit { kit in
            let cloud = try await kit.keep(CloudflareEdge.start())
            var web = WebClient(try await secure(cloud.port, "worker.example"))
            let plain = try await web.request("GET", "/apiws?dst=1.2.3.4&dc=2", host: "worker.example")
            #expect(plain.status == 426)
            #expect(plain.body == Array("Expected websocket".utf8))
            var other = WebClient(try await secure(cloud.port, "worker.example"))
            #expect(try await other.request("GET", "/", host: "worker.example").status == 404)
            let target = "/apiws?dst=1.2.3.4&dc=2"
            let dead = try await MiniWebSocket(port: cloud.port, host: "worker.example", target: target)
            #expect(dead.response.status == 101)
            #expect(try await dead.receiveFrame() == MiniWebSocket.Frame(first: 0x88, payload: []))
        }
    }

    @Test("A domain leads to a data center by name")
    func domain() async throws {
        try await withKit { kit in
            let cloud = try await kit.keep(CloudflareEdge.start(workers: [], domains: ["one.example", "two.example"]))
            let client = try await MiniWebSocket(port: cloud.port, host: "kws203.two.example", dataCenter: 203)
            try await client.sendHeader()
            #expect(try await client.echo([1]) == [1])
            #expect(cloud.edge.sessions.first?.host == "kws203.two.example")
            #expect(try await MiniWebSocket(port: cloud.port, host: "www.two.example").response.status == 404)
        }
    }

    @Test("A mask host serves pages, downloads and uploads, and ends as asked")
    func maskHost() async throws {
        try await withKit { kit in
            let mask = try await kit.keep(MaskHost.start())
            var web = WebClient(try await secure(mask.port, "mask.example"))
            #expect(try await web.request(host: "mask.example").body == MaskHost.page)
            let large = try await web.request("GET", "/large/300001", host: "mask.example")
            #expect(large.body == MaskHost.content(300_001))
            let upload = MaskHost.content(200_000)
            let digest = try await web.request("POST", "/digest", host: "mask.example", body: upload)
            #expect(String(decoding: digest.body, as: UTF8.self) == hex(sha256(upload)))
            #expect(try await web.request("GET", "/none", host: "mask.example").status == 404)
            await web.stream.close()
            try await eventually { mask.facts.first?.isOver == true }
            #expect(mask.facts.first?.requests.map(\.path) == ["/", "/large/300001", "/digest", "/none"])
            var half = WebClient(try await secure(mask.port, "mask.example"))
            #expect(try await half.request("GET", "/half-close", host: "mask.example").body == MaskHost.page)
            var reset = WebClient(try await secure(mask.port, "mask.example"))
            await #expect(throws: (any Error).self) {
                _ = try await reset.request("GET", "/reset", host: "mask.example")
            }
            #expect(reset.stream.ending == .reset)
        }
    }

    @Test("A recorder answers, half-closes and resets as ordered")
    func recorder() async throws {
        try await withKit { kit in
            let late = try await kit.keep(RecordingHost.start(.answerAfterHalfClose([7, 8])))
            let one = try await ByteStream.connect(port: late.port)
            try await one.write([1, 2])
            try await one.halfClose()
            #expect(try await one.readToEnd(within: .seconds(60)) == ByteBuffer(bytes: [7, 8]))
            try await eventually { late.facts.first?.received == [1, 2] && late.facts.first?.isOver == true }

            let half = try await kit.keep(RecordingHost.start(.halfCloseAfter(2, [9])))
            let two = try await ByteStream.connect(port: half.port)
            try await two.write([1, 2])
            #expect(try await two.readToEnd(within: .seconds(60)) == ByteBuffer(bytes: [9]))
            try await two.write([3])
            try await eventually { half.facts.first?.received == [1, 2, 3] }

            let rude = try await kit.keep(RecordingHost.start(.resetAfter(1)))
            let three = try await ByteStream.connect(port: rude.port)
            try await three.write([1])
            await #expect(throws: (any Error).self) { try await three.read(within: .seconds(60)) }
            #expect(three.ending == .reset)

            let echo = try await kit.keep(RecordingHost.start(.echo))
            let four = try await ByteStream.connect(port: echo.port, options: ConnectOptions(source: "127.0.0.2"))
            #expect(four.localAddress?.ipAddress == "127.0.0.2")
            try await four.write(ByteBuffer(bytes: [1, 2, 3, 4, 5]), segments: .singleBytes)
            try await four.halfClose()
            #expect(try await four.readToEnd(within: .seconds(60)) == ByteBuffer(bytes: [1, 2, 3, 4, 5]))
        }
    }

    @Test("A list server serves its text, counts requests and fails as ordered")
    func list() async throws {
        try await withKit { kit in
            let server = try await kit.keep(ListServer.start("a.example\nb.example\n"))
            #expect(server.url == "https://localhost:\(server.port)/list.txt")
            func fetch() async throws -> HTTPResponse {
                var web = WebClient(try await secure(server.port, "localhost"))
                return try await web.request("GET", "/list.txt", host: "localhost")
            }
            #expect(try await fetch().body == Array("a.example\nb.example\n".utf8))
            server.setText("c.example\n")
            #expect(try await fetch().body == Array("c.example\n".utf8))
            server.setBehaviour(.status(500))
            #expect(try await fetch().status == 500)
            server.setBehaviour(.endless(bytes: 1 << 20))
            #expect(try await fetch().body.count == 1 << 20)
            for behaviour in [ListServer.Behaviour.truncate, .reset] {
                server.setBehaviour(behaviour)
                await #expect(throws: (any Error).self) { _ = try await fetch() }
            }
            #expect(server.requests.count == 6)
            let plain = try await kit.keep(ListServer.start("d", certificate: .plaintext))
            var web = WebClient(try await ByteStream.connect(port: plain.port))
            #expect(try await web.request(host: "localhost").body == Array("d".utf8))
        }
    }
}
