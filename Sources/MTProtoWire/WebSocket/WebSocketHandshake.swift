internal import Crypto

/// The key of one WebSocket upgrade and the answer that proves a WebSocket server (RFC 6455, sections 4.1 and 4.2.2).
package struct WebSocketHandshake: Hashable, Sendable {
    /// What every server appends to the key before it hashes (section 1.3).
    private static let suffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    /// The value of `Sec-WebSocket-Key`: 16 random bytes in base64, 24 characters.
    package let key: String

    package init(key: String) {
        self.key = key
    }

    /// Draws a fresh key.
    package init(using generator: inout some RandomNumberGenerator) {
        let bytes = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        key = Self.base64(bytes)
    }

    /// The only right value of `Sec-WebSocket-Accept`: base64 of SHA-1 over the key and the fixed suffix, 28
    /// characters.
    package var expectedAccept: String {
        Self.base64(Array(Insecure.SHA1.hash(data: Array((key + Self.suffix).utf8))))
    }

    /// Whether the server's `Sec-WebSocket-Accept` belongs to this key: a cache or a captive portal that merely repeats
    /// a 101 does not know it.
    package func isAccepted(by value: String) -> Bool {
        value == expectedAccept
    }

    /// The headers of the upgrade request, in the order in which they are sent behind the request line.
    ///
    /// - Parameter host: the name that the endpoint is asked for, without a port.
    package func requestHeaders(host: String) -> [(name: String, value: String)] {
        [
            ("Host", host),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", key),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Protocol", "binary"),
        ]
    }

    /// Base64 with padding (RFC 4648, section 4).
    private static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for position in 0..<4 {
                let index = Int(bits >> UInt32(18 - 6 * position) & 0x3f)
                text.append(position <= group.count ? alphabet[index] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
