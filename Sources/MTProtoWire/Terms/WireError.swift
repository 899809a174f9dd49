/// Everything that received bytes can do wrong once a connection speaks the protocol.
///
/// "Need more bytes" is a result, never one of these. None of them is recoverable: the stream has lost its boundaries.
package enum WireError: Error, Hashable, Sendable {
    /// A packet announces more than `PacketScanner.maximumPacketLength` bytes.
    case packetTooLong

    /// A TLS record is neither application data nor a change of cipher.
    case unexpectedTLSRecord
    /// A TLS record's version does not begin with 3.
    case badTLSVersion
    /// A TLS record announces more than `TLSRecordReader.maximumRecordLength` bytes.
    case tlsRecordTooLong
    /// More change-of-cipher records than any client sends.
    case tooManyCipherChanges

    /// A WebSocket frame has a reserved bit set although no extension was agreed on.
    case webSocketReservedBits
    /// A WebSocket frame has an opcode that RFC 6455 does not define.
    case webSocketUnknownOpcode
    /// A server masked a WebSocket frame.
    case webSocketMaskedByServer
    /// A WebSocket control frame is cut into fragments.
    case webSocketFragmentedControl
    /// A WebSocket control frame announces more than 125 bytes.
    case webSocketControlTooLong
    /// A WebSocket data frame announces more than `WebSocketFrameReader.maximumFrameLength` bytes.
    case webSocketFrameTooLong
    /// A WebSocket continuation frame continues nothing.
    case webSocketStrayContinuation
    /// A new WebSocket message begins inside a fragmented one.
    case webSocketInterruptedMessage
    /// A WebSocket close frame carries one byte: too short for a code.
    case webSocketBadClose

    /// A middle-proxy frame announces a length that no frame has: below 16 bytes, or no multiple of 4.
    case middleProxyBadLength
    /// A middle-proxy frame announces more bytes than its reader takes.
    case middleProxyFrameTooLong
    /// A middle-proxy frame has not the sequence number that is due.
    case middleProxyBadSequence
    /// A middle-proxy frame's checksum is wrong.
    case middleProxyBadChecksum
    /// A middle-proxy message has not the length that its type has.
    case middleProxyBadMessage
}
