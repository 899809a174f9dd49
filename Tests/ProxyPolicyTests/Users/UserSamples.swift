import MTProtoWire
import ProxyPolicy

extension User {
    /// A user with one secret of its own and no limits.
    static func sample(_ name: String = "alice", key: UInt8 = 1) -> User {
        User(name: name, secrets: [.sample(key)])
    }
}

extension ProxySecret {
    /// A secret whose key is sixteen times the same byte.
    static func sample(_ byte: UInt8, _ kind: Kind = .plain) -> ProxySecret {
        ProxySecret(key: Block16(bytes: [UInt8](repeating: byte, count: 16)) ?? Block16(), kind: kind)
    }
}

/// An IPv4 address from its number.
func v4(_ number: UInt32) -> IPAddress { IPAddress(v4: number) }
