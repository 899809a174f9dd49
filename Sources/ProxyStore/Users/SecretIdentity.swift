import MTProtoWire

/// What of a secret a client can prove: its key and whether it speaks FakeTLS. Two users cannot share that.
struct SecretIdentity: Hashable {
    private let key: Block16
    private let isFakeTLS: Bool

    init(_ secret: ProxySecret) {
        key = secret.key
        isFakeTLS = if case .fakeTLS = secret.kind { true } else { false }
    }
}
