import BigInt
import Foundation

/// Diffie-Hellman as schema 3 does it: generator 3 in the group of a 2048-bit prime, numbers of 256 bytes, big endian.
package enum LinkExchange {
    /// The prime of RFC 3526 group 14, which no middle proxy of Telegram uses, for tests.
    package static let testPrime: [UInt8] = {
        let text =
            "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd"
            + "ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed"
            + "ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f"
            + "83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b"
            + "e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510"
            + "15728e5a8aacaa68ffffffffffffffff"
        return pad(BigUInt(text, radix: 16) ?? 0)
    }()

    /// 3^exponent mod prime, 256 bytes.
    package static func publicValue(exponent: [UInt8], prime: [UInt8]) -> [UInt8] {
        pad(BigUInt(3).power(BigUInt(Data(exponent)), modulus: BigUInt(Data(prime))))
    }

    /// theirs^exponent mod prime, 256 bytes.
    package static func shared(theirs: [UInt8], exponent: [UInt8], prime: [UInt8]) -> [UInt8] {
        pad(BigUInt(Data(theirs)).power(BigUInt(Data(exponent)), modulus: BigUInt(Data(prime))))
    }

    private static func pad(_ number: BigUInt) -> [UInt8] {
        let bytes = [UInt8](number.serialize())
        return [UInt8](repeating: 0, count: max(0, 256 - bytes.count)) + bytes
    }
}
