/// One obfuscated2 header, to be tried with many secrets.
///
/// A trial does no more than what tells whether the header was made with a secret: one hash, and one block of the
/// sender's keystream. The rest is derived for the secret that fits, by `Obfuscated2Header`. Among random bytes, 3 in
/// 2^32 trials find a framing.
struct Obfuscated2Trial: Sendable {
    /// Key and counter of the header's direction, as they are without a secret.
    private let material: CTRKey
    /// Bytes 56..<60 as sent.
    private let tag: UInt32

    /// - Parameter header: nil for anything but 64 bytes.
    init?(_ header: UnsafeRawBufferPointer) {
        guard header.count == Obfuscated2Header.length else { return nil }
        material = Obfuscated2Keys.ofSender(header, secret: nil)
        tag = header.loadUnaligned(fromByteOffset: 56, as: UInt32.self)
    }

    /// The framing that the header names if it was made with this secret, else nil.
    ///
    /// - Parameter secret: the secret's key, or nil for a stream without a proxy.
    func framing(secret: Block16?) -> PacketFraming? {
        var keystream: UInt32 = 0
        let cipher = AESCTR(Obfuscated2Keys.keyed(material, with: secret))
        withUnsafeMutableBytes(of: &keystream) { cipher.keystream(at: 56, into: $0) }
        return PacketFraming(tag: tag ^ keystream)
    }
}
