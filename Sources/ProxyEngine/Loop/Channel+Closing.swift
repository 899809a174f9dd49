import NIOCore
import ProxyPolicy

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension Channel {
    /// Shuts down the sending side once everything queued has gone out.
    ///
    /// `close(mode: .output)` alone would drop what is queued when the other half is already shut.
    func closeOutputAfterFlush(_ eventLoop: any EventLoop) {
        guard hasQueuedBytes else { return close(mode: .output, promise: nil) }
        let channel = self
        writeAndFlush(ByteBuffer()).assumeIsolated().whenComplete { _ in
            channel.close(mode: .output, promise: nil)
        }
    }

    /// Closes both sides once everything queued has gone out.
    func closeAfterFlush() {
        guard hasQueuedBytes else { return close(promise: nil) }
        let channel = self
        writeAndFlush(ByteBuffer()).assumeIsolated().whenComplete { _ in
            channel.close(promise: nil)
        }
    }

    /// Most of the time the kernel has taken everything, and no promise is needed to find that out.
    private var hasQueuedBytes: Bool {
        guard let count = try? syncOptions?.getOption(.bufferedWritableBytes) else { return true }
        return count > 0
    }

    /// Closes at once with a reset, as the other side did.
    func closeWithReset() {
        if let options = self as? any SocketOptionProvider {
            _ = options.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        }
        close(promise: nil)
    }

    /// The options that every connection of either side has. Set here, synchronously, and not on the bootstrap, which
    /// would make a future for each of them.
    func applyOptions(of loop: LoopContext, allocator: SharedReceiveAllocator) {
        guard let options = syncOptions else { return }
        try? options.setOption(.recvAllocator, value: allocator)
        try? options.setOption(.maxMessagesPerRead, value: 1)
        try? options.setOption(.allowRemoteHalfClosure, value: true)
    }

    func setReading(_ isOn: Bool) {
        try? syncOptions?.setOption(.autoRead, value: isOn)
    }

    /// The options of upstream connections.
    func enableKeepAlive() { apply(ClientSocketOptions()) }

    /// Lets the kernel find out about peers that are gone: after some silence, three probes 10 s apart.
    ///
    /// Straight to the socket: an option of NIO's costs a dozen dynamic casts, and every connection needs four.
    func apply(_ options: ClientSocketOptions) {
        try? pipeline.syncOperations.withUnsafeTransportIfAvailable(of: CInt.self) { socket in
            func set(_ level: CInt, _ name: CInt, _ value: CInt) {
                var value = value
                setsockopt(socket, level, name, &value, socklen_t(MemoryLayout<CInt>.size))
            }
            set(SOL_SOCKET, SO_KEEPALIVE, 1)
            #if os(Linux)
                set(CInt(IPPROTO_TCP), TCP_KEEPIDLE, CInt(clamping: options.keepAliveSeconds))
                set(CInt(IPPROTO_TCP), TCP_KEEPINTVL, 10)
                set(CInt(IPPROTO_TCP), TCP_KEEPCNT, 3)
                if let clamp = options.windowClampBytes {
                    set(CInt(IPPROTO_TCP), TCP_WINDOW_CLAMP, CInt(clamping: clamp))
                }
                if let timeout = options.userTimeoutMilliseconds {
                    set(CInt(IPPROTO_TCP), TCP_USER_TIMEOUT, CInt(clamping: timeout))
                }
            #endif
        }
    }

    func setSocketBuffers(_ bytes: Int?) {
        guard let bytes, let options = syncOptions else { return }
        let size = ChannelOptions.Types.SocketOption.Value(clamping: bytes)
        try? options.setOption(.socketOption(.so_rcvbuf), value: size)
        try? options.setOption(.socketOption(.so_sndbuf), value: size)
    }
}
