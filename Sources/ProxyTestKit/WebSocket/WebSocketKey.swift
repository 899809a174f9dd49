import Crypto
import Foundation

/// The Sec-WebSocket-Accept that belongs to a Sec-WebSocket-Key (RFC 6455 section 4.2.2).
func webSocketAccept(for key: String) -> String {
    let digest = Insecure.SHA1.hash(data: Data((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8))
    return Data(digest).base64EncodedString()
}

/// Bytes of standard base64 with padding; nil for anything else.
func base64Decoded(_ text: String) -> [UInt8]? {
    Data(base64Encoded: text).map { Array($0) }
}
