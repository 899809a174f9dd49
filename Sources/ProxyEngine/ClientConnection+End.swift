import MTProtoWire
package import NIOCore
import ProxyPolicy

/// How a connection ends: by its client, its upstream, a deadline, or the server.
extension ClientConnection {
    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed? = event as? ChannelEvent else { return }
        if let gateway, !isEnded { return gateway.clientEnded() }
        clientHasEnded = true
        switch phase {
        case .relaying(let relay):
            if upstreamHasEnded { return finish(.clientClosed, flushing: true) }
            relay.clientEnded()
            answerDeadline.cancel()
            loop.wheel.arm(deadline, for: self, after: Self.closingMilliseconds)
        case .masked(let pipe): pipe.clientEnded()
        case .connecting where early.readableBytes > 0: break
        case .handshake:
            // Half of a connection is enough for a mask host's answer.
            meetStranger(.closed)
            if case .masked(let pipe) = phase { pipe.clientEnded() } else { finish(.clientClosed) }
        case .proxyHeader, .awaitingQuery, .connecting, .silent, .closing, .ended: finish(.clientClosed)
        }
    }

    func upstreamEnded() {
        guard case .relaying(let relay) = phase, !upstreamHasEnded else { return }
        upstreamHasEnded = true
        // A data center that answers the client's end with its own has let nobody down, even if it said nothing.
        if clientHasEnded { return finish(.clientClosed, flushing: true) }
        guard relay.hasAnswer else {
            upstreamHasEnded = false
            return relayFailed(.closedEarly)
        }
        if relay.endsWholly { return finish(.upstreamClosed, flushing: true) }
        channel?.closeOutputAfterFlush(loop.eventLoop)
        loop.wheel.arm(deadline, for: self, after: Self.closingMilliseconds)
    }

    func upstreamClosed() {
        guard case .relaying(let relay) = phase else { return }
        if clientHasEnded { return finish(.clientClosed, flushing: true) }
        guard relay.hasAnswer else { return relayFailed(.closedEarly) }
        finish(.upstreamClosed, flushing: true)
    }

    func relayEnded(_ reason: CloseReason) { finish(reason) }

    package func deadlineReached(_ deadline: Deadline) {
        if deadline === answerDeadline { return answerOverdue() }
        if let pacing, pacing.owns(deadline) { return pauseOver(deadline) }
        switch phase {
        case .proxyHeader:
            // Whatever stands there so far is the forwarder's, and nothing for a mask host.
            meetStranger(.badProxyHeader)
            finish(.handshakeTimeout)
        case .handshake:
            meetStranger(.timeout)
            if case .silent = phase { finish(.handshakeTimeout) }
        case .silent, .closing:
            finish(.handshakeTimeout)
        case .relaying:
            let idle = DeadlineWheel.now() - lastActivity
            let limit =
                clientHasEnded || upstreamHasEnded
                ? Self.closingMilliseconds : loop.settings.configuration.relay.idleTimeoutMilliseconds
            if idle >= limit {
                finish(clientHasEnded ? .clientClosed : upstreamHasEnded ? .upstreamClosed : .idle)
            } else {
                loop.wheel.arm(deadline, for: self, after: limit - idle)
            }
        case .ended:
            // What was left for a client that does not read.
            channel?.close(promise: nil)
        case .awaitingQuery, .connecting, .masked:
            break
        }
    }

    /// The client has spoken and the data center is silent: another route may do better. Where there is none, the
    /// session goes on waiting; the route is marked all the same.
    private func answerOverdue() {
        guard case .relaying(let relay) = phase, !relay.hasAnswer, let route else { return }
        let hasAlternative = shared.routes.withLock {
            $0.plan(
                for: dataCenter, usesMiddleProxies: usesMiddleProxies, now: DeadlineWheel.now(), shuffle: &loop.random
            ).tries.contains { !triedRoutes.contains($0) }
        }
        if hasAlternative, relay.early != nil, !isOverBudget {
            relayFailed(.silent)
        } else {
            report(.silent, of: route)
        }
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case .masked(let pipe) = phase { return pipe.clientFailed(error) }
        failed(error)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        if case .masked(let pipe) = phase { pipe.clientClosed() }
        finish(.clientClosed)
        deadline.cancel()
        channel = nil
        admission.leave()
        loop.connections[number] = nil
    }

    /// The server stops: sessions end in good order.
    func drain() {
        if case .ended = phase { return channel?.closeAfterFlush() ?? () }
        finish(.drained, flushing: true)
    }

    /// Whether a client is being served: what a draining server waits for.
    var isServing: Bool {
        switch phase {
        case .connecting, .relaying: true
        default: false
        }
    }

    var isEnded: Bool { if case .ended = phase { true } else { false } }

    func finish(_ reason: CloseReason, flushing: Bool = false) {
        if case .ended = phase { return }
        let last = phase
        phase = .ended
        deadline.cancel()
        answerDeadline.cancel()
        admission.handshakeFinished()
        endSearch()
        pacing?.cancel()
        let flushing = gateway?.sessionEnds() ?? false || flushing
        switch last {
        case .relaying(let relay):
            count(relay)
            relay.close(flushing: reason == .clientClosed)
        case .connecting(let runner): runner.cancel()
        case .masked(let pipe): pipe.close()
        default: break
        }
        if flushing {
            loop.wheel.arm(deadline, for: self, after: Self.closingMilliseconds)
            closeInGoodOrder(isUrgent: reason == .drained)
        } else {
            channel?.close(promise: nil)
        }
        guard greeting != nil else { return }
        loop.serving -= 1
        if let account { account.leave(from: userAddress) }
        logEnd(reason)
    }

    /// Sends what is left and FIN, and waits for the client's own end, taking what it still says: a socket closed upon
    /// unread bytes answers with a reset, which would destroy what is on its way to the client.
    private func closeInGoodOrder(isUrgent: Bool) {
        if isUrgent { return channel?.closeAfterFlush() ?? () }
        channel?.closeOutputAfterFlush(loop.eventLoop)
        holds = []
        channel?.setReading(true)
    }

    private func logEnd(_ reason: CloseReason) {
        let summary = SessionSummary(
            number: number,
            address: address,
            userName: account?.name ?? "anyone",
            dataCenter: dataCenter,
            route: route,
            reason: reason,
            bytesUp: bytes.up,
            bytesDown: bytes.down,
            milliseconds: DeadlineWheel.now() - began
        )
        shared.events.sessionEnded(summary)
        shared.metrics.sessionEnded(reason)
    }

    /// Adds to the counters what this session moved since the last time.
    func countBytes() {
        guard case .relaying(let relay) = phase else { return }
        count(relay)
    }

    private func count(_ relay: any SessionRelay) {
        let new = bytes.update(up: relay.bytesUp, down: relay.bytesDown)
        if new.up > 0 { shared.metrics.bytesUp.add(new.up) }
        if new.down > 0 { shared.metrics.bytesDown.add(new.down) }
        shared.metrics.moved(relay.route.kind, up: new.up, down: new.down)
        account?.count(up: new.up, down: new.down)
    }
}
