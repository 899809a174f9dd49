import Crypto
import CryptoExtras
import Foundation

/// One direction of a link: AES-256-CBC without padding, continued from call to call.
///
/// BoringSSL's, so that the program under test is not checked against its own kernels.
package struct LinkCipher: Sendable {
    private let key: SymmetricKey
    /// The last block of ciphertext, 16 bytes.
    private var chain: [UInt8]

    package init(_ keys: LinkKeys) {
        key = SymmetricKey(data: keys.key)
        chain = keys.iv
    }

    /// - Parameter plain: whole blocks of 16 bytes.
    package mutating func encrypt(_ plain: [UInt8]) throws -> [UInt8] {
        guard !plain.isEmpty else { return [] }
        let iv = try AES._CBC.IV(ivBytes: chain)
        let cipher = [UInt8](try AES._CBC.encrypt(plain, using: key, iv: iv, noPadding: true))
        chain = Array(cipher.suffix(16))
        return cipher
    }

    /// - Parameter cipher: whole blocks of 16 bytes.
    package mutating func decrypt(_ cipher: [UInt8]) throws -> [UInt8] {
        guard !cipher.isEmpty else { return [] }
        let iv = try AES._CBC.IV(ivBytes: chain)
        chain = Array(cipher.suffix(16))
        return [UInt8](try AES._CBC.decrypt(cipher, using: key, iv: iv, noPadding: true))
    }
}
