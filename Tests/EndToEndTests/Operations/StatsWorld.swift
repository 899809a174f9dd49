import Foundation
import MTProtoWire
import NIOCore
import ProxyAdmin
import ProxyPolicy
import ProxyTestKit
import Synchronization
import Testing

@testable import ProxyEngine

/// A proxy with its admin place and everything that it may talk to.
final class StatsWorld: Sendable {
    /// The other ends.
    struct Servers: Sendable {
        var center: FakeDataCenter
        /// Says that it is another data center.
        var wrong: FakeDataCenter
        /// Never answers.
        var silent: FakeDataCenter
        var middle: FakeMiddleProxy
        var host: RecordingHost
        var edge: WebSocketEdge
        /// Nobody listens there.
        var closedPort: Int
    }

    let proxy: RunningProxy
    let pages: AdminPages
    let servers: Servers
    /// Connections that stay open until the end.
    let open = Mutex<[ByteStream]>([])

    init(_ proxy: RunningProxy, _ pages: AdminPages, _ servers: Servers) {
        self.proxy = proxy
        self.pages = pages
        self.servers = servers
    }

    func keep(_ client: TelegramClient) { open.withLock { $0.append(client.stream) } }
    func keep(_ stream: ByteStream) { open.withLock { $0.append(stream) } }

    /// A client that goes the shortest way, after its first answer.
    @discardableResult
    func settled(_ bytes: Int = 1) async throws -> TelegramClient {
        let client = try await proxy.telegramClient()
        try await client.exchange([UInt8](repeating: 7, count: bytes))
        keep(client)
        return client
    }
}

extension StatsTests {
    static func withWorld(
        _ adapt: (inout ProxyConfiguration, StatsWorld.Servers) -> Void = { _, _ in },
        _ body: (StatsWorld) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        try await withKit { kit in
            kit.tolerateViolations()
            var opening = MiddleProxyBehaviour()
            opening.opening.prime = LinkExchange.testPrime
            let servers = StatsWorld.Servers(
                center: kit.keep(try await FakeDataCenter.start(.echo)),
                wrong: kit.keep(try await FakeDataCenter.start(.transportError(-444))),
                silent: kit.keep(try await FakeDataCenter.start(.silence)),
                middle: kit.keep(try await FakeMiddleProxy.start(opening)),
                host: kit.keep(try await RecordingHost.start(.echo)),
                edge: kit.keep(try await WebSocketEdge.start()), closedPort: try await FreePort.find())
            let files = try MiddleProxyFiles.write(config: servers.middle.configText(), into: directory)
            try await RunningProxy.routed {
                var anna = User(name: "anna", secrets: [.test], origin: .declared)
                anna.quota = TrafficQuota(bytes: 1_000_000_000, period: .never)
                $0.secrets = []
                $0.users = [anna]
                $0.listen.threads = 1
                $0.admin.place = .tcp(IPAddress(v4: 0x7F00_0001), port: 0)
                $0.routes.tcpAddresses = [2: [.loopback(servers.center.port)]]
                $0.middleProxy.secretFile = files.secret
                $0.middleProxy.configFile = files.config
                $0.middleProxy.addressServices = []
                adapt(&$0, servers)
            } _: { proxy in
                try await AdminPages.with(proxy) { pages in
                    let world = StatsWorld(proxy, pages, servers)
                    try await body(world)
                    for stream in world.open.withLock({ $0 }) { await stream.close() }
                }
            }
        }
        withExtendedLifetime(directory) {}
    }
}

extension NumberCause {
    /// What the proxy has to be told for it.
    func adapt(_ configuration: inout ProxyConfiguration, _ servers: StatsWorld.Servers) {
        switch self {
        case .session, .leaving, .halfOpen, .network, .stuckLoop, .probe: break
        case .query:
            configuration.listen.transports.insert(.http)
            configuration.routes.tcpAddresses = [2: [.loopback(servers.silent.port)]]
        case .stranger: configuration.hide(behind: servers.host.port)
        case .deadEnd: configuration.routes.tcpAddresses = [2: [.loopback(servers.closedPort)]]
        case .refusal: configuration.users[0].maximumConnections = 1
        case .crowd: configuration.limits.connections = 1
        case .haste: configuration.limits.acceptsPerSecond = 1
        case .middleProxy, .stray, .moved, .interrupted: Self.useMiddleProxies(&configuration)
        case .agreement:
            Self.useMiddleProxies(&configuration)
            configuration.middleProxy.diffieHellmanPrime = LinkExchange.testPrime
        case .pool:
            configuration.pool.size = 2
            configuration.pool.maximumAgeMilliseconds = 5_000
            configuration.routes.webSocketAddresses = [2: [.loopback(servers.edge.port)]]
        case .retry:
            configuration.routes.tcpAddresses = [
                2: [.loopback(servers.wrong.port), .loopback(servers.center.port)]
            ]
        case .eviction: configuration.limits.memoryBytes = 6 * MemoryBudget.baseSessionBytes
        case .manySecrets:
            let others = (0..<200).map { number in
                let key = (0..<16).map { UInt8(truncatingIfNeeded: number &* 31 &+ $0) }
                return User(
                    name: "user\(number)", secrets: [ProxySecret(key: Block16(bytes: key) ?? Block16(), kind: .plain)],
                    origin: .declared)
            }
            configuration.users = others + configuration.users
        }
    }

    private static func useMiddleProxies(_ configuration: inout ProxyConfiguration) {
        let users = configuration.users
        configuration.goOverMiddleProxies()
        configuration.secrets = []
        configuration.users = users
        configuration.routes.tcpAddresses = [:]
    }

    /// What has to be there before.
    func prepare(_ world: StatsWorld) async throws {
        switch self {
        case .leaving, .refusal: try await world.settled()
        case .moved, .interrupted: world.keep(try await world.proxy.settledMessenger())
        case .stray: world.servers.middle.change { $0.session = .echoBesideStrangers }
        default: break
        }
    }

    func happen(_ world: StatsWorld) async throws {
        switch self {
        case .session, .crowd, .retry, .manySecrets: try await world.settled(20_000)
        case .leaving: for stream in world.open.withLock({ $0 }) { await stream.close() }
        case .halfOpen: world.keep(try await ByteStream.connect(port: world.proxy.port))
        case .query:
            let message = MessageEnvelope.wrap([1], id: 1, form: .encrypted)
            for length in [message.count, 6] {
                let stream = try await ByteStream.connect(port: world.proxy.port)
                world.keep(stream)
                let head = "POST /api HTTP/1.1\r\nHost: p\r\nContent-Length: \(length)\r\n\r\n"
                try await stream.write(Array(head.utf8) + message)
            }
        case .stranger:
            let stream = try await ByteStream.connect(port: world.proxy.port)
            world.keep(stream)
            let said = Array("GET / HTTP/1.1\r\nHost: \(SecretForm.domain)\r\n\r\n".utf8)
            try await stream.write(said)
            #expect(try await stream.read(exactly: said.count, within: .seconds(60)) == ByteBuffer(bytes: said))
        case .deadEnd, .refusal:
            let client = try await world.proxy.telegramClient()
            world.keep(client)
            try await client.send([1])
        case .haste: for _ in 0..<3 { world.keep(try await ByteStream.connect(port: world.proxy.port)) }
        case .middleProxy:
            let client = try await world.proxy.messenger()
            world.keep(client)
            try await client.send([1], wantsQuickAck: true)
            #expect(try await client.receive() == [1])
        case .agreement:
            // Without optimization the numbers take seconds, and a link's opening may take five.
            try await eventually(timeout: .seconds(120), "a link") {
                let client = try await world.proxy.messenger()
                world.keep(client)
                return await client.echoes([1])
            }
        case .stray:
            let client = try await world.proxy.settledMessenger()
            world.keep(client)
            try await client.send(rawPacket: [UInt8](repeating: 0, count: 24))
        case .moved: for link in world.servers.middle.openLinks { await link.reset() }
        case .interrupted: try await interrupt(world)
        case .pool:
            for _ in 0..<3 { try await world.settled() }
        case .eviction: for _ in 0..<12 { try await world.settled() }
        case .network: world.proxy.control.state.networkChanged("a test says so")
        case .stuckLoop:
            let loop = world.proxy.control.state.loops.withLock { $0.first }
            loop?.eventLoop.execute { Thread.sleep(forTimeInterval: 10) }
            let health = try await world.pages.get("/healthz")
            #expect(health.status == 503 && health.body == "1 of 1 event loops do not answer\n")
        case .probe: #expect(try await world.pages.get("/readyz").status == 200)
        }
    }

    /// A question is under way when the link ends.
    private func interrupt(_ world: StatsWorld) async throws {
        let middle = world.servers.middle
        let client = try await world.proxy.settledMessenger()
        world.keep(client)
        middle.change { $0.isMute = true }
        try await client.send([1])
        let session = try await middle.session(1)
        try await eventually("the question") { session.facts.messagesReceived == 2 }
        middle.change { $0.isMute = false }
        await session.link.reset()
    }

    /// What has to be over again.
    func end(_ world: StatsWorld) async throws {
        guard self == .stuckLoop else { return }
        try await eventually(timeout: .seconds(60), "a loop that answers") {
            try await world.pages.get("/healthz").status == 200
        }
    }
}
