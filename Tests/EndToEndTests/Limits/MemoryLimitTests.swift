import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("The memory budget", .serialized)
struct MemoryLimitTests {
    private static let base = MemoryBudget.baseSessionBytes
    private static let held = "martlet_session_memory_bytes"
    private static let evictions = "martlet_evicted_sessions_total"
    private static let download = Array("download".utf8)
    /// More than all sockets on the way hold.
    private static let offered = 4 << 20
    private static let socketBytes = 128 << 10
    /// Clients that do not read what they asked for, and clients that do.
    private static let (stuck, active) = (8, 4)
    /// What a session may have queued: back-pressure stops its upstream behind one more read.
    private static let mostQueued = LoopContext.writeHighWater + LoopContext.receiveBytes

    @Test("Above the budget sessions whose clients do not read are closed, until what is left fits, and nobody else")
    func evicted() async throws {
        // As much as the sessions at rest take and half of what those that are stuck will have queued at least.
        let budget = (Self.stuck + Self.active) * Self.base + Self.stuck * LoopContext.writeHighWater / 2
        try await Self.withCrowd(budget: budget) { proxy, stuck, active in
            try await eventually(timeout: .seconds(60), "somebody's end") {
                for client in active { try await client.exchange([1]) }
                return proxy.metrics.value(Self.evictions) > 0
            }
            try await eventually(timeout: .seconds(60), "what fits into the budget") {
                for client in active { try await client.exchange([2]) }
                return proxy.metrics.value(Self.held) <= budget
            }
            let lines = proxy.log.lines("session ended")
            let evicted = Set(lines.filter { $0["reason"] == "evicted" }.compactMap { $0["client"] })
            #expect(evicted.count == lines.count)
            #expect(evicted.isSubset(of: stuck.keys))
            let told = proxy.log.lines("sessions closed to keep within limits.memory")
            #expect(told.allSatisfy { $0["budget_bytes"] == "\(budget)" })
            #expect(told.compactMap { $0["sessions"].flatMap(Int.init) }.reduce(0, +) == evicted.count)
            #expect(proxy.metrics.value(Self.evictions) == evicted.count)

            for client in active { try await client.exchange([3]) }
            for (address, client) in stuck where evicted.contains(address) {
                client.setReading(paused: false)
                await #expect(throws: KitError.self) { while true { _ = try await client.receive() } }
            }
        }
    }

    @Test("Within the budget nobody is closed: what a session may queue is bounded, and what it queued arrives")
    func within() async throws {
        let budget = (Self.stuck + Self.active) * Self.base + Self.stuck * Self.mostQueued
        try await Self.withCrowd(budget: budget) { proxy, stuck, active in
            // A socket may take some of what is queued after its upstream was stopped, down to half of it.
            let least = (Self.stuck + Self.active) * Self.base + Self.stuck * LoopContext.writeHighWater / 2
            try await eventually(timeout: .seconds(60), "queues that are full") {
                for client in active { try await client.exchange([1]) }
                return proxy.metrics.value(Self.held) >= least
            }
            let seen = try await settled {
                for client in active { try await client.exchange([2]) }
                return proxy.metrics.value(Self.held)
            }
            #expect((least...budget).contains(seen))
            #expect(proxy.metrics.value(Self.evictions) == 0)
            #expect(proxy.log.lines("session ended").isEmpty)
            for client in stuck.values {
                client.setReading(paused: false)
                #expect(try await client.drain(Self.offered).count == Self.offered)
            }
        }
    }

    @Test("Where no client is to blame, the sessions go in which nothing moved for the longest time, an eighth of all")
    func leastActive() async throws {
        let most = 16
        try await withForwarded(adapt: { $0.limits.memoryBytes = most * Self.base }) { proxy, _ in
            var clients: [String: TelegramClient] = [:]
            func come(_ range: Range<Int>) async throws {
                for index in range {
                    let address = "198.51.100.\(index)"
                    clients[address] = try await proxy.client(from: address, SecretForm.allCases[index % 3])
                }
                try await proxy.metrics.reaches(Self.held, range.upperBound * Self.base)
            }
            // A look at the sessions lies between those who came first and the others.
            try await come(0..<4)
            try await come(4..<most)
            #expect(proxy.metrics.value(Self.evictions) == 0)

            let last = try await proxy.client(from: "198.51.100.200")
            try await proxy.metrics.reaches(Self.evictions, 3)
            let lines = proxy.log.lines("session ended")
            #expect(lines.map { $0["reason"] } == ["evicted", "evicted", "evicted"])
            let evicted = Set(lines.compactMap { $0["client"] })
            #expect(evicted.isSubset(of: (0..<4).map { "198.51.100.\($0)" }))
            for (address, client) in clients where !evicted.contains(address) { try await client.exchange([5]) }
            try await last.exchange([6])
            try await proxy.metrics.reaches(Self.held, (most + 1 - 3) * Self.base)
            #expect(proxy.metrics.value(Self.evictions) == 3)
            for client in clients.values { await client.close() }
            await last.close()
        }
    }

    /// Runs a test with clients that asked for a download and do not read it, by their addresses, and others that are
    /// served.
    private static func withCrowd(
        budget: Int, _ body: (RunningProxy, [String: TelegramClient], [TelegramClient]) async throws -> Void
    ) async throws {
        let behaviour = DataCenterBehaviour.script { session in
            while let payload = try await session.receive() {
                if payload == download {
                    try await session.pump(offered)
                } else {
                    try await session.send(payload)
                }
            }
        }
        try await withForwarded(
            behaviour,
            adapt: {
                $0.limits.memoryBytes = budget
                $0.relay.socketBufferBytes = socketBytes
            }
        ) { proxy, _ in
            var (stuck, active): ([String: TelegramClient], [TelegramClient]) = ([:], [])
            for index in 0..<Self.stuck {
                let address = "203.0.113.\(index)"
                let client = try await proxy.client(from: address, SecretForm.allCases[index % 3])
                client.setReading(paused: true)
                try await client.send(download)
                stuck[address] = client
            }
            // Last, so that they are not taken for those in which nothing moves where all this takes its time.
            for index in 0..<Self.active { active.append(try await proxy.client(from: "198.51.100.\(index)")) }
            try await body(proxy, stuck, active)
            for client in active + stuck.values { await client.reset() }
        }
    }
}
