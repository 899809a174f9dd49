package import MTProtoWire

/// What a stranger gets: somebody who is not a client, or does not prove it.
package enum MaskDecision: Sendable, Equatable {
    /// A transparent pipe to the mask host, which first gets everything that the stranger has sent.
    case pipe(to: SocketTarget)
    /// The answer 301 to `https://{host}/`, then close.
    case redirect(toHost: String)
    /// Nothing is sent, whatever comes, until the deadline of the handshake; the same for all strangers.
    case silence
}

/// Decides it. Without a mask host every stranger meets the same silence, so that reasons cannot be told apart.
package struct MaskPolicy: Sendable, Equatable {
    private let host: String?
    private let target: SocketTarget?
    private let redirectsHTTP: Bool

    /// - Parameters:
    ///   - host: the name of the site that strangers shall see.
    ///   - target: what is dialled for it.
    ///   - redirectsHTTP: answer plain HTTP with a redirect to the site instead of the pipe.
    package init(host: String?, target: SocketTarget?, redirectsHTTP: Bool) {
        self.host = host
        self.target = target
        self.redirectsHTTP = redirectsHTTP
    }

    /// A client that has closed its side may still read, so the mask host answers it too.
    ///
    /// - Parameter hasReplied: a ServerHello went out already; the mask host cannot take over a conversation that it
    ///   did
    ///   not begin.
    package func decide(for reason: StrangerReason, hasReplied: Bool) -> MaskDecision {
        if hasReplied { return .silence }
        if reason == .http, redirectsHTTP, let host { return .redirect(toHost: host) }
        guard let target else { return .silence }
        return .pipe(to: target)
    }
}
