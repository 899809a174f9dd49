import Foundation
import MTProtoWire
import NIOCore
import ProxyPolicy
import ProxyTestKit
import Testing

@testable import ProxyAdmin

extension IPAddress {
    static var loopback: IPAddress { IPAddress(v4: 0x7F00_0001) }
}

extension ByteStream {
    /// Whether it comes to its end without a byte.
    fileprivate var endsSilently: Bool {
        get async { ((try? await readToEnd(within: .seconds(60)))?.readableBytes ?? 0) == 0 && ending != .open }
    }
}

/// The admin place over real sockets: what it answers, and what it does to those who are slow or greedy.
@Suite(.serialized, .timeLimit(.minutes(5))) struct AdminServerTests {
    private func client(_ place: ListenPlace) async throws -> WebClient {
        WebClient(try await ByteStream.connect(host: "127.0.0.1", port: place.port))
    }

    @Test func `One connection asks for page after page`() async throws {
        try await withAdmin { place in
            var client = try await client(place)
            let metrics = try await client.request("GET", "/metrics", host: "127.0.0.1")
            #expect(metrics.status == 200 && metrics["Content-Type"] == Exposition.contentType)
            #expect(String(decoding: metrics.body, as: UTF8.self).contains("martlet_build_info{version=\"1.2.3\"} 1"))
            let stats = try await client.request("GET", "/stats", host: "127.0.0.1")
            #expect(stats.status == 200 && String(decoding: stats.body, as: UTF8.self).hasPrefix("pid\t\(getpid())\n"))
            let health = try await client.request("GET", "/healthz", host: "127.0.0.1")
            #expect(health.status == 200 && health.body == Array("ok\n".utf8))
            let readiness = try await client.request("GET", "/readyz", host: "127.0.0.1")
            #expect(readiness.status == 503 && readiness.body == Array("not listening yet\n".utf8))
            let json = try await client.request("GET", "/readyz?json", host: "127.0.0.1")
            #expect(json["Content-Type"] == "application/json")
            #expect(json.body == Array(#"{"ready":false,"reasons":["not listening yet"]}"#.utf8) + [0x0A])
            let missing = try await client.request("GET", "/", host: "127.0.0.1")
            #expect(missing.status == 404 && missing["Server"] == nil)
            let posted = try await client.request("POST", "/stats", host: "127.0.0.1", body: [1, 2, 3])
            #expect(posted.status == 405 && posted["Allow"] == "GET, HEAD")
            await client.stream.close()
        }
    }

    @Test func `HEAD has the length and nothing else`() async throws {
        try await withAdmin { place in
            let stream = try await ByteStream.connect(host: "127.0.0.1", port: place.port)
            try await stream.write(Array("HEAD /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".utf8))
            let text = String(buffer: try await stream.readToEnd(within: .seconds(60)))
            #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n") && text.lowercased().contains("content-length: 3\r\n"))
            #expect(text.hasSuffix("\r\n\r\n"))
            await stream.close()
        }
    }

    @Test func `A client that has said its end still gets its answer`() async throws {
        try await withAdmin { place in
            let stream = try await ByteStream.connect(host: "127.0.0.1", port: place.port)
            try await stream.write(Array("GET /metrics HTTP/1.0\r\n\r\n".utf8))
            try await stream.halfClose()
            let text = String(buffer: try await stream.readToEnd(within: .seconds(60)))
            #expect(text.contains("martlet_build_info"))
            await stream.close()
        }
    }

    @Test func `Requests that come at once are answered in order`() async throws {
        try await withAdmin { place in
            let stream = try await ByteStream.connect(host: "127.0.0.1", port: place.port)
            let first = "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            let second = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
            try await stream.write(Array((first + second).utf8))
            let text = String(buffer: try await stream.readToEnd(within: .seconds(60)))
            #expect(text.contains("martlet_build_info") && text.hasSuffix("\r\n\r\nok\n"))
            await stream.close()
        }
    }

    @Test func `A token is needed by everybody, also from this machine`() async throws {
        let text = "correct horse battery staple".replacingOccurrences(of: " ", with: "-")
        let token = try #require(AdminToken(text))
        try await withAdmin(token: token) { place in
            var client = try await client(place)
            let refused = try await client.request("GET", "/healthz", host: "127.0.0.1")
            #expect(refused.status == 401 && refused["WWW-Authenticate"] == "Bearer")
            let field = HTTPField("Authorization", "Bearer \(text)")
            #expect(try await client.request("GET", "/healthz", host: "proxy.example", fields: [field]).status == 200)
            await client.stream.close()
            let asked = try await AdminClient(place: place, token: token).get("/healthz", withinSeconds: 60)
            #expect(asked == AdminClient.Answer(status: 200, body: "ok\n"))
            let without = try await AdminClient(place: place, token: nil).get("/healthz", withinSeconds: 60)
            #expect(without.status == 401)
        }
    }

    @Test func `A Unix socket is a place as well, and is gone afterwards`() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("admin.sock")
        try await withAdmin(.unix(path: path, mode: 0o660)) { place in
            let answer = try await AdminClient(place: place, token: nil).get("/healthz", withinSeconds: 60)
            #expect(answer.status == 200)
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o660)
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func `A socket left by a killed process is replaced`() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("admin.sock")
        let left = socket(AF_UNIX, 1, 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(left, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        #expect(isBound)
        close(left)
        try await withAdmin(.unix(path: path, mode: 0o660)) { place in
            let answer = try await AdminClient(place: place, token: nil).get("/healthz", withinSeconds: 60)
            #expect(answer.status == 200)
        }
    }

    // MARK: Bounds

    @Test func `A request that grows and grows is refused`() async throws {
        try await withAdmin { place in
            let stream = try await ByteStream.connect(host: "127.0.0.1", port: place.port)
            let fields = (0..<300).map { "X-Field-\($0): \(String(repeating: "x", count: 60))\r\n" }.joined()
            try? await stream.write(Array("GET /stats HTTP/1.1\r\nHost: 127.0.0.1\r\n\(fields)\r\n".utf8))
            let answer = String(buffer: (try? await stream.readToEnd(within: .seconds(60))) ?? ByteBuffer())
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 431 "))
            await stream.close()
        }
    }

    @Test(arguments: [
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", "hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\r\n\r\n\r\nGARBAGE \r\n",
    ])
    func `What is no HTTP ends the connection`(said: String) async throws {
        try await withAdmin({ $0.requestMilliseconds = 500 }) { place in
            let stream = try await ByteStream.connect(host: "127.0.0.1", port: place.port)
            try await stream.write(Array(said.utf8))
            let answer = (try? await stream.readToEnd(within: .seconds(60))).map { String(buffer: $0) } ?? ""
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 400 "), "\(answer)")
            await stream.close()
        }
    }

    @Test(arguments: [
        "", "GET /metr", "GET /metrics HTTP/1.1\r\nHost: a", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc",
    ])
    func `Whoever does not finish his request is let go`(said: String) async throws {
        try await withAdmin({ $0.requestMilliseconds = 300 }) { place in
            let stream = try await ByteStream.connect(host: "127.0.0.1", port: place.port)
            try await stream.write(Array(said.utf8))
            #expect(await stream.endsSilently)
            await stream.close()
        }
    }

    @Test func `Whoever asks nothing more is let go`() async throws {
        try await withAdmin({ $0.idleMilliseconds = 300 }) { place in
            var client = try await client(place)
            #expect(try await client.request("GET", "/healthz", host: "127.0.0.1").status == 200)
            #expect(await client.stream.endsSilently)
            await client.stream.close()
        }
    }

    @Test func `Connections that ask nothing make room, busy ones do not`() async throws {
        try await withAdmin({ $0.connections = 2 }) { place in
            var idle = try await client(place)
            #expect(try await idle.request("GET", "/healthz", host: "127.0.0.1").status == 200)
            let busy = try await ByteStream.connect(host: "127.0.0.1", port: place.port)
            try await busy.write(Array("GET /heal".utf8))
            // In place of the one that has asked before.
            var third = try await client(place)
            #expect(try await third.request("GET", "/healthz", host: "127.0.0.1").status == 200)
            #expect(await idle.stream.endsSilently)
            let fourth = try await ByteStream.connect(host: "127.0.0.1", port: place.port)
            try await fourth.write(Array("GET /heal".utf8))
            #expect(await third.stream.endsSilently)
            let fifth = try await ByteStream.connect(host: "127.0.0.1", port: place.port)
            #expect(await fifth.endsSilently)
            try await busy.write(Array("thz HTTP/1.0\r\n\r\n".utf8))
            let answer = String(buffer: try await busy.readToEnd(within: .seconds(60)))
            #expect(answer.hasSuffix("ok\n"))
            for stream in [busy, fourth, fifth, idle.stream, third.stream] { await stream.close() }
        }
    }

    @Test func `A thousand users have numbers of their own, the others together`() async throws {
        let secret = ProxySecret(key: Block16(), kind: .plain)
        let users = (0..<1_003).map { number in
            var entry = UserEntry(user: User(name: String(format: "user%04d", number), secrets: [secret]))
            (entry.usage.up, entry.usage.down, entry.usage.quotaUsed) = (2, 3, 5)
            return entry
        }
        try await withAdmin(users: users) { place in
            let text = try await AdminClient(place: place, token: nil).get("/metrics", withinSeconds: 60).body
            let lines = text.split(separator: "\n")
            #expect(lines.count { $0.hasPrefix("martlet_user_connections{") } == 1_001)
            #expect(lines.contains(#"martlet_user_bytes_total{user="user0999",direction="up"} 2"#))
            #expect(lines.contains(#"martlet_user_quota_used_bytes{user="(other)"} 15"#))
            #expect(!text.contains("user1000"))
        }
    }
}

private func withAdmin(
    _ bounds: (inout AdminBounds) -> Void, _ body: (ListenPlace) async throws -> Void
) async throws {
    try await withAdmin(.tcp(.loopback, port: 0), bounds: bounds, body)
}
