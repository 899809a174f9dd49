import MTProtoWire
import Testing

/// NIST SP 800-38A, appendices F.5.5, CTR-AES256.Encrypt, and F.2.5, CBC-AES256.Encrypt.
enum NISTVector {
    static let key = "603deb1015ca71be2b73aef0857d7781 1f352c073b6108d72d9810a30914dff4"
    static let counter = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
    static let plaintext = bytes(
        """
        6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
        30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710
        """)
    static let ciphertext = bytes(
        """
        601ec313775789a5b7a7f504bbf3d228 f443e3ca4d62b59aca84e990cacaf5c5
        2b0930daa23de94ce87017ba2d84988d dfc9c58db67aada613c2dd08457941a6
        """)

    static let iv = "000102030405060708090a0b0c0d0e0f"
    static let cbcCiphertext = bytes(
        """
        f58c4c04d6e5f1ba779eabfb5f7bfbd6 9cfc4e967edb808d679f777bc6702c7d
        39f23369a9d9bacfa530e26304231461 b2eb05e2c39be9fcda6c19078c6a9d1b
        """)

    static func cbcKey() throws -> CBCKey {
        try CBCKey(key: #require(Block32(bytes: bytes(key))), iv: #require(Block16(bytes: bytes(iv))))
    }

    static func cipher() throws -> AESCTR {
        let key = try #require(Block32(bytes: bytes(key)))
        let iv = try #require(Block16(bytes: bytes(counter)))
        return AESCTR(CTRKey(key: key, iv: iv))
    }

    static func bytes(_ text: String) -> [UInt8] { [UInt8](hex: text) ?? [] }
}
