/// What a handshake needs from outside: the clock, randomness, and the memory that all connections share.
package protocol HandshakeEnvironment {
    /// Unix time in seconds.
    var unixTime: UInt32 { get }
    /// From when on every hello that was accepted is known, Unix time in seconds: when this process began, or one whose
    /// memory it has.
    var startTime: UInt32 { get }
    /// Places in `SecretBook.secrets` of the secrets that this client has probably, the likeliest first: tried before
    /// all others where there are many. At most `HandshakeRules.maximumHints` count; a place that is none does no harm.
    var hintedSecrets: [Int] { get }

    /// Whether the owner of a secret may come in now. Asked once, when the secret is proven, before anything is
    /// remembered or sent; who may not is a stranger.
    mutating func mayEnter(secretIndex: Int) -> Bool

    /// Whether the random of a proven ClientHello was seen before; remembers it if not.
    ///
    /// - Parameter timestamp: the client's clock in the hello; it need not be remembered beyond the window around that.
    mutating func isReplayedHello(_ random: Block32, timestamp: UInt32) -> Bool

    /// Whether the replay key of a proven obfuscated2 header was seen before; remembers it if not.
    mutating func isReplayedHeader(_ key: Block16) -> Bool

    /// Fills `bytes` from a cryptographic generator.
    mutating func fillRandom(_ bytes: UnsafeMutableRawBufferPointer)
}
