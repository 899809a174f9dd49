package import MTProtoWire

/// What a fake middle proxy knows about one link.
package struct MiddleProxyLinkFacts: Sendable, Equatable {
    /// Counted from 0 in the order in which links were accepted.
    package var index = 0
    /// When the connection was accepted.
    package var openedAt = ContinuousClock.now
    /// When the handshake answer was sent.
    package var establishedAt: ContinuousClock.Instant?
    package var endedAt: ContinuousClock.Instant?
    /// The other side's socket.
    package var peer: Endpoint?

    // The nonce.
    /// The first bytes of the secret that the proxy uses, as a number; nil before the nonce came.
    package var keySelector: UInt32?
    /// 1: plain AES; 3: with Diffie-Hellman.
    package var schema: UInt32?
    /// The proxy's clock, Unix seconds.
    package var proxyTime: UInt32?
    package var proxyNonce: [UInt8] = []
    /// The word that names the group, schema 3 only.
    package var groupSelector: UInt32?

    // The handshake.
    /// Nil before it came.
    package var handshakeFlags: UInt32?
    /// The proxy's process id: 12 bytes.
    package var senderProcess: [UInt8] = []
    /// Whom the proxy thinks that it talks to: 12 bytes.
    package var peerProcess: [UInt8] = []
    package var usesCRC32C = false

    // Traffic.
    package var framesReceived = 0
    package var framesSent = 0
    package var fillersReceived = 0
    /// Ids of RPC_PING, in order.
    package var pingsReceived: [UInt64] = []
    package var pingsSent: [UInt64] = []
    package var pongsReceived: [UInt64] = []
    /// RPC_CLOSE_CONN for connections that this link does not have, in order.
    package var foreignCloses: [UInt64] = []
    /// First words of payloads that no proxy sends, in order.
    package var unknownWords: [UInt32] = []
    /// Sessions that live.
    package var liveSessions = 0

    /// How the other side ended the connection.
    package var ending = StreamEnding.open
    package var isOver = false
    /// What went wrong while it opened or ran, in words; nil for an orderly end.
    package var failure: String?

    /// Whether the link is open and takes messages.
    package var isEstablished: Bool { establishedAt != nil && !isOver }
}

/// What a fake middle proxy knows about one client.
package struct MiddleProxySessionFacts: Sendable, Equatable {
    /// The index of its link.
    package var link = 0
    /// The id that the proxy gave it.
    package var connection: UInt64 = 0
    /// Flags word of the first message.
    package var flags: UInt32 = 0
    /// Flags words of all messages; only the first 4096 are kept.
    package var allFlags: [UInt32] = []
    /// The client's address, as the proxy says.
    package var client: Endpoint
    /// The proxy's own address on that side, as it says.
    package var proxy: Endpoint
    /// 16 bytes.
    package var adTag: [UInt8]?
    /// Origin, Referer and User-Agent of the last message of a client that speaks HTTP.
    package var httpInfo: [String]?
    /// Messages received.
    package var messagesReceived = 0
    /// Lengths of the messages, with what is left of the transport's padding; only the first 4096 are kept.
    package var messageLengths: [Int] = []
    /// Bytes of payload, out of their envelopes.
    package var payloadBytesReceived = 0
    package var payloadBytesSent = 0
    /// SHA-256 (32 bytes) of all payloads received.
    package var digestReceived: [UInt8] = []
    /// SHA-256 (32 bytes) of all payloads sent.
    package var digestSent: [UInt8] = []
    /// Messages sent.
    package var messagesSent = 0
    /// Messages that asked for a quick acknowledgement.
    package var quickAcksWanted = 0
    /// Messages that came flagged as not encrypted.
    package var unencryptedMessages = 0
    /// Whether RPC_CLOSE_CONN came.
    package var sawClose = false
    /// Whether we sent RPC_CLOSE_EXT.
    package var sentClose = false
    /// Messages that came after that: they may cross it on the way.
    package var messagesAfterClose = 0
    /// Whether its link is gone.
    package var lostLink = false

    /// Whether it is over, by whichever side.
    package var isOver: Bool { sawClose || sentClose || lostLink }
    /// Abridged, or one of the other two.
    package var isAbridged: Bool { flags & LinkRequest.Flag.abridged != 0 }
    /// Intermediate or padded intermediate.
    package var isIntermediate: Bool { flags & LinkRequest.Flag.intermediate != 0 }
}
