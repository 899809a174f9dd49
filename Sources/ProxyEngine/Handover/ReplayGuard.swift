package import MTProtoWire
package import ProxyPolicy

/// The replay memory of this process, and of the ones before and after it.
///
/// While another process takes over, both may meet the same handshake: this one in connections that it has accepted
/// already. So the other one is asked then, and its answer counts.
package final class ReplayGuard: Sendable {
    /// Asks the process that took over whether it has seen a handshake, which it remembers. Blocks for a moment, since
    /// nothing may be answered to the client before. Only clients who know a secret cause it, once or twice each.
    package typealias Asking = @Sendable (ReplayMark) -> Bool

    private struct State: Sendable {
        var filter: ReplayFilter
        /// What was seen since the memory was copied; nil: nobody wants to know.
        var marks: [ReplayMark]?
        var successor: Asking?
    }

    /// Handshakes within one handover, which takes a minute at most: 8,700 a second. About 20 MiB.
    static let maximumMarks = 1 << 19

    private let state: Locked<State>

    init(_ filter: ReplayFilter) {
        state = Locked(State(filter: filter))
    }

    /// From when on, in Unix time, every hello that was accepted is known.
    package var since: UInt32 { state.withLock { $0.filter.since } }
    package var counters: ReplayFilter.Counters { state.withLock { $0.filter.counters } }
    /// Whether another process has, or is about to have, the memory that counts.
    package var isHandedOver: Bool { state.withLock { $0.successor != nil } }

    /// See ``ReplayFilter/isReplayedHello(_:timestamp:now:)``.
    package func isReplayedHello(_ random: Block32, timestamp: UInt32, now: UInt32) -> Bool {
        judge(.hello(random, timestamp: timestamp)) {
            $0.isReplayedHello(random, timestamp: timestamp, now: now)
        }
    }

    /// See ``ReplayFilter/isReplayedHeader(_:now:)``.
    package func isReplayedHeader(_ key: Block16) -> Bool {
        judge(.header(key)) { $0.isReplayedHeader(key, now: DeadlineWheel.now()) }
    }

    private func judge(_ mark: ReplayMark, _ look: @Sendable (inout ReplayFilter) -> Bool) -> Bool {
        let (isReplayed, ask) = state.withLock { state -> (Bool, Asking?) in
            guard !look(&state.filter) else { return (true, nil) }
            if let marks = state.marks, marks.count <= Self.maximumMarks { state.marks?.append(mark) }
            return (false, state.successor)
        }
        return ask?(mark) ?? isReplayed
    }

    // MARK: Giving

    /// Everything that is remembered; what comes from now on is noted for ``handOver(asking:)``.
    package func copy() -> ReplayMemory {
        state.withLock { state in
            state.marks = []
            return state.filter.memory(now: DeadlineWheel.now())
        }
    }

    /// Everything that is remembered, when nobody is served any more.
    package func memory() -> ReplayMemory {
        state.withLock { $0.filter.memory(now: DeadlineWheel.now()) }
    }

    /// What was seen since ``copy()``. From now on the other process is asked as well.
    ///
    /// - Returns: nil when there were too many to note: nothing changes then.
    package func handOver(asking: @escaping Asking) -> [ReplayMark]? {
        state.withLock { state in
            guard let marks = state.marks, marks.count <= Self.maximumMarks else { return nil }
            state.marks = nil
            state.successor = asking
            return marks
        }
    }

    /// The other process did not begin: this memory alone counts again.
    package func takeBack() {
        state.withLock { state in
            state.marks = nil
            state.successor = nil
        }
    }

    // MARK: Taking

    /// Takes the memory of the process before, ahead of anything of its own.
    package func adopt(_ memory: ReplayMemory) {
        state.withLock { $0.filter.adopt(memory, now: DeadlineWheel.now()) }
    }

    /// Takes what it saw later.
    package func adopt(_ marks: [ReplayMark]) {
        let now = DeadlineWheel.now()
        state.withLock { state in
            for mark in marks { state.filter.adopt(mark, now: now) }
        }
    }

    /// Answers the process before, which still serves clients that it had accepted.
    ///
    /// - Parameter unixTime: now.
    package func wasSeen(_ mark: ReplayMark, unixTime: UInt32 = EngineState.unixTime()) -> Bool {
        switch mark {
        case .hello(let random, let timestamp): isReplayedHello(random, timestamp: timestamp, now: unixTime)
        case .header(let key): isReplayedHeader(key)
        }
    }
}
