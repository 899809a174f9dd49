import MTProtoWire

/// The three forms of a secret, all with the test key; FakeTLS hides behind ``domain``.
enum SecretForm: String, CaseIterable, Sendable {
    case plain, padded, fakeTLS

    static let domain = "mask.example"

    var secret: ProxySecret {
        switch self {
        case .plain: .make(.plain)
        case .padded: .make(.padded)
        case .fakeTLS: .make(.fakeTLS(domain: Self.domain))
        }
    }

    /// The secret under the form's name.
    var named: NamedSecret { NamedSecret(name: rawValue, secret: secret) }
}

extension ProxySecret {
    /// A FakeTLS secret for the same domain that no proxy of these tests knows.
    static var foreign: ProxySecret {
        guard let key = Block16(bytes: [UInt8](repeating: 0x5a, count: 16)) else { fatalError("16 bytes") }
        return ProxySecret(key: key, kind: .fakeTLS(domain: SecretForm.domain))
    }
}
