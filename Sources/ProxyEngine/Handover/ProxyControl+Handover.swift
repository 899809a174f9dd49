package import ProxyPolicy

/// What a handover to another process asks of the running server, step by step.
extension ProxyControl {
    /// The sockets that clients connect to. They belong to the server: pass copies on.
    package var listeningSockets: [ListeningSocket] { state.listening.sockets }

    package var replays: ReplayGuard { state.replays }

    /// Accepts nobody any more; newcomers wait in the kernel's queues. Everybody who was accepted is served.
    package func pauseAccepting() async {
        await state.listening.pause()
    }

    /// Goes on after ``pauseAccepting()``, because the other process did not begin.
    package func resumeAccepting() async throws {
        try await state.listening.resume()
    }

    /// Whether clients are accepted and nobody has said that this shall end.
    package var isListening: Bool { state.stage.now == .listening }

    /// How long sessions may go on after the end of accepting.
    package var drainMilliseconds: Int64 { state.configuration.relay.drainMilliseconds }

    /// Clients that are connected.
    package var connections: Int { state.connections }

    /// Returns when every event loop has done something: never, while one hangs.
    package func allLoopsAnswer() async {
        for loop in state.loops.withLock({ $0 }) { await loop.on { _ in } }
    }

    /// The other process accepts: the server closes its own ends of the sockets, drains, and returns from
    /// ``ProxyServer/run()``.
    package func leave() {
        state.listening.letGo()
    }

    /// Takes what users do in a process that has handed over and still serves them, so that their limits hold.
    ///
    /// - Parameters:
    ///   - deltas: what they moved since the last time.
    ///   - open: the sessions that they have there; counted until the next time, or for a few intervals.
    package func count(_ deltas: [String: UsageDelta], open: [String: Int], in process: Int32) {
        for account in state.accounts {
            let (delta, sessions) = (deltas[account.name], open[account.name] ?? 0)
            if delta != nil || sessions > 0 { account.countElsewhere(delta ?? UsageDelta(), sessions, process) }
        }
    }

    /// Who of these users may not be here any more, at whatever address: removed, disabled, expired, or the quota is
    /// used up.
    package func refused(_ names: some Sequence<String>) -> [String] {
        let accounts = Dictionary(state.accounts.map { ($0.name, $0) }) { first, _ in first }
        return names.filter { accounts[$0]?.mayStay != true }
    }
}
