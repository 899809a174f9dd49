package import NIOCore

/// The one receive buffer that all channels of an event loop read into.
///
/// A pool per channel would pin several buffers of peak size in every idle session. Here the buffer is lent for one
/// read and given back by ``giveBack(_:)`` when its bytes have been used up; a reader that keeps it instead costs a
/// new allocation, nothing else. Confined to its event loop.
package final class ReceiveBuffer {
    private let capacity: Int
    private var spare: ByteBuffer?

    package init(capacity: Int) {
        self.capacity = capacity
    }

    fileprivate func lend(_ allocator: ByteBufferAllocator) -> ByteBuffer {
        guard var buffer = spare else { return allocator.buffer(capacity: capacity) }
        spare = nil
        buffer.clear()
        return buffer
    }

    package func giveBack(_ buffer: consuming ByteBuffer) {
        guard spare == nil, buffer.storageCapacity >= capacity else { return }
        spare = buffer
    }
}

/// Lets channels of one event loop read into its ``ReceiveBuffer``.
///
/// NIO keeps the first buffer that a channel has read into for as long as the channel lives, so the first one is small
/// and the channel's own. With `maxMessagesPerRead` at 1 (which is also how many buffers NIO would keep) and an
/// allocator that says that its buffers may grow, NIO asks again for each further read and keeps nothing.
package struct SharedReceiveAllocator: RecvByteBufferAllocator, @unchecked Sendable {
    // Unchecked: NIO calls an allocator on its channel's event loop alone, where the buffer lives.

    /// Holds an obfuscated2 header with its first packet, or a ClientHello of the classic 517 bytes.
    private static let firstReadBytes = 640

    private let shared: ReceiveBuffer
    private var hasRead = false

    package init(_ shared: ReceiveBuffer) {
        self.shared = shared
    }

    package func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        hasRead ? shared.lend(allocator) : allocator.buffer(capacity: Self.firstReadBytes)
    }

    package mutating func record(actualReadBytes: Int) -> Bool {
        hasRead = true
        return true
    }
}
