/// Why a link to a middle proxy was not established.
package enum MiddleProxyError: Error, Hashable, Sendable {
    /// The frame is broken. After our handshake was sent, the likely reason is that both sides have different keys.
    case badFrame(WireError)
    /// More fillers than `MiddleProxyHandshake.maximumFillers`.
    case tooManyFillers
    /// Something other than the message that is due.
    case unexpectedMessage(type: UInt32)
    /// The message that is due, with a length that it cannot have.
    case wrongLength
    /// Bytes behind the nonce answer, although the middle proxy has to wait for our handshake.
    case unexpectedBytes
    /// The middle proxy works with another secret: ours is outdated, or it is none of Telegram's.
    case wrongSelector
    /// The middle proxy wants another kind of key exchange than was offered.
    case wrongSchema(UInt32)
    /// The middle proxy's clock is ahead of ours by so many seconds, or behind when negative.
    case clockSkew(seconds: Int)
    /// Another Diffie-Hellman group than was offered, or a value that must not be used.
    case badDiffieHellman
    /// One end of the connection is IPv4 and the other IPv6: there are no keys for that.
    case mixedFamilies
    /// The middle proxy refused the handshake with this code.
    case refused(code: Int32)
    /// The middle proxy answered to somebody else's handshake.
    case wrongProcess
    /// The handshake answer has flags that must not be set, or that were not offered.
    case wrongFlags(UInt32)

    /// One stable word, for logs and metrics.
    package var code: String {
        switch self {
        case .badFrame: "bad-frame"
        case .tooManyFillers: "too-many-fillers"
        case .unexpectedMessage: "unexpected-message"
        case .wrongLength: "wrong-length"
        case .unexpectedBytes: "unexpected-bytes"
        case .wrongSelector: "wrong-selector"
        case .wrongSchema: "wrong-schema"
        case .clockSkew: "clock-skew"
        case .badDiffieHellman: "bad-diffie-hellman"
        case .mixedFamilies: "mixed-families"
        case .refused: "handshake-refused"
        case .wrongProcess: "wrong-process"
        case .wrongFlags: "wrong-flags"
        }
    }
}
