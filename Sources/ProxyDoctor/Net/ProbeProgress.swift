import Synchronization

/// How far a probe has come, for when its time is up.
final class ProbeProgress<Outcome: Sendable>: Sendable {
    private struct State {
        var outcome: Outcome
        var conversation: Conversation?
        var isClosed = false
    }
    private let state: Mutex<State>

    init(_ outcome: Outcome) {
        state = Mutex(State(outcome: outcome))
    }

    var outcome: Outcome { state.withLock { $0.outcome } }

    func update(_ change: (inout Outcome) -> Void) {
        state.withLock { change(&$0.outcome) }
    }

    /// Closes the conversation when the probe's time is up, or at once when it is up already.
    func keep(_ conversation: Conversation) {
        let isLate = state.withLock { state in
            state.conversation = conversation
            return state.isClosed
        }
        if isLate { conversation.close() }
    }

    func close() {
        let conversation = state.withLock { state in
            state.isClosed = true
            return state.conversation
        }
        conversation?.close()
    }
}
