import MTProtoWire
import Testing

@Suite
struct AESCTRTests {
    @Test("the offset counts bytes and seeking changes nothing but the offset")
    func offsetAndSeek() throws {
        var cipher = try NISTVector.cipher()
        #expect(cipher.offset == 0)
        #expect(cipher.apply([]) == [])
        #expect(cipher.offset == 0)
        _ = cipher.apply([1, 2, 3])
        #expect(cipher.offset == 3)
        cipher.seek(to: 17)
        #expect(cipher.offset == 17)
        #expect(cipher.apply(Array(NISTVector.plaintext[17..<40])) == Array(NISTVector.ciphertext[17..<40]))
        cipher.seek(to: 0)
        #expect(cipher.apply(NISTVector.ciphertext) == NISTVector.plaintext)
        #expect(cipher.offset == 64)
    }

    @Test("peeking gives the keystream of any place and does not advance")
    func peek() throws {
        var cipher = try NISTVector.cipher()
        cipher.seek(to: 5)
        for start in 0..<64 {
            var keystream = [UInt8](repeating: 0xaa, count: min(4, 64 - start))
            keystream.withUnsafeMutableBytes { cipher.keystream(at: UInt64(start), into: $0) }
            let expected = zip(NISTVector.plaintext, NISTVector.ciphertext).map { $0 ^ $1 }
            #expect(keystream == Array(expected[start..<start + keystream.count]))
        }
        #expect(cipher.offset == 5)
    }

    @Test("in place and out of place are the same")
    func inPlace() throws {
        var bytes = NISTVector.plaintext
        var cipher = try NISTVector.cipher()
        bytes.withUnsafeMutableBytes { cipher.apply(inPlace: $0) }
        #expect(bytes == NISTVector.ciphertext)
        #expect(cipher.offset == 64)
    }

    @Test("buffers without memory are nothing to do")
    func emptyBuffers() throws {
        var first = try NISTVector.cipher()
        var second = try NISTVector.cipher()
        var byte: UInt8 = 7
        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
        withUnsafeMutableBytes(of: &byte) { memory in
            guard let start = memory.baseAddress else { return }
            first.apply(empty, into: start)
            AESCTR.transcode(&first, &second, empty, into: start)
            AESCTR.transcode(&first, &second, empty, into: start, mask: 1, phase: 3)
        }
        first.apply(inPlace: UnsafeMutableRawBufferPointer(start: nil, count: 0))
        first.keystream(at: 1, into: UnsafeMutableRawBufferPointer(start: nil, count: 0))
        #expect(byte == 7)
        #expect(first.offset == 0)
        #expect(second.offset == 0)
    }

    @Test("the phase of a mask counts modulo four, below zero too", arguments: [-1, Int.min, Int.max, -6])
    func maskPhase(phase: Int) throws {
        var first = try NISTVector.cipher()
        var second = try NISTVector.cipher()
        var bytes = [UInt8](repeating: 0, count: 9)
        bytes.withUnsafeMutableBytes { memory in
            guard let start = memory.baseAddress else { return }
            AESCTR.transcode(
                &first, &second, UnsafeRawBufferPointer(memory), into: start, mask: 0x0403_0201, phase: phase)
        }
        // The two keystreams are equal and cancel out.
        #expect(bytes == (0..<9).map { UInt8(($0 &+ phase) & 3) + 1 })
    }

    @Test("the last offsets do not trap")
    func lastOffsets() throws {
        var cipher = try NISTVector.cipher()
        cipher.seek(to: .max - 3)
        _ = cipher.apply([UInt8](repeating: 0, count: 40))
        #expect(cipher.offset == 36)
    }

    @Test("without keys there is an offset and a keystream of zeros")
    func identity() throws {
        var identity = AESCTR(nil)
        #expect(identity.apply(NISTVector.plaintext) == NISTVector.plaintext)
        #expect(identity.offset == 64)
        identity.seek(to: 3)
        #expect(identity.offset == 3)
        var keystream = [UInt8](repeating: 0xaa, count: 40)
        keystream.withUnsafeMutableBytes { identity.keystream(at: 1, into: $0) }
        #expect(keystream == [UInt8](repeating: 0, count: 40))
        #expect(identity.offset == 3)
    }

    @Test("a keystream of zeros beside another one leaves that alone, on either side", arguments: [false, true])
    func identityBesideAnother(isFirst: Bool) throws {
        var identity = AESCTR(nil)
        var cipher = try NISTVector.cipher()
        var result = [UInt8](repeating: 0, count: 64)
        NISTVector.plaintext.withUnsafeBytes { source in
            result.withUnsafeMutableBytes { result in
                guard let start = result.baseAddress else { return }
                if isFirst {
                    AESCTR.transcode(&identity, &cipher, source, into: start)
                } else {
                    AESCTR.transcode(&cipher, &identity, source, into: start)
                }
            }
        }
        #expect(result == NISTVector.ciphertext)
        #expect(identity.offset == 64)
        #expect(cipher.offset == 64)
    }
}
