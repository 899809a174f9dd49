/// What connections are accepted: made once per configuration, shared by all handshakes.
package struct HandshakeRules: Sendable {
    /// A plain or dd secret.
    struct BareKey: Sendable {
        /// The secret's place in `secrets`.
        let secretIndex: Int
        let key: Block16
    }

    package let secrets: [NamedSecret]
    /// By how many seconds a client's clock may differ from ours.
    package let timestampWindow: UInt32
    package let profile: HandshakeProfile

    let bareKeys: [BareKey]
    let fakeTLSKeys: [FakeTLSKey]

    /// - Parameter timestampWindow: seconds; 120 by default, for phones with wrong clocks (observed: 5 seconds keep
    ///   clients out).
    package init(secrets: [NamedSecret], timestampWindow: UInt32 = 120, profile: HandshakeProfile) {
        self.secrets = secrets
        self.timestampWindow = timestampWindow
        self.profile = profile
        var bareKeys: [BareKey] = []
        var fakeTLSKeys: [FakeTLSKey] = []
        for (index, named) in secrets.enumerated() {
            switch named.secret.kind {
            case .plain, .padded: bareKeys.append(BareKey(secretIndex: index, key: named.secret.key))
            case .fakeTLS: fakeTLSKeys.append(FakeTLSKey(secretIndex: index, key: named.secret.key))
            }
        }
        self.bareKeys = bareKeys
        self.fakeTLSKeys = fakeTLSKeys
    }

    /// Whether any secret is plain or dd.
    package var acceptsBareObfuscated2: Bool { !bareKeys.isEmpty }
    /// Whether any secret is ee.
    package var acceptsFakeTLS: Bool { !fakeTLSKeys.isEmpty }
}
