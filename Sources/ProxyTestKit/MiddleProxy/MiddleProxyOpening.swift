package import MTProtoWire

/// How a fake middle proxy opens its links.
package struct MiddleProxyOpening: Sendable {
    /// What goes wrong on purpose. Each ends the link, except where it says otherwise.
    package enum Fault: Sendable, Equatable {
        /// Closes as soon as the connection is there.
        case closesAtOnce
        /// Resets as soon as the connection is there.
        case resetsAtOnce
        /// Takes the nonce and never answers.
        case silentBeforeNonce
        /// Answers the nonce with bytes that are no frame.
        case garbage
        case wrongNonceType
        case wrongSelector
        /// Answers with this schema.
        case wrongSchema(UInt32)
        /// The nonce answer is one word longer.
        case longNonce
        /// Schema 3: our value is 1, so that everybody knows what both sides share.
        case weakPublicValue
        /// Something wrong with the frame of the nonce answer.
        case nonceFrame(LinkFrame.Fault)
        /// Sends 16 more bytes behind the nonce answer, where nothing may be.
        case bytesBehindNonce
        /// Closes in place of a nonce answer.
        case closesBeforeNonce
        /// Closes behind the nonce answer.
        case closesAfterNonce
        /// Takes the handshake and never answers: neither that nor anything else.
        case silentAfterHandshake
        /// Closes when the handshake came, as Telegram's do when they cannot decipher it.
        case closesAfterHandshake
        case resetsAfterHandshake
        /// Answers the handshake with RPC_HANDSHAKE_ERROR and closes.
        case handshakeError(Int32)
        case wrongHandshakeType
        /// Echoes another process id than the proxy's.
        case wrongProcess
        /// The handshake answer is one word longer.
        case longHandshake
        /// Something wrong with the frame of the handshake answer.
        case handshakeFrame(LinkFrame.Fault)
        /// Answers the handshake with what another key enciphered.
        case wrongKey
    }

    package var fault: Fault?
    /// Seconds added to the clock in the nonce answer.
    package var skewSeconds = 0
    /// A time for the nonce answer in place of the clock's.
    package var timestamp: UInt32?
    /// Links of proxies whose clock differs by more are closed in place of a handshake answer, as Telegram's are said to
    /// be; nil: any clock is good.
    package var toleratedSkewSeconds: Int? = 30
    /// 16 bytes in place of random ones.
    package var nonce: [UInt8]?
    /// The 12 bytes that say who we are.
    package var process: [UInt8] =
        bytesOf(UInt32(0)) + bytesOf(UInt16(8888)) + bytesOf(UInt16(290)) + bytesOf(UInt32(1))
    /// Whether CRC-32C is used with proxies that offer it.
    package var acceptsCRC32C = true
    /// Flags of the handshake answer in place of the right ones.
    package var handshakeFlags: UInt32?
    /// Where the proxy seems to be, in place of the address of its socket: what a NAT does.
    package var seesProxyAt: IPAddress?
    /// The proxy's port in place of its socket's.
    package var seesProxyAtPort: UInt16?
    /// Who we are, in place of our socket's address.
    package var standsAt: Endpoint?
    /// Takes schema 3 in this group; nil: refuses it.
    package var prime: [UInt8]?
    /// Filling words behind the nonce answer, as one implementation of proxies sends them.
    package var fillersBehindNonce = 0
    /// Payloads that go out in the same batch as the handshake answer.
    package var firstPayloads: [[UInt8]] = []
    /// How long each of the two answers takes.
    package var delay: Duration = .zero

    package init(fault: Fault? = nil) {
        self.fault = fault
    }
}
