/// What connections one listener accepts: made once per configuration, shared by its handshakes.
package struct HandshakeRules: Sendable {
    /// Up to this many secrets of the kind in question are tried at once; with more, `ClientHandshake` asks to be called
    /// again. 64 trials take 20 µs with a header and 90 to 180 µs with a hello of 500 to 1 800 bytes (measured), which
    /// other clients of the event loop do not notice.
    package static let inlineTrials = 64
    /// How many of an environment's hints are tried at once.
    package static let maximumHints = 8

    package let book: SecretBook
    package let transports: ClientTransports
    /// By how many seconds a client's clock may differ from ours.
    package let timestampWindow: UInt32
    package let profile: HandshakeProfile

    /// - Parameters:
    ///   - transports: what the listener offers. A transport whose kind of secret the book has none of is not offered.
    ///   - timestampWindow: seconds; 120 by default, for phones with wrong clocks (observed: 5 seconds keep clients
    ///     out).
    package init(
        book: SecretBook,
        transports: ClientTransports = .standard,
        timestampWindow: UInt32 = 120,
        profile: HandshakeProfile
    ) {
        self.book = book
        self.transports = transports
        self.timestampWindow = timestampWindow
        self.profile = profile
    }

    /// The rules of a listener that has its secrets to itself and offers what listeners usually offer.
    package init(secrets: [NamedSecret], timestampWindow: UInt32 = 120, profile: HandshakeProfile) {
        self.init(book: SecretBook(secrets), timestampWindow: timestampWindow, profile: profile)
    }

    /// Whether a ClientHello can be proven.
    package var acceptsFakeTLS: Bool {
        transports.contains(.fakeTLS) && !book.fakeTLSKeys.isEmpty
    }

    /// Whether bare obfuscated2 can be accepted, with a secret or without one.
    package var acceptsBareObfuscated2: Bool {
        transports.contains(.open) || triesBareSecrets
    }

    /// Whether headers are tried with the plain and dd secrets.
    var triesBareSecrets: Bool {
        !transports.isDisjoint(with: [.padded, .obfuscated2]) && !book.bareKeys.isEmpty
    }

    /// Whether the listener takes this framing in bare obfuscated2 with a secret.
    func acceptsBare(_ framing: PacketFraming) -> Bool {
        transports.contains(framing == .paddedIntermediate ? .padded : .obfuscated2)
    }
}
