import NIOCore

/// Holds accepting back while the connection limit is reached: newcomers wait in the kernel's queue, as they would at
/// any busy host, and go on as soon as somebody leaves.
final class AcceptGate: ChannelDuplexHandler, @unchecked Sendable {
    // Unchecked: confined to its channel's event loop; `EngineState` only carries the reference there.
    typealias InboundIn = any Channel
    typealias OutboundIn = Never

    private let shared: EngineState
    private var context: ChannelHandlerContext?
    private var isHolding = false
    private var isScheduled = false
    private var isStopping = false
    /// Accepted in the same read as the one that reached a limit: a few at most, and nothing is read from them.
    private var waiting: [NIOAny] = []

    init(shared: EngineState) {
        self.shared = shared
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        for client in waiting { unwrapInboundIn(client).close(promise: nil) }
        waiting = []
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        waiting.append(data)
        letIn(context)
    }

    func read(context: ChannelHandlerContext) {
        guard !isStopping else { return }
        letIn(context)
        if let opening = shared.acceptsAgain() {
            isHolding = true
            return schedule(opening, context)
        }
        if waiting.isEmpty, !shared.isFull {
            isHolding = false
            context.read()
        } else {
            isHolding = true
            shared.metrics.acceptPaused(.full)
            shared.events.full(limit: shared.connectionLimit)
        }
    }

    /// A connection could not be accepted: most often for want of descriptors. NIO tries again a second later.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        shared.metrics.acceptFailures.add()
        context.fireErrorCaught(error)
    }

    /// The rate allows more then.
    private func schedule(_ moment: Int64, _ context: ChannelHandlerContext) {
        guard !isScheduled else { return }
        isScheduled = true
        shared.metrics.acceptPaused(.rate)
        shared.events.acceptingTooFast()
        let delay = TimeAmount.milliseconds(max(moment - DeadlineWheel.now(), 1))
        context.eventLoop.assumeIsolated().scheduleTask(in: delay) {
            self.isScheduled = false
            self.open()
        }
    }

    /// Somebody has left.
    func open() {
        if isHolding, let context { read(context: context) }
    }

    /// Lets everybody in who was accepted, limits or not: another process goes on accepting, and could not have them.
    func stop() {
        isStopping = true
        if let context { letIn(context) }
    }

    /// Passes clients on as long as there is room. Their place is taken here, before they are set up, since the next
    /// one is accepted before that.
    private func letIn(_ context: ChannelHandlerContext) {
        while let client = waiting.first {
            guard isStopping || shared.acceptsAgain() == nil, shared.takePlace(orBeyond: isStopping) else { return }
            waiting.removeFirst()
            shared.countAccept()
            unwrapInboundIn(client).closeFuture.whenComplete { [shared] _ in shared.givePlaceBack() }
            context.fireChannelRead(client)
        }
    }
}
