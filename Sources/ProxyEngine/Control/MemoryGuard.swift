import MTProtoWire
import NIOCore
import ProxyPolicy

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Keeps what sessions hold in memory within the budget: looks every second at what moved, and lets ``MemoryBudget``
/// decide who has to go.
struct MemoryGuard: Sendable {
    private static let interval = Duration.seconds(1)

    private let state: EngineState
    private let loops: [LoopContext]

    init(state: EngineState, loops: [LoopContext]) {
        self.state = state
        self.loops = loops
    }

    func runUntilCancelled() async {
        var seen: [UInt64] = []
        var settings = state.settings
        var budget = Self.budget(settings)
        while (try? await Task.sleep(for: Self.interval, tolerance: .milliseconds(200))) != nil {
            let present = state.settings
            if present !== settings {
                settings = present
                budget = Self.budget(settings)
                seen = []
            }
            // Queues change only where bytes move, and thousands of idle sessions shall cost nothing.
            var activity: [UInt64] = []
            for loop in loops { activity.append(await loop.on { $0.activity } ?? 0) }
            let isCrowded = state.connections > budget.bytes / MemoryBudget.baseSessionBytes / 2
            if activity != seen || isCrowded { await look(budget) }
            seen = activity
        }
    }

    private func look(_ budget: MemoryBudget) async {
        var sessions: [MemoryBudget.Session<UInt64>] = []
        for loop in loops { sessions += await loop.on { $0.memorySessions() } ?? [] }
        let verdict = budget.look(at: sessions, now: DeadlineWheel.now())
        let (closing, flagged) = (Set(verdict.close), Set(verdict.flagged))
        state.metrics.memoryHeld.set(verdict.totalBytes)
        for loop in loops { await loop.on { $0.apply(closing: closing, flagged: flagged) } }
        guard !closing.isEmpty else { return }
        state.metrics.evictions.add(closing.count)
        state.events.evicted(closing.count, budget: budget.bytes)
    }

    static func budget(_ settings: EngineSettings) -> MemoryBudget {
        MemoryBudget(bytes: settings.configuration.limits.memoryBytes ?? defaultBudget())
    }

    private static func defaultBudget() -> Int {
        let pages = sysconf(CInt(_SC_PHYS_PAGES))
        let physical = pages > 0 ? UInt64(pages) * UInt64(sysconf(CInt(_SC_PAGESIZE))) : nil
        let cgroup = limitFiles.lazy.compactMap { SmallFile.read($0, limit: 64) }
            .compactMap { MemoryLimit.limit(fileText: $0) }.first
        return MemoryLimit.budget(physical: physical, cgroup: cgroup)
    }

    /// Where Linux tells a container's limit: control groups of version 2 and 1.
    private static let limitFiles = [
        "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ]
}

extension LoopContext {
    fileprivate func memorySessions() -> [MemoryBudget.Session<UInt64>] {
        connections.values.map { connection in
            MemoryBudget.Session(
                id: connection.number, queuedBytes: connection.heldBytes, lastActivity: connection.lastActivity,
                isFlagged: connection.isOverloaded)
        }
    }

    fileprivate func apply(closing: Set<UInt64>, flagged: Set<UInt64>) {
        for connection in connections.values {
            connection.isOverloaded = flagged.contains(connection.number)
            if closing.contains(connection.number) { connection.evict() }
        }
    }
}

extension ClientConnection {
    /// Bytes that wait in memory for either side of this connection.
    var heldBytes: Int {
        let queued = isWritable ? 0 : queuedBytes
        if case .relaying(let relay) = phase { return queued + relay.heldBytes }
        return queued + early.readableBytes
    }

    func evict() {
        // What waits for somebody who does not read would only stay.
        finish(.evicted)
        channel?.close(promise: nil)
    }
}
