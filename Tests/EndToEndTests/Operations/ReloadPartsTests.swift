import Foundation
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

/// Single parts of a reload that need a world of their own.
@Suite("Parts of a reload", .serialized, .timeLimit(.minutes(4)))
struct ReloadPartsTests {
    @Test("Warm connections that do not fit any more are closed; one that was handed out is not")
    func pool() async throws {
        try await withKit { kit in
            let edge = kit.keep(try await WebSocketEdge.start())
            let center = kit.keep(try await FakeDataCenter.start())
            var configuration = ProxyConfiguration.defaults
            try await RunningProxy.routed {
                $0.pool.size = 3
                $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
                $0.routes.tcpAddresses = [2: [.loopback(center.port)]]
                configuration = $0
            } _: { proxy in
                try await edge.warmedUp(3)
                configuration.pool.size = 1
                try await proxy.reload(configuration)
                try await eventually(timeout: .seconds(60), "a pool of one") { edge.openConnections.count == 1 }
                let client = try await proxy.telegramClient()
                try await client.exchange([1, 2, 3])
                try await eventually(timeout: .seconds(60), "a refill") { edge.openConnections.count == 2 }

                configuration.pool.size = 4
                try await proxy.reload(configuration)
                try await eventually(timeout: .seconds(60), "a pool of four") { edge.openConnections.count == 5 }

                configuration.routes.usesWebSocket = false
                try await proxy.reload(configuration)
                try await eventually(timeout: .seconds(60), "no pool") { edge.openConnections.count == 1 }
                try await client.exchange([UInt8](repeating: 4, count: 100_000))
                #expect(center.connections == 0)
                try await proxy.session()
                #expect(center.connections == 1)
                await client.close()
            }
        }
    }

    @Test("Lists of networks come, change and go; those in force stay until a new one could be read")
    func networks() async throws {
        let (one, other) = ("203.0.113.7", "198.51.100.7")
        let directory = try TemporaryDirectory()
        let paths = [try directory.write(one, to: "one.txt"), try directory.write(other, to: "other.txt")]
        var configuration = ProxyConfiguration.defaults
        try await withForwarded {
            configuration = $0
        } _: { proxy, host in
            func reload(blocked: String, allowed: String = "all", _ change: (inout ProxyConfiguration.Limits) -> Void)
                async throws
            {
                let before = proxy.log.lines("lists of networks taken").count
                change(&configuration.limits)
                try await proxy.reload(configuration)
                try await eventually(timeout: .seconds(60), "the lists") {
                    proxy.log.lines("lists of networks taken").count > before
                }
                let last = proxy.log.lines("lists of networks taken").last
                #expect(last?["blocked_ranges"] == blocked && last?["allowed_ranges"] == allowed)
            }
            let early = try await proxy.client(from: one)
            try await reload(blocked: "1") { $0.blockLists = [paths[0]] }
            try await proxy.showsMaskHost(host, from: one)
            try await reload(blocked: "1") { $0.blockLists = [paths[1]] }
            try await proxy.showsMaskHost(host, from: other)
            await (try await proxy.client(from: one)).close()
            // It cannot be read: what was there goes on.
            try await reload(blocked: "1") { $0.blockLists = [directory.path("missing.txt")] }
            try await proxy.showsMaskHost(host, from: other)
            try await reload(blocked: "0", allowed: "all") {
                $0.blockLists = []
                $0.allowLists = [directory.path("missing.txt")]
            }
            await (try await proxy.client(from: other)).close()
            try await reload(blocked: "0", allowed: "1") { $0.allowLists = [paths[0]] }
            try await proxy.showsMaskHost(host, from: other)
            try await reload(blocked: "0") { $0.allowLists = [] }
            await (try await proxy.client(from: other)).close()
            try await early.exchange([1])
            await early.close()
        }
    }

    @Test("A smaller budget of memory lets sessions go that do not fit into it")
    func memory() async throws {
        var configuration = ProxyConfiguration.defaults
        try await withProxy(to: .tcp, adapt: { configuration = $0 }) { proxy, _ in
            var clients: [TelegramClient] = []
            for _ in 0..<8 { clients.append(try await proxy.messenger(.plain)) }
            for client in clients { try await client.exchange([1]) }
            configuration.limits.memoryBytes = 6 * MemoryBudget.baseSessionBytes
            try await proxy.reload(configuration)
            try await eventually(timeout: .seconds(60), "sessions that are let go") {
                proxy.metrics.value("martlet_evicted_sessions_total") >= 2
            }
            configuration.limits.memoryBytes = nil
            try await proxy.reload(configuration)
            let newcomer = try await proxy.messenger(.plain)
            try await newcomer.exchange([1])
            for client in clients + [newcomer] { await client.close() }
        }
    }

    @Test("A file of certificates that cannot be used is refused, and nothing has changed")
    func certificates() async throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("no certificate", to: "ca.pem")
        var configuration = ProxyConfiguration.defaults
        try await withProxy(to: .tcp, adapt: { configuration = $0 }) { proxy, _ in
            configuration.connect.caFile = path
            configuration.secrets = []
            let error = #expect(throws: ProxyError.self) { try proxy.control.prepare(configuration) }
            #expect(error?.code == .badCertificateFile)
            let client = try await proxy.messenger(.padded)
            try await client.exchange([1])
            await client.close()
        }
    }
}
