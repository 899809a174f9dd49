import Synchronization

/// Gives links and sessions their behaviour and remembers them.
final class MiddleProxyDesk: Sendable {
    private struct State {
        var behaviour: MiddleProxyBehaviour
        var queuedOpenings: [MiddleProxyOpening] = []
        var queuedSessions: [MiddleProxySessionBehaviour] = []
        var links: [MiddleProxyLink] = []
        var sessions: [MiddleProxySession] = []
        var violations: [String] = []
    }
    let secret: [UInt8]
    private let state: Mutex<State>

    init(_ behaviour: MiddleProxyBehaviour, secret: [UInt8]) {
        self.secret = secret
        state = Mutex(State(behaviour: behaviour))
    }

    var behaviour: MiddleProxyBehaviour { state.withLock { $0.behaviour } }
    var links: [MiddleProxyLink] { state.withLock { $0.links } }
    var sessions: [MiddleProxySession] { state.withLock { $0.sessions } }
    var violations: [String] { state.withLock { $0.violations } }

    func note(_ violation: String) {
        state.withLock { $0.violations.append(violation) }
    }

    func change(_ change: (inout MiddleProxyBehaviour) -> Void) {
        let (links, reading) = state.withLock { state in
            let before = state.behaviour.reading
            change(&state.behaviour)
            // Links that were paused by hand stay so as long as reading is not what changes.
            return (before == state.behaviour.reading ? [] : state.links, state.behaviour.reading)
        }
        for link in links where link.facts.isEstablished { link.setReading(paused: reading == .never) }
    }

    func enqueue(_ openings: [MiddleProxyOpening]) {
        state.withLock { $0.queuedOpenings += openings }
    }

    func enqueue(_ sessions: [MiddleProxySessionBehaviour]) {
        state.withLock { $0.queuedSessions += sessions }
    }

    func serve(_ stream: ByteStream) async {
        let (link, opening) = state.withLock { state in
            let next =
                state.queuedOpenings.isEmpty ? state.behaviour.opening : state.queuedOpenings.removeFirst()
            let link = MiddleProxyLink(stream: stream, index: state.links.count, desk: self)
            state.links.append(link)
            return (link, next)
        }
        await link.run(opening)
    }

    func admit(_ request: LinkRequest, on link: MiddleProxyLink) -> MiddleProxySession {
        state.withLock { state in
            let next = state.queuedSessions.isEmpty ? state.behaviour.session : state.queuedSessions.removeFirst()
            let session = MiddleProxySession(request, on: link, behaviour: next, seed: UInt64(state.sessions.count))
            state.sessions.append(session)
            return session
        }
    }

    /// Sends pings, and ends links when their time is over, until cancelled.
    func keepTime() async {
        var lastPings: [Int: ContinuousClock.Instant] = [:]
        var ended: Set<Int> = []
        while !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(10))
            let behaviour = behaviour
            guard behaviour.pingInterval != nil || behaviour.linkLifetime != nil else { continue }
            for link in links {
                let facts = link.facts
                guard facts.isEstablished, let start = facts.establishedAt else { continue }
                let lastPing = lastPings[link.index] ?? start
                if let lifetime = behaviour.linkLifetime, start.duration(to: .now) >= lifetime {
                    guard ended.insert(link.index).inserted else { continue }
                    await link.keep { behaviour.endsWithReset ? await link.reset() : await link.close() }
                } else if let interval = behaviour.pingInterval, lastPing.duration(to: .now) >= interval {
                    lastPings[link.index] = .now
                    // Whoever does not read must not stop the clock of others.
                    await link.keep { try await link.ping() }
                }
            }
        }
    }
}
