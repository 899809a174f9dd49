/// The ways in that a listener may offer.
package struct ClientTransports: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// obfuscated2 inside something that looks like TLS, with an ee secret.
    package static let fakeTLS = ClientTransports(rawValue: 1)
    /// Bare obfuscated2 with a plain or dd secret whose header names padded intermediate framing.
    package static let padded = ClientTransports(rawValue: 2)
    /// Bare obfuscated2 with a plain or dd secret whose header names abridged or intermediate framing.
    package static let obfuscated2 = ClientTransports(rawValue: 4)
    /// obfuscated2 without any secret: whoever connects is a client. For private networks.
    package static let open = ClientTransports(rawValue: 8)
    /// No obfuscation at all: the first bytes (ef, eeeeeeee, dddddddd) name the framing. For private networks.
    package static let plain = ClientTransports(rawValue: 16)

    /// One MTProto message per HTTP request (`POST /api`), without any secret: for browsers behind a web server.
    package static let http = ClientTransports(rawValue: 32)

    /// What a listener offers unless told otherwise.
    package static let standard: ClientTransports = [.fakeTLS, .padded, .obfuscated2]
}
