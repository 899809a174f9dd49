import Foundation
import MTProtoWire
import NIOCore
import ProxyTestKit
import Testing

@Suite("The kit's fleet, lists and clients around middle proxies", .timeLimit(.minutes(2)))
struct MiddleProxyConfigKitTests {
    private func get(_ server: MiddleProxyConfigServer, _ path: String) async throws -> HTTPResponse {
        var web = WebClient(try await ByteStream.connect(port: server.port))
        return try await web.request("GET", path, host: "localhost")
    }

    @Test("Content by path, changeable, and every way to fail")
    func server() async throws {
        try await withKit { kit in
            let server = try await kit.keep(
                MiddleProxyConfigServer.start(config: "default 2;\n", certificate: .plaintext))
            #expect(server.url(.secret) == "http://localhost:\(server.port)/getProxySecret")
            #expect(try await get(server, "/getProxySecret").body == FakeMiddleProxy.secret)
            #expect(try await get(server, "/getProxyConfig").body == Array("default 2;\n".utf8))
            #expect(try await get(server, "/address").body == Array("203.0.113.7".utf8))
            #expect(try await get(server, "/elsewhere").status == 404)
            server.setText("default 3;\n", of: .config)
            server.setBehaviour(.status(503), of: .secret)
            #expect(try await get(server, "/getProxyConfig").body == Array("default 3;\n".utf8))
            #expect(try await get(server, "/getProxySecret").status == 503)
            #expect(server.visits(.config).count == 2)
            #expect(server.visits().count == 6)
            server.setBehaviour(.html)
            #expect(try await get(server, "/getProxyConfig")["Content-Type"] == "text/html; charset=utf-8")
            server.setBehaviour(.garbage(bytes: 10))
            #expect(try await get(server, "/getProxyConfig").body.count == 10)
            server.setBehaviour(.huge(bytes: 1 << 20))
            #expect(try await get(server, "/getProxyConfig").body.count == 1 << 20)
            server.setBehaviour(.empty)
            #expect(try await get(server, "/getProxyConfig").body.isEmpty)
            server.setBehaviour(.redirect(to: "/moved/getProxyConfig"))
            let moved = try await get(server, "/getProxyConfig")
            #expect(moved.status == 302)
            #expect(try await get(server, try #require(moved["Location"])).body == Array("default 3;\n".utf8))
            server.setBehaviour(.redirectLoop)
            #expect(try await get(server, "/getProxyConfig")["Location"] == "/getProxyConfig")
            server.setBehaviour(.slow(bytes: 4, pause: .milliseconds(5)))
            #expect(try await get(server, "/getProxyConfig").body == Array("default 3;\n".utf8))
            for behaviour in [MiddleProxyConfigServer.Behaviour.truncate, .reset] {
                server.setBehaviour(behaviour)
                await #expect(throws: (any Error).self) { try await get(server, "/getProxyConfig") }
            }
            server.setBehaviour(.endless)
            let request = Array("GET /getProxyConfig HTTP/1.1\r\n\r\n".utf8)
            let stream = try await ByteStream.connect(port: server.port)
            try await stream.write(request)
            #expect(try await stream.read(exactly: 1 << 20, within: .seconds(60)).readableBytes == 1 << 20)
            server.setBehaviour(.hang)
            let waiting = try await ByteStream.connect(port: server.port)
            try await waiting.write(request)
            await #expect(throws: KitError.self) { try await waiting.read(within: .milliseconds(100)) }
        }
    }

    @Test("A server with a certificate")
    func secure() async throws {
        try await withKit { kit in
            let server = try await kit.keep(MiddleProxyConfigServer.start(config: "default 1;"))
            let configuration = try await CertificateAuthority.shared().clientConfiguration()
            let stream = try await ByteStream.connectTLS(
                port: server.port, serverName: "localhost", configuration: configuration)
            var web = WebClient(stream)
            #expect(try await web.request("GET", "/getProxyConfig", host: "localhost").body == Array("default 1;".utf8))
            #expect(server.url(.config).hasPrefix("https://localhost:"))
        }
    }

    @Test("A fleet has one port and many addresses, and the proxy understands its list and files")
    func fleet() async throws {
        try await withKit { kit in
            let fleet = try await kit.keep(MiddleProxyFleet.start(3))
            for member in fleet.members {
                let client = try await MiddleProxyMiniClient.open(member)
                let message = MessageEnvelope.wrap([1], id: 5, form: .encrypted)
                try await client.request(1, message)
                #expect(try await client.answer(to: 1) == message)
            }
            #expect(fleet.linkFacts.count == 3)
            #expect(fleet.sessionFacts.count == 3)
            let directory = try TemporaryDirectory()
            let files = try MiddleProxyFiles.write(config: fleet.configText(), into: directory)
            let text = try String(contentsOf: URL(fileURLWithPath: files.config), encoding: .utf8)
            let list = try MiddleProxyList(parsing: text, file: files.config)
            let targets = try #require(list.targets(for: -4))
            #expect(targets.map(\.host) == ["127.0.7.1", "127.0.7.2", "127.0.7.3"])
            #expect(targets.allSatisfy { $0.port == fleet.port })
            let secret = try Data(contentsOf: URL(fileURLWithPath: files.secret))
            #expect(Array(secret) == FakeMiddleProxy.secret)
        }
    }

    @Test("Messages of every form survive the padding of clients", arguments: MessageEnvelope.Form.allCases)
    func forms(form: MessageEnvelope.Form) throws {
        var generator = SeededGenerator(seed: 3)
        for count in [0, 1, 3, 4, 19, 20, 31, 32, 33, 1000] {
            let payload = generator.bytes(count)
            let packet = MessageEnvelope.wrap(payload, id: .max, form: form)
            #expect(packet.count % 4 == 0)
            for padding in 0...15 {
                #expect(try MessageEnvelope.unwrap(packet + generator.bytes(padding)) == payload)
            }
            #expect(throws: KitError.self) { try MessageEnvelope.unwrap(packet + generator.bytes(16)) }
        }
    }

    @Test(
        "A client without any obfuscation sends the framing's tag and plain packets", arguments: PacketFraming.allCases)
    func bare(framing: PacketFraming) async throws {
        try await withKit { kit in
            let host = try await kit.keep(RecordingHost.start())
            let options = TelegramClientOptions(framing: framing, form: .encrypted, isBare: true, padding: 0...0)
            let client = try await TelegramClient.connect(port: host.port, secret: nil, options: options)
            try await client.send([1, 2, 3])
            let tag = [UInt8](repeating: framing.tag, count: framing == .abridged ? 1 : 4)
            let packet = MessageEnvelope.wrap([1, 2, 3], id: 1 << 2, form: .encrypted)
            let expected = tag + Array(buffer: PacketEncoder.encode(packet, framing: framing))
            try await eventually { host.facts.first?.received == expected }
        }
    }
}
