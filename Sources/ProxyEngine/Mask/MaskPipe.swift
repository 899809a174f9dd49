import NIOCore
import NIOPosix
import ProxyPolicy

/// A stranger's connection to the mask host: a transparent pipe from the first byte on.
///
/// What either side does, the other one sees: bytes, the end of one half, a reset. No byte is looked at, nothing is
/// counted against the stranger, and no clock of ours runs.
final class MaskPipe: @unchecked Sendable {
    // Unchecked: confined to the event loop of its context.

    private let client: any Channel
    private let target: SocketTarget
    private let loop: LoopContext
    private var host: (any Channel)?
    private var hostAddress: SocketAddress?
    private var clientHasEnded = false
    private var hostHasEnded = false
    private var clientIsPaused = false
    private var hostIsPaused = false
    private var isClosed = false

    init(client: any Channel, target: SocketTarget, loop: LoopContext) {
        self.client = client
        self.target = target
        self.loop = loop
    }

    /// Connects and hands over what the stranger has said so far. The stranger is not read meanwhile.
    func start(prefix: ByteBuffer) {
        client.setReading(false)
        clientIsPaused = true
        let bootstrap = UpstreamBootstrap.make(loop) { [self] channel in
            try channel.pipeline.syncOperations.addHandler(MaskHostHandler(pipe: self))
        }
        UpstreamBootstrap.connect(bootstrap, to: target, loop).assumeIsolated().whenComplete { result in
            switch result {
            case .success(let channel): self.connected(channel, prefix)
            case .failure(let error): self.hostUnreachable(error)
            }
        }
    }

    private func connected(_ channel: any Channel, _ prefix: ByteBuffer) {
        guard !isClosed else { return channel.close(promise: nil) }
        host = channel
        hostAddress = channel.localAddress
        loop.shared.maskConnectionBegan(hostAddress, to: channel.remoteAddress)
        if prefix.readableBytes > 0 { up(prefix) }
        if clientHasEnded { channel.closeOutputAfterFlush(loop.eventLoop) }
        if channel.isWritable { resumeClient() }
    }

    private func hostUnreachable(_ error: any Error) {
        loop.shared.events.maskUnreachable(target, RouteFailure(classifying: error))
        guard !isClosed else { return }
        isClosed = true
        // As the stranger would meet it at the host itself: nobody there.
        client.closeWithReset()
    }

    // MARK: Stranger to host

    func up(_ buffer: ByteBuffer) {
        guard let host else { return }
        loop.shared.metrics.maskedBytesUp.add(buffer.readableBytes)
        loop.counts.wrote(buffer.readableBytes)
        host.writeAndFlush(buffer, promise: nil)
        if !host.isWritable, !clientIsPaused {
            clientIsPaused = true
            client.setReading(false)
        }
    }

    private func resumeClient() {
        guard clientIsPaused else { return }
        clientIsPaused = false
        client.setReading(true)
    }

    func clientEnded() {
        guard !clientHasEnded else { return }
        clientHasEnded = true
        if hostHasEnded { return host?.closeAfterFlush() ?? () }
        host?.closeOutputAfterFlush(loop.eventLoop)
    }

    func clientFailed(_ error: any Error) {
        isClosed = true
        if RouteFailure(classifying: error) == .reset { host?.closeWithReset() } else { host?.close(promise: nil) }
        client.close(promise: nil)
    }

    func clientClosed() {
        guard !isClosed else { return }
        isClosed = true
        host?.closeAfterFlush()
    }

    func clientWritabilityChanged() {
        guard hostIsPaused, client.isWritable else { return }
        hostIsPaused = false
        host?.setReading(true)
    }

    // MARK: Host to stranger

    fileprivate func down(_ buffer: ByteBuffer) {
        loop.shared.metrics.maskedBytesDown.add(buffer.readableBytes)
        loop.counts.read(buffer.readableBytes)
        loop.counts.wrote(buffer.readableBytes)
        client.writeAndFlush(buffer, promise: nil)
        loop.receive.giveBack(buffer)
        if !client.isWritable, !hostIsPaused {
            hostIsPaused = true
            host?.setReading(false)
        }
    }

    fileprivate func hostWritable() {
        if host?.isWritable == true { resumeClient() }
    }

    fileprivate func hostEnded() {
        guard !hostHasEnded else { return }
        hostHasEnded = true
        if clientHasEnded { return client.closeAfterFlush() }
        client.closeOutputAfterFlush(loop.eventLoop)
    }

    fileprivate func hostFailed(_ error: any Error) {
        guard !isClosed, host != nil else { return }
        isClosed = true
        if RouteFailure(classifying: error) == .reset { client.closeWithReset() } else { client.closeAfterFlush() }
        host?.close(promise: nil)
    }

    fileprivate func hostClosed() {
        loop.shared.maskConnectionEnded(hostAddress)
        hostAddress = nil
        guard !isClosed else { return }
        isClosed = true
        client.closeAfterFlush()
    }

    /// Ends both sides: the server stops.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        host?.close(promise: nil)
    }
}

private final class MaskHostHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let pipe: MaskPipe

    init(pipe: MaskPipe) {
        self.pipe = pipe
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { pipe.down(unwrapInboundIn(data)) }

    func channelWritabilityChanged(context: ChannelHandlerContext) { pipe.hostWritable() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { pipe.hostEnded() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { pipe.hostFailed(error) }

    func channelInactive(context: ChannelHandlerContext) { pipe.hostClosed() }
}
