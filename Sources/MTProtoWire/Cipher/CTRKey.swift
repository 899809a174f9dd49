/// What makes an AES-256-CTR keystream: 32 bytes of key and the 16 bytes of the first counter block.
///
/// Comparable and copyable, unlike the running `AESCTR` that is made from it.
package struct CTRKey: Hashable, Sendable {
    /// The AES-256 key.
    package var key: Block32
    /// The counter block of offset 0, big-endian.
    package var iv: Block16

    /// Joins a key and its first counter block.
    package init(key: Block32, iv: Block16) {
        self.key = key
        self.iv = iv
    }
}
