import Logging
import ProxyEngine
import ProxyPolicy
import ProxyStore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Tells the process that has the database what users still do here, after a handover.
///
/// It is asked on the control socket, so that it does not matter which process that is by then.
actor HandoverUsage {
    private let manager: UserManager
    private let control: ProxyControl
    /// What nobody has taken yet.
    private var unsent: [String: UsageDelta] = [:]

    /// Whether another process has the database.
    private(set) var hasBegun = false

    init(manager: UserManager, control: ProxyControl) {
        self.manager = manager
        self.control = control
    }

    func begin() { hasBegun = true }

    /// Sends what users moved, and ends the sessions of those who may not be here any more.
    ///
    /// - Parameter isLast: where nobody answers any more, it is written to the database here.
    func send(_ deltas: [String: UsageDelta], isLast: Bool) async throws {
        for more in [await manager.takePending(), deltas] { unsent.merge(more) { $0.adding($1) } }
        let open = isLast ? [:] : control.live().mapValues(\.connections).filter { $0.value > 0 }
        guard !unsent.isEmpty || !open.isEmpty else { return }
        let report = UsageReport(pid: getpid(), deltas: unsent, open: open)
        let directory = manager.directory
        let reply = try await onThread { () throws(HandoverError) -> ControlReply? in
            do throws(StoreError) {
                return try ControlClient(directory: directory).ask(.recordUsage(report))
            } catch {
                throw HandoverError("\(error)")
            }
        }
        switch reply {
        case .recorded(let names):
            unsent = [:]
            for name in names { await control.endSessions(of: name) }
        case .failure(let error): throw HandoverError(error.description)
        default:
            // The process that took over is gone, and nobody came after it.
            guard isLast else { return }
            try await manager.takeBack()
            try await manager.record(unsent)
            try await manager.close()
        }
    }
}

extension UsageDelta {
    fileprivate func adding(_ other: UsageDelta) -> UsageDelta {
        UsageDelta(up: up &+ other.up, down: down &+ other.down, sessions: sessions &+ other.sessions)
    }
}
