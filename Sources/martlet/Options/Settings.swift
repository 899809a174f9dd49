import ProxyPolicy

/// What the options say, before one option's value is used to complete another's.
///
/// ``ProxyConfiguration`` is made from it by ``SettingsResolver``; printing the configuration prints this.
struct Settings: Sendable, Equatable {
    /// Everything that needs no completion; its secrets, users, listeners and state directory stay
    /// empty.
    var configuration = ProxyConfiguration.defaults
    var secrets: [GivenSecret] = []
    var users: [DeclaredUser] = []
    var listeners: [DeclaredListener] = []
    /// The domain that plain secrets are made FakeTLS secrets for.
    var fakeTLSDomain: String?
    var stateDirectory: String?

    static let defaults = Settings()
}
