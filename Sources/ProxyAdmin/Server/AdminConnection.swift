import CoreMetrics
import NIOCore
import NIOHTTP1

/// What a client of the admin place may cost.
package struct AdminBounds: Sendable {
    /// A monitoring system needs one connection; probes and a person come on top.
    package var connections = 16
    /// Bytes of one request, with everything that follows it before it is answered.
    package var requestBytes = 8 << 10
    /// From the beginning of a connection, or of a request, to the last byte of the answer.
    package var requestMilliseconds: Int64 = 10_000
    /// Between two requests.
    package var idleMilliseconds: Int64 = 30_000
    /// How long what was found out is good for: the engine is not asked more often.
    package var answerLife = Duration.seconds(1)

    package init() {}
}

/// One connection to the admin place: reads a request, has it answered, and again.
final class AdminConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    typealias Answer = @Sendable (AdminPage, _ asJSON: Bool) async -> AdminReply

    /// The connections there are; belongs to the one event loop of the server.
    final class Registry: @unchecked Sendable {
        private let maximum: Int
        private var open: [ObjectIdentifier: AdminConnection] = [:]

        init(maximum: Int) {
            self.maximum = maximum
        }

        /// Makes room, if need be by ending a connection that asks nothing; false when all are busy.
        fileprivate func enter(_ connection: AdminConnection) -> Bool {
            if open.count >= maximum {
                guard let idle = open.values.first(where: { $0.state == .idle }) else { return false }
                idle.close()
            }
            open[ObjectIdentifier(connection)] = connection
            return true
        }

        fileprivate func leave(_ connection: AdminConnection) {
            open[ObjectIdentifier(connection)] = nil
        }

        func closeAll() {
            for connection in open.values { connection.close() }
        }
    }

    private enum State {
        /// Nothing was asked yet.
        case new
        case receiving(HTTPRequestHead)
        case answering
        /// Between two requests.
        case idle
        case closed

        static func == (one: State, other: State) -> Bool {
            switch (one, other) {
            case (.idle, .idle): true
            default: false
            }
        }
    }

    private let registry: Registry
    private let router: AdminRouter
    private let bounds: AdminBounds
    private let meter: RequestMeter
    private let answer: Answer
    private let requests: AdminRequestCounts
    private var state = State.new
    private var context: ChannelHandlerContext?
    private var deadline: Scheduled<Void>?

    init(
        registry: Registry, router: AdminRouter, bounds: AdminBounds, meter: RequestMeter,
        requests: AdminRequestCounts, answer: @escaping Answer
    ) {
        self.registry = registry
        self.router = router
        self.bounds = bounds
        self.meter = meter
        self.requests = requests
        self.answer = answer
    }

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        guard registry.enter(self) else { return close() }
        arm(bounds.requestMilliseconds, context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        state = .closed
        deadline?.cancel()
        registry.leave(self)
        self.context = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { close() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed? = event as? ChannelEvent else { return }
        // Whoever has asked before still gets his answer.
        if case .answering = state { return }
        close()
    }

    private func close() {
        if case .closed = state { return }
        state = .closed
        deadline?.cancel()
        registry.leave(self)
        context?.close(promise: nil)
    }

    private func arm(_ milliseconds: Int64, _ context: ChannelHandlerContext) {
        deadline?.cancel()
        let myself = NIOLoopBound(self, eventLoop: context.eventLoop)
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds)) {
            myself.value.close()
        }
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            if case .closed = state { return }
            if case .idle = state { arm(bounds.requestMilliseconds, context) }
            state = .receiving(head)
        case .body:
            // Nothing that is asked here has one. The meter bounds it.
            break
        case .end:
            guard case .receiving(let head) = state else { return }
            state = .answering
            serve(head, context)
        }
    }

    private func serve(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let answer = answer
        switch router.decide(head) {
        case .reply(let reply): finish(reply, head, context)
        case .page(let page, let asJSON):
            let loop = context.eventLoop
            let myself = NIOLoopBound(self, eventLoop: loop)
            let bound = NIOLoopBound(context, eventLoop: loop)
            // The one task outside of structured concurrency: it ends with its request.
            Task { @Sendable in
                let reply = await answer(page, asJSON)
                loop.execute { myself.value.finish(reply, head, bound.value) }
            }
        }
    }

    private func finish(_ reply: AdminReply, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard case .answering = state else { return }
        requests.count(reply.status)
        let body = ByteBuffer(string: reply.body)
        var headers = HTTPHeaders([
            ("Content-Type", reply.contentType), ("Content-Length", "\(body.readableBytes)"),
            ("Cache-Control", "no-store"),
        ])
        for field in reply.fields { headers.add(name: field.name, value: field.value) }
        let staysOpen = head.isKeepAlive
        if !staysOpen { headers.add(name: "Connection", value: "close") }
        if staysOpen, head.version == .http1_0 { headers.add(name: "Connection", value: "keep-alive") }
        let answer = HTTPResponseHead(version: .http1_1, status: reply.status, headers: headers)
        context.write(wrapOutboundOut(.head(answer)), promise: nil)
        if head.method != .HEAD { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        if staysOpen {
            // Writing the end may bring the next request, which has come already.
            state = .idle
            meter.requestEnded()
        }
        let myself = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { result in
            if case .failure = result { return myself.value.close() }
            myself.value.sent(staysOpen: staysOpen)
        }
    }

    private func sent(staysOpen: Bool) {
        guard staysOpen else { return close() }
        if case .idle = state, let context { arm(bounds.idleMilliseconds, context) }
    }
}

/// Stands before everything else and lets no more bytes through than one request may have.
final class RequestMeter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let maximum: Int
    private var received = 0
    private var isFull = false

    init(maximum: Int) {
        self.maximum = maximum
    }

    /// A request was answered: the next one may have as much again.
    func requestEnded() { received = 0 }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isFull else { return }
        received += unwrapInboundIn(data).readableBytes
        guard received > maximum else { return context.fireChannelRead(data) }
        isFull = true
        let answer = "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer))).assumeIsolated().whenComplete { _ in
            bound.value.close(promise: nil)
        }
    }
}

/// Requests by the status that they were answered with: a closed set.
struct AdminRequestCounts: Sendable {
    private static let statuses: [HTTPResponseStatus] = [
        .ok, .unauthorized, .forbidden, .notFound, .methodNotAllowed, .serviceUnavailable,
    ]

    private let counters: [UInt: Counter]

    init(_ registry: MetricsRegistry) {
        counters = Dictionary(
            Self.statuses.map { status in
                (
                    status.code,
                    Counter(
                        label: "martlet_admin_requests_total", dimensions: [("status", "\(status.code)")],
                        factory: registry)
                )
            }
        ) { first, _ in first }
    }

    func count(_ status: HTTPResponseStatus) { counters[status.code]?.increment() }
}
