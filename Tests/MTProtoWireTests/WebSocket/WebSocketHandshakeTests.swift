import Foundation
import MTProtoWire
import Testing

@Suite("WebSocketHandshake")
struct WebSocketHandshakeTests {
    /// RFC 6455, section 1.3.
    @Test("The specification's example")
    func example() {
        let handshake = WebSocketHandshake(key: "dGhlIHNhbXBsZSBub25jZQ==")
        #expect(handshake.expectedAccept == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect(handshake.isAccepted(by: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
        for wrong in ["", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo", "S3pPLMBiTxaQ9kYGzzhZRbK+xOo=", handshake.key] {
            #expect(!handshake.isAccepted(by: wrong))
        }
    }

    @Test("A fresh key is 16 random bytes in base64")
    func fresh() {
        var generator = Drip.Generator(seed: 1)
        var keys: Set<String> = []
        for _ in 0..<50 {
            let key = WebSocketHandshake(using: &generator).key
            keys.insert(key)
            #expect(key.utf8.count == 24)
            #expect(Data(base64Encoded: key)?.count == 16)
        }
        #expect(keys.count == 50)
    }

    @Test("The request names host, key, version and subprotocol, in this order")
    func headers() {
        let headers = WebSocketHandshake(key: "k").requestHeaders(host: "kws2.web.telegram.org")
        #expect(
            headers.map { "\($0.name): \($0.value)" } == [
                "Host: kws2.web.telegram.org", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: k",
                "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: binary",
            ])
    }
}
