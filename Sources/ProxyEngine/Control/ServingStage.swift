import Synchronization

/// How far the server is on its way from start to end.
package final class ServingStage: Sendable {
    package enum Stage: UInt8, Sendable {
        case starting, listening, draining
        /// Another process lets newcomers in; who is here already is still served.
        case handedOver
    }

    /// A moment that one task waits for.
    private struct Moment: Sendable {
        private let stream: AsyncStream<Void>
        private let end: AsyncStream<Void>.Continuation

        init() {
            (stream, end) = AsyncStream<Void>.makeStream()
        }

        func come() { end.finish() }
        func wait() async { for await _ in stream {} }
    }

    private let stored = Atomic<UInt8>(Stage.starting.rawValue)
    private let listening = Moment()
    private let handover = Moment()

    package init() {}

    package var now: Stage { Stage(rawValue: stored.load(ordering: .relaxed)) ?? .starting }

    func set(_ stage: Stage) {
        stored.store(stage.rawValue, ordering: .relaxed)
        if stage != .starting { listening.come() }
        if stage == .handedOver { handover.come() }
    }

    fileprivate func waitUntilListening() async { await listening.wait() }
    fileprivate func waitForHandover() async { await handover.wait() }
}

extension ProxyControl {
    /// Returns when clients can connect, or when the task is cancelled. For one who waits.
    package func waitUntilListening() async { await state.stage.waitUntilListening() }

    /// Returns when another process lets newcomers in, or when the task is cancelled. For one who waits.
    package func waitForHandover() async { await state.stage.waitForHandover() }
}
