import MTProtoWire
import Testing

@Suite
struct AESCBCTests {
    @Test("what does not fill a block is left alone and does not move the stream")
    func partialBlocks() throws {
        let encryptor = try CBCEncryptor(NISTVector.cbcKey())
        let decryptor = try CBCDecryptor(NISTVector.cbcKey())
        var bytes = Array(NISTVector.plaintext[..<39])
        bytes.withUnsafeMutableBytes { encryptor.encrypt(inPlace: $0) }
        #expect(bytes == Array(NISTVector.cbcCiphertext[..<32] + NISTVector.plaintext[32..<39]))
        bytes.withUnsafeMutableBytes { bytes in
            encryptor.encrypt(inPlace: UnsafeMutableRawBufferPointer(rebasing: bytes[32...]))
            guard let start = bytes.baseAddress else { return }
            decryptor.decrypt(UnsafeRawBufferPointer(bytes), into: start)
            decryptor.decrypt(UnsafeRawBufferPointer(rebasing: bytes[32...]), into: start)
        }
        #expect(bytes == Array(NISTVector.plaintext[..<39]))

        var rest = Array(NISTVector.plaintext[32...])
        rest.withUnsafeMutableBytes { encryptor.encrypt(inPlace: $0) }
        #expect(rest == Array(NISTVector.cbcCiphertext[32...]))
    }

    @Test("nothing to do is nothing done")
    func empty() throws {
        let encryptor = try CBCEncryptor(NISTVector.cbcKey())
        let decryptor = try CBCDecryptor(NISTVector.cbcKey())
        let nowhere = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        encryptor.encrypt(inPlace: nowhere)
        CBCEncryptor.encrypt([])
        CBCEncryptor.encrypt([CBCEncryptor.Job(stream: encryptor, bytes: nowhere)])
        var bytes = NISTVector.plaintext
        bytes.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            decryptor.decrypt(UnsafeRawBufferPointer(nowhere), into: start)
            encryptor.encrypt(inPlace: bytes)
        }
        #expect(bytes == NISTVector.cbcCiphertext)
    }

    @Test("keys do not print themselves")
    func redaction() throws {
        let key = try NISTVector.cbcKey()
        #expect("\(key)" == "CBCKey(key: Block32(…), iv: Block16(…))")
    }
}
