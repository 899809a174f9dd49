import NIOCore
import ProxyTestKit
import Testing

@testable import MTProtoWire

@Suite
struct HTTPQueryTests {
    @Test(
        arguments: [
            ("POST", "/api", "4", HTTPQuery.Verdict.message(length: 4)),
            ("POST", "/apiw1", "1044476", .message(length: 1_044_476)),
            ("POST", "/api123456789012345", "8", .message(length: 8)),
            ("POST", "/api1234567890123456", "8", .refused(status: 414)),
            ("POST", "/api", nil, .refused(status: 411)),
            ("POST", "/api", "1044480", .refused(status: 413)),
            ("POST", "/api", "6", .refused(status: 404)),
            ("POST", "/api", "0", .refused(status: 404)),
            ("POST", "/api", "-4", .refused(status: 404)),
            ("POST", "/api", "four", .refused(status: 404)),
            ("POST", "/api", "99999999999999999999999", .refused(status: 404)),
            ("POST", "/ap", "4", .refused(status: 404)),
            ("OPTIONS", "/apiw", nil, .preflight),
            ("GET", "/api", nil, .refused(status: 501)),
            ("PUT", "/api", "4", .refused(status: 501)),
        ] as [(String, String, String?, HTTPQuery.Verdict)])
    func `A request is judged by its head`(
        method: String, path: String, length: String?, verdict: HTTPQuery.Verdict
    ) {
        #expect(HTTPQuery.judge(method: method, path: path, contentLength: length) == verdict)
    }

    @Test(
        arguments: [
            (-404, 404), (-444, 444), (-429, 429), (-599, 599), (-400, 400), (-1, 500), (-600, 500), (0, 500), (7, 500),
            (Int32.min, 500),
        ] as [(Int32, Int)])
    func `A transport error becomes a status`(code: Int32, status: Int) {
        withUnsafeBytes(of: code.littleEndian) { #expect(HTTPQuery.status(ofError: $0) == status) }
    }

    @Test(arguments: [0, 3, 5, 8, 100])
    func `Anything that is not four bytes long is an answer`(count: Int) {
        [UInt8](repeating: 0xff, count: count).withUnsafeBytes { #expect(HTTPQuery.status(ofError: $0) == nil) }
    }

    @Test
    func `What a middle proxy is told has the shape of TL strings`() throws {
        let long = String(repeating: "x", count: 300)
        let info = HTTPClientInfo(origin: "https://a", referer: nil, userAgent: long)
        let bytes = info.encoded
        #expect(bytes.count % 4 == 0)
        #expect(bytes.prefix(4) == [0x81, 0xb3, 0x5a, 0xd4])
        #expect(Array(bytes[4..<16]) == [9] + Array("https://a".utf8) + [0, 0])
        #expect(Array(bytes[16..<20]) == [0, 0, 0, 0])
        #expect(Array(bytes[20..<24]) == [0xfe, 0x2c, 0x01, 0])
        #expect(Array(bytes[24...]) == Array(long.utf8))
        #expect(HTTPClientInfo(userAgent: String(repeating: "y", count: 9_999)).userAgent.count == 1_000)
    }

    @Test(arguments: [false, true])
    func `A request of an HTTP client is written as Telegram's proxy writes it`(hasTag: Bool) throws {
        let ends = (
            Endpoint(address: IPAddress(v4: 0x0102_0304), port: 5), Endpoint(address: IPAddress(v4: 9), port: 80)
        )
        let tag = hasTag ? AdTag("00112233445566778899aabbccddeeff") : nil
        let info = HTTPClientInfo(origin: "o", referer: "rr", userAgent: "u u")
        let request = ProxyRequest(
            connection: 7, client: ends.0, proxy: ends.1, framing: .intermediate, adTag: tag, http: info)
        var bytes = [UInt8](repeating: 0xaa, count: request.headerLength)
        bytes.withUnsafeMutableBytes { space in
            guard let start = space.baseAddress else { return }
            request.write(isEncrypted: true, wantsQuickAck: false, into: start)
        }
        let parsed = try LinkRequest(parsing: bytes)
        #expect(parsed.flags == (hasTag ? 0x300d : 0x3005))
        #expect(parsed.httpInfo == ["o", "rr", "u u"])
        #expect(parsed.adTag == (hasTag ? Array(0...15).map { UInt8($0 * 17) } : nil))
        #expect(parsed.message.isEmpty)
    }

    @Test
    func `Requests are told from strangers' by their first bytes, however they come`() throws {
        var generator = SeededGenerator(seed: 1)
        let rules = HandshakeRules(
            book: SecretBook([]), transports: [.http], timestampWindow: 120, profile: .random(using: &generator))
        func outcome(_ text: String, piece: Int) -> ClientHandshake.Outcome {
            var handshake = ClientHandshake(rules: rules)
            var environment = FixedEnvironment()
            var last = ClientHandshake.Outcome.needMore
            let bytes = Array(text.utf8)
            for start in stride(from: 0, to: bytes.count, by: piece) {
                guard last == .needMore else { break }
                var buffer = ByteBuffer(bytes: bytes[start..<min(start + piece, bytes.count)])
                last = handshake.receive(&buffer, environment: &environment)
            }
            return last
        }
        for piece in [1, 2, 5, 100] {
            for text in ["POST /api HTTP/1.1\r\n", "OPTIONS /apiw1 HTTP/1.1\r\n"] {
                guard case .accepted(let greeting) = outcome(text, piece: piece) else {
                    Issue.record("\(text) in pieces of \(piece)")
                    continue
                }
                #expect(greeting.isHTTP && greeting.secretIndex == nil && greeting.framing == .intermediate)
                #expect(text.hasPrefix(String(buffer: greeting.earlyBytes)))
            }
            for text in ["POST /other HTTP/1.1\r\n", "GET /api HTTP/1.1\r\n", "OPTIONS * HTTP/1.1\r\n"] {
                #expect(outcome(text, piece: piece) == .stranger(.http))
            }
        }
    }
}
