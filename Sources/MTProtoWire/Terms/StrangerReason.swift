/// Why a connection is not a client of ours; the raw value is the stable word for logs and counters.
///
/// What a stranger then gets to see is the mask policy's matter and must not depend on this value, with two exceptions:
/// an HTTP request may be redirected, and once a ServerHello was sent it is too late for the mask host.
package enum StrangerReason: String, Sendable, CaseIterable {
    /// 64 bytes that are no obfuscated2 header of any plain or dd secret.
    case badSecret
    /// An HTTP request.
    case http
    /// Neither TLS nor HTTP, where obfuscated2 is accepted inside TLS only.
    case notTLS
    /// A transport that the listener does not offer: an obfuscated2 header of a plain or dd secret with another framing,
    /// or bytes that name no framing where only transports without obfuscation are accepted.
    case wrongTransport
    /// TLS, but not a complete and well-formed ClientHello.
    case malformedHello
    /// A ClientHello that no ee secret has signed: any browser, most probes.
    case badProof
    /// A signed ClientHello from too far in the past or the future.
    case wrongTime
    /// A signed ClientHello that was seen before.
    case replayedHello
    /// A signed ClientHello from before this process began: the process before it may have seen it.
    case beforeStart
    /// An obfuscated2 header that was seen before.
    case replayedHeader
    /// After a good ClientHello, something else than records with an obfuscated2 header of the same secret.
    case badHeaderInTLS
    /// A signed ClientHello that offers no cipher suite of TLS 1.3.
    case oldTLS
    /// The handshake did not end in time.
    case timeout
    /// The client closed before the handshake ended.
    case closed
    /// A connection from a trusted forwarder without the PROXY protocol header that it has to begin with.
    case badProxyHeader
    /// A ClientHello longer, or in more pieces, than any client's; or more bytes than may wait while a secret is looked
    /// for.
    case tooLong
    /// A client whose secret is known and whose owner may not come in: disabled, expired, over a limit, or from a place
    /// that is not his.
    case refusedUser
    /// A connection for which there is no place: a limit is reached, or its network is not let in.
    case notAdmitted
    /// Too many others are waiting for their secrets to be found.
    case searchFull
}
