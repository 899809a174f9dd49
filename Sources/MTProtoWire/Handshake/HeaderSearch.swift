/// Looks for the plain or dd secret that an obfuscated2 header was made with, some trials at a time.
struct HeaderSearch: Sendable {
    enum Finding: Equatable {
        /// There are more secrets to try.
        case unfinished
        /// Made with the secret at this place in `SecretBook.secrets`, or without one.
        case found(secretIndex: Int?)
        case none(StrangerReason)
    }

    private let trial: Obfuscated2Trial
    /// How many of `SecretBook.bareKeys` have been tried.
    private var tried = 0
    /// Whether a secret fits and the framing is not one that the listener takes. The search goes on all the same: such a
    /// header may fit by chance, and its sender is to learn no more than another stranger.
    private var hasOtherFraming = false

    /// - Parameter header: nil for anything but 64 bytes.
    init?(_ header: UnsafeRawBufferPointer) {
        guard let trial = Obfuscated2Trial(header) else { return nil }
        self.trial = trial
    }

    /// How many secrets are still to be tried.
    func remaining(_ rules: HandshakeRules) -> Int {
        rules.triesBareSecrets ? rules.book.bareKeys.count - tried : 0
    }

    /// Tries the secrets that come first by the places in `hints`; they are tried again in their turn, too, as there are
    /// few of them.
    mutating func run(hints: some Sequence<Int>, _ rules: HandshakeRules) -> Finding {
        for bare in rules.book.bareKeys(among: hints) where fits(bare, rules) {
            return .found(secretIndex: bare.secretIndex)
        }
        return .unfinished
    }

    /// Tries the next secrets; after the last one, the header without a secret where that is accepted.
    mutating func run(atMost limit: Int, _ rules: HandshakeRules) -> Finding {
        let count = min(max(limit, 0), remaining(rules))
        for bare in rules.book.bareKeys.dropFirst(tried).prefix(count) where fits(bare, rules) {
            return .found(secretIndex: bare.secretIndex)
        }
        tried += count
        guard remaining(rules) == 0 else { return .unfinished }
        if rules.transports.contains(.open), trial.framing(secret: nil) != nil { return .found(secretIndex: nil) }
        return .none(hasOtherFraming ? .wrongTransport : .badSecret)
    }

    private mutating func fits(_ bare: SecretBook.BareKey, _ rules: HandshakeRules) -> Bool {
        guard let framing = trial.framing(secret: bare.key) else { return false }
        if rules.acceptsBare(framing) { return true }
        hasOtherFraming = true
        return false
    }
}
