import CKeystream

/// A running AES-256-CTR keystream (FIPS 197; NIST SP 800-38A section 6.5: one 128-bit big-endian counter).
///
/// Held inline (272 bytes, no heap). It cannot be copied, so no part of a keystream is used twice by accident.
/// Source and destination of every method are the same memory or disjoint.
package struct AESCTR: ~Copyable, Sendable {
    private var stream: ck_ctr

    /// Starts at offset 0 of the keystream whose first counter block is `iv`.
    package init(key: Block32, iv: Block16) {
        self.init(CTRKey(key: key, iv: iv))
    }

    /// Starts at offset 0 of the keystream that `keys` describe; without keys, of one that changes nothing: the side of
    /// a connection that is not enciphered.
    package init(_ keys: CTRKey?) {
        var stream = ck_ctr()
        if let keys {
            keys.key.withUnsafeBytes { key in
                keys.iv.withUnsafeBytes { iv in
                    guard let key = key.bytePointer, let iv = iv.bytePointer else { return }
                    ck_ctr_init(&stream, key, iv)
                }
            }
        } else {
            ck_ctr_init_identity(&stream)
        }
        self.stream = stream
    }

    /// The bytes of keystream consumed so far.
    package var offset: UInt64 { stream.offset }

    /// Moves to an absolute offset, forwards or backwards, at no cost.
    package mutating func seek(to offset: UInt64) {
        stream.offset = offset
    }

    /// Encrypts or decrypts `source` into `destination`, which has room for as many bytes, and advances.
    package mutating func apply(_ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawPointer) {
        guard let bytes = source.bytePointer else { return }
        ck_ctr_xor(&stream, destination.bytePointer, bytes, source.count)
    }

    /// Encrypts or decrypts the bytes where they are, and advances.
    package mutating func apply(inPlace bytes: UnsafeMutableRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        apply(UnsafeRawBufferPointer(bytes), into: base)
    }

    /// Encrypts or decrypts a copy of `bytes`, and advances.
    package mutating func apply(_ bytes: [UInt8]) -> [UInt8] {
        var result = bytes
        result.withUnsafeMutableBytes { apply(inPlace: $0) }
        return result
    }

    /// Writes the keystream from an absolute offset into `destination`, without advancing.
    package func keystream(at offset: UInt64, into destination: UnsafeMutableRawBufferPointer) {
        guard let base = destination.baseAddress else { return }
        withUnsafePointer(to: stream) { ck_ctr_peek($0, offset, base.bytePointer, destination.count) }
    }

    /// Takes one cipher off and puts another one on in a single pass:
    /// destination = source ^ keystream(first) ^ keystream(second). Both advance.
    ///
    /// The two may stand anywhere; offsets that are equal modulo 16 are the fast case.
    package static func transcode(
        _ first: inout AESCTR,
        _ second: inout AESCTR,
        _ source: UnsafeRawBufferPointer,
        into destination: UnsafeMutableRawPointer
    ) {
        guard let bytes = source.bytePointer else { return }
        ck_ctr_xor2(&first.stream, &second.stream, destination.bytePointer, bytes, source.count)
    }

    /// The same, also XORed with a repeating WebSocket mask (RFC 6455 section 5.3).
    ///
    /// - Parameters:
    ///   - mask: the four mask bytes as they stand in memory, read little-endian.
    ///   - phase: how far into the frame's payload the first byte stands; only its remainder modulo 4 counts.
    package static func transcode(
        _ first: inout AESCTR,
        _ second: inout AESCTR,
        _ source: UnsafeRawBufferPointer,
        into destination: UnsafeMutableRawPointer,
        mask: UInt32,
        phase: Int
    ) {
        guard let bytes = source.bytePointer else { return }
        let phase = UInt32(truncatingIfNeeded: phase & 3)
        ck_ctr_xor2_masked(
            &first.stream, &second.stream, destination.bytePointer, bytes, source.count, mask, phase)
    }

    /// What runs on this machine: "avx512-vaes", "avx2-vaes", "aes-ni", "armv8" or "portable".
    package static var implementationName: String { String(cString: ck_level_name()) }
}
