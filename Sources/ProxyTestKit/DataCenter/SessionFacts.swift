package import MTProtoWire

/// What a fake data center knows about one session.
package struct SessionFacts: Sendable, Equatable {
    /// Framing of the header; nil before it came.
    package var framing: PacketFraming?
    /// Data center of the header as sent, negative for media.
    package var dataCenterWire: Int16?
    /// The 64 bytes.
    package var header: [UInt8] = []
    /// Host header of the WebSocket that carried the session; empty for TCP.
    package var host = ""
    /// Address of the other side, as text.
    package var peer = ""
    /// Packets received.
    package var packetsReceived = 0
    /// Payload bytes received, without envelope and padding.
    package var payloadBytesReceived = 0
    /// Length of each packet with its padding; only the first 4096 are kept.
    package var packetLengths: [Int] = []
    /// SHA-256 (32 bytes) of all payloads received.
    package var digest: [UInt8] = []
    /// Packets that asked for a quick acknowledgement.
    package var quickAcksWanted = 0
    /// Packets sent.
    package var packetsSent = 0
    /// Whether the other side has ended its direction.
    package var sawEnd = false
    /// Whether the session is over.
    package var isOver = false
    /// What ended it, if not an orderly end.
    package var failure: String?
}
