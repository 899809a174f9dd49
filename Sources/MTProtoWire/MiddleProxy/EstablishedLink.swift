package import NIOCore

/// A link to a middle proxy behind its handshake: what moves frames from here on.
package struct EstablishedLink {
    /// Our direction, behind our handshake frame.
    package let encryptor: CBCEncryptor
    /// The middle proxy's direction, behind the last whole block that came.
    package let decryptor: CBCDecryptor
    /// Numbers frames from 0.
    package var writer: MiddleProxyFrameWriter
    /// Expects frames from 0 on.
    package var reader: MiddleProxyFrameReader
    /// The middle proxy's clock minus ours, seconds.
    package let skewSeconds: Int
    /// Plaintext behind the handshake frame, for `reader`: mostly the filler that completes its last block.
    package let leftover: ByteBuffer
    /// Ciphertext behind that: fewer than 16 bytes of the next block.
    package let undecrypted: ByteBuffer
}
