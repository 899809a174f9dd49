import MTProtoWire
import NIOCore

/// What a link receives, on its way from cipher text to frames: decrypts whole blocks, and keeps the fewer than sixteen
/// bytes that are left over.
struct LinkCipherText {
    private let decryptor: CBCDecryptor
    private var leftOver = ByteBuffer()

    /// - Parameter leftOver: what came behind the handshake and is not a block yet.
    init(_ decryptor: CBCDecryptor, leftOver: ByteBuffer) {
        self.decryptor = decryptor
        self.leftOver = leftOver
    }

    /// Appends what `buffer` holds to `plain`, and leaves `buffer` empty.
    mutating func decrypt(_ buffer: inout ByteBuffer, into plain: inout ByteBuffer) {
        if leftOver.readableBytes > 0 {
            let missing = min(Block16.count - leftOver.readableBytes, buffer.readableBytes)
            if var head = buffer.readSlice(length: missing) { leftOver.writeBuffer(&head) }
            guard leftOver.readableBytes == Block16.count else { return }
            decryptBlocks(&leftOver, into: &plain)
            leftOver.clear()
        }
        decryptBlocks(&buffer, into: &plain)
        if buffer.readableBytes > 0 { leftOver.writeBuffer(&buffer) }
    }

    private func decryptBlocks(_ buffer: inout ByteBuffer, into plain: inout ByteBuffer) {
        let count = buffer.readableBytes & ~(Block16.count - 1)
        guard count > 0 else { return }
        buffer.readWithUnsafeReadableBytes { source in
            plain.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { space in
                guard let start = space.baseAddress else { return 0 }
                decryptor.decrypt(UnsafeRawBufferPointer(rebasing: source.prefix(count)), into: start)
                return count
            }
            return count
        }
    }
}
