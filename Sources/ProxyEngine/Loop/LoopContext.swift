import MTProtoWire
package import NIOCore
import ProxyPolicy

/// What all connections of one event loop share: buffers, random bytes, deadlines, pools.
///
/// Everything in it is touched on `eventLoop` alone.
package final class LoopContext: @unchecked Sendable {
    // Unchecked: confined to `eventLoop`; only the reference crosses threads, when listeners are made.

    /// Read at once from a socket. Larger reads spare system calls and epoll rounds in bulk; since one buffer serves
    /// the whole loop its size costs nothing per session.
    package static let receiveBytes = 256 << 10
    package static let encryptedReceiveBytes = 64 << 10
    /// What a channel may have queued before its partner is no longer read: the mark that NIO sets by itself. The
    /// memory of a session whose peer does not read stays below this + ``receiveBytes`` in each direction.
    package static let writeHighWater = 64 << 10

    package let eventLoop: any EventLoop
    package let shared: EngineState
    package let wheel: DeadlineWheel
    package let receive = ReceiveBuffer(capacity: LoopContext.receiveBytes)
    /// For channels with TLS: NIOSSL keeps a plaintext buffer per channel that grows to the size of one read.
    package let encryptedReceive = ReceiveBuffer(capacity: LoopContext.encryptedReceiveBytes)
    var random = SecureRandom()
    private var output: ByteBuffer
    private(set) lazy var pool = UpstreamPool(context: self)
    private(set) lazy var middleProxies = MiddleProxyHub(loop: self)
    private(set) lazy var searches = SecretSearches(loop: self)
    /// What is in force on this loop; replaced by a reload.
    var settings: EngineSettings
    /// The users whom newcomers may be; replaced when they change.
    var users: UserSnapshot
    var networks = NetworkRules()
    /// Live connections by number, for draining.
    var connections: [UInt64: ClientConnection] = [:]
    /// Grows whenever bytes of a session move: where it stands still, thousands of idle sessions are not looked at.
    var activity: UInt64 = 0
    private var countedActivity: UInt64 = 0
    /// Clients that are past their handshake.
    var serving = 0
    var counts = LoopCounts()

    package init(eventLoop: any EventLoop, shared: EngineState) {
        self.eventLoop = eventLoop
        self.shared = shared
        wheel = DeadlineWheel(eventLoop: eventLoop)
        settings = shared.settings
        users = shared.users
        output = ByteBufferAllocator().buffer(capacity: Self.receiveBytes + (8 << 10))
    }

    /// Adds to the counters what sessions moved.
    func countBytes() {
        guard activity != countedActivity else { return }
        countedActivity = activity
        for connection in connections.values { connection.countBytes() }
    }

    /// Of the buffers that all sessions of the loop share.
    var sharedBufferBytes: Int { Self.receiveBytes + Self.encryptedReceiveBytes + output.storageCapacity }

    var allocator: SharedReceiveAllocator { SharedReceiveAllocator(receive) }
    var encryptedAllocator: SharedReceiveAllocator { SharedReceiveAllocator(encryptedReceive) }

    /// An empty buffer with room for `bytes`: the loop's own one, unless what was written last is still queued.
    func takeOutput(_ bytes: Int) -> ByteBuffer {
        var buffer = ByteBuffer()
        swap(&buffer, &output)
        buffer.clear()
        buffer.reserveCapacity(bytes)
        return buffer
    }

    /// Gives the buffer of ``takeOutput(_:)`` back once its content went to a channel.
    func returnOutput(_ buffer: consuming ByteBuffer) {
        output = buffer
    }
}
