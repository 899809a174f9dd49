import Synchronization

/// Gives sessions their behaviour and remembers them, for every server that plays a data center.
package final class DataCenterDesk: Sendable {
    private struct State {
        var standing: DataCenterBehaviour
        var queued: [DataCenterBehaviour] = []
        var sessions: [DataCenterSession] = []
        var violations: [String] = []
        var checksMessages = false
    }
    private let state: Mutex<State>

    init(_ behaviour: DataCenterBehaviour) {
        state = Mutex(State(standing: behaviour))
    }

    /// What every later session gets, unless something is queued.
    package func setBehaviour(_ behaviour: DataCenterBehaviour) {
        state.withLock { $0.standing = behaviour }
    }

    /// What the next sessions get, one each, before the standing behaviour applies again.
    package func enqueue(_ behaviours: DataCenterBehaviour...) {
        state.withLock { $0.queued += behaviours }
    }

    /// Demands that each WebSocket message is exactly one packet, the header alone being the first.
    package func setChecksMessages(_ checks: Bool) {
        state.withLock { $0.checksMessages = checks }
    }

    /// Sessions so far, in the order in which they began; live ones can be told to send, pause or end.
    package var sessions: [DataCenterSession] { state.withLock { $0.sessions } }

    /// The facts of every session so far.
    package var facts: [SessionFacts] { sessions.map { $0.facts } }

    /// Rules that were broken, in words.
    package var violations: [String] { state.withLock { $0.violations } }

    /// The session with this index, as soon as its header was read.
    package func session(_ index: Int, timeout: Duration = .seconds(60)) async throws -> DataCenterSession {
        try await eventually(timeout: timeout, "session \(index) of a data center") {
            let sessions = self.sessions
            return sessions.indices.contains(index) && sessions[index].hasHeader
        }
        return sessions[index]
    }

    func note(_ violation: String) {
        state.withLock { $0.violations.append(violation) }
    }

    func serve(_ transport: any SessionTransport, as behaviour: DataCenterBehaviour? = nil) async {
        let (session, behaviour) = state.withLock { state in
            let next = behaviour ?? (state.queued.isEmpty ? state.standing : state.queued.removeFirst())
            let session = DataCenterSession(
                transport: transport,
                checksMessages: state.checksMessages,
                seed: UInt64(state.sessions.count),
                note: { [weak self] in self?.note($0) }
            )
            state.sessions.append(session)
            return (session, next)
        }
        await session.run(behaviour)
    }
}
