import NIOCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One connection to the control socket: reads a line, has it done, writes the answer, and again.
///
/// A request that follows another waits in the kernel: nothing is read while one is being done.
final class ControlConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    /// The connections there are; belongs to the one event loop of the server.
    final class Registry: @unchecked Sendable {
        let maximum: Int
        private var open: [ObjectIdentifier: (channel: any Channel, connection: ControlConnection)] = [:]

        init(maximum: Int) {
            self.maximum = maximum
        }

        /// False when there are too many already.
        fileprivate func enter(_ channel: any Channel, _ connection: ControlConnection) -> Bool {
            guard open.count < maximum else { return false }
            open[ObjectIdentifier(channel)] = (channel, connection)
            return true
        }

        fileprivate func leave(_ channel: any Channel) {
            open[ObjectIdentifier(channel)] = nil
        }

        func closeAll() {
            for (channel, _) in open.values { channel.close(promise: nil) }
        }

        /// Closes all connections, those that wait for an answer when they have it.
        ///
        /// - Returns: these.
        func closeAfterAnswers() -> [any Channel] {
            for (channel, connection) in open.values {
                if connection.isBusy { connection.isLast = true } else { channel.close(promise: nil) }
            }
            return open.values.map(\.channel).filter(\.isActive)
        }
    }

    private let registry: Registry
    private let bounds: ControlServer.Bounds
    private let handler: ControlServer.Handler
    private var received = ByteBuffer()
    /// Up to here `received` holds no line's end.
    private var searched = 0
    fileprivate var isBusy = false
    /// Nothing is asked after this answer.
    fileprivate var isLast = false
    private var isClosing = false
    private var deadline: Scheduled<Void>?

    init(registry: Registry, bounds: ControlServer.Bounds, handler: @escaping ControlServer.Handler) {
        self.registry = registry
        self.bounds = bounds
        self.handler = handler
    }

    func channelActive(context: ChannelHandlerContext) {
        guard registry.enter(context.channel, self) else {
            refuse(
                ControlError(.busy, "there are \(registry.maximum) connections already", hint: "try again"), context)
            return
        }
        restartDeadline(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        registry.leave(context.channel)
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func read(context: ChannelHandlerContext) {
        if !isBusy, !isClosing { context.read() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosing else { return }
        var bytes = unwrapInboundIn(data)
        received.writeBuffer(&bytes)
        if !isBusy { serveNext(context) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func serveNext(_ context: ChannelHandlerContext) {
        let view = received.readableBytesView.dropFirst(searched)
        guard let end = view.firstIndex(of: UInt8(ascii: "\n")) else {
            searched = received.readableBytes
            guard searched > bounds.lineBytes else { return }
            refuse(tooLong, context)
            return
        }
        let length = end - received.readerIndex
        searched = 0
        guard length <= bounds.lineBytes, let line = received.readSlice(length: length) else {
            refuse(tooLong, context)
            return
        }
        received.moveReaderIndex(forwardBy: 1)
        received.discardReadBytes()
        serve(line, context)
    }

    private var tooLong: ControlError {
        ControlError(.tooLong, "a request is longer than \(bounds.lineBytes) bytes", hint: "send it in parts")
    }

    private func serve(_ line: ByteBuffer, _ context: ChannelHandlerContext) {
        isBusy = true
        let loop = context.eventLoop
        let handler = handler
        let myself = NIOLoopBound(self, eventLoop: loop)
        let bound = NIOLoopBound(context, eventLoop: loop)
        // The one task outside of structured concurrency: it ends with its request.
        Task { @Sendable in
            let bytes = ControlLine.encode(
                await Self.answer(to: line) { request in
                    if let milliseconds = request.answerMilliseconds {
                        loop.execute { myself.value.restartDeadline(bound.value, milliseconds) }
                    }
                    return await handler(request)
                })
            loop.execute { myself.value.finish(bytes, bound.value) }
        }
    }

    private static func answer(to line: ByteBuffer, _ handler: ControlServer.Handler) async -> ControlReply {
        do {
            return await handler(try ControlLine.request(line.readableBytesView))
        } catch {
            return .failure(error)
        }
    }

    private func finish(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
        guard !isClosing else { return }
        let myself = NIOLoopBound(self, eventLoop: context.eventLoop)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let written = context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)))
        written.assumeIsolated().whenSuccess {
            let (connection, context) = (myself.value, bound.value)
            guard !connection.isClosing else { return }
            if connection.isLast { return context.close(promise: nil) }
            connection.isBusy = false
            connection.restartDeadline(context)
            connection.serveNext(context)
            connection.read(context: context)
        }
    }

    private func restartDeadline(_ context: ChannelHandlerContext, _ milliseconds: Int64? = nil) {
        deadline?.cancel()
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let milliseconds = milliseconds ?? bounds.requestMilliseconds
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds)) {
            [weak self] in
            self?.expire(bound.value)
        }
    }

    private func expire(_ context: ChannelHandlerContext) {
        guard isBusy || received.readableBytes > 0 else {
            // It asked nothing: there is nobody to tell.
            isClosing = true
            context.close(promise: nil)
            return
        }
        let hint =
            isBusy ? "it may be done all the same: look before you try again" : "send the whole line at once"
        refuse(
            ControlError(.timeout, "the request took longer than \(bounds.requestMilliseconds) ms", hint: hint),
            context)
    }

    /// Says why, and closes; does not wait for a client that does not read.
    private func refuse(_ error: ControlError, _ context: ChannelHandlerContext) {
        isClosing = true
        let bytes = ControlLine.encode(ControlReply.failure(error))
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        // With the closing of a socket that has unread bytes the answer would be lost, too: it gets a moment.
        context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(Self.farewellMilliseconds)) {
            bound.value.close(promise: nil)
        }
    }

    private static let farewellMilliseconds: Int64 = 200
}
