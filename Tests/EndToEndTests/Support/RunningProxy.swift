import Logging
import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyTestKit

/// A proxy that runs in the test's process, on a port of the system's choice.
final class RunningProxy: Sendable {
    /// Of the first TCP listener; 0 where there is none.
    let port: Int
    /// Every place that is listened on, with the ports that the system chose.
    let places: [ListenPlace]
    let log: LogRecorder
    let metrics: MetricsRecorder
    let control: ProxyControl
    private let task: Task<Void, any Error>

    /// Starts with loopback defaults that tests adapt: no upstream route at all, no pool, short deadlines.
    static func start(_ adapt: (inout ProxyConfiguration) -> Void) async throws -> RunningProxy {
        var configuration = ProxyConfiguration.defaults
        configuration.listen.port = 0
        configuration.secrets = [NamedSecret(name: "test", secret: .test)]
        configuration.routes.webSocketAddresses = [:]
        configuration.routes.testWebSocketAddresses = [:]
        configuration.routes.tcpAddresses = [:]
        configuration.routes.testTCPAddresses = [:]
        configuration.routes.communityDomains = []
        configuration.routes.listURL = nil
        configuration.pool.size = 0
        configuration.relay.drainMilliseconds = 0
        // Tests of just that change addresses of the machine, which every proxy on it would notice.
        configuration.connect.watchesNetwork = false
        adapt(&configuration)
        return try await RunningProxy(configuration)
    }

    /// - Parameter users: nil: those that the configuration declares.
    init(_ configuration: ProxyConfiguration, users: [UserEntry]? = nil) async throws {
        let log = LogRecorder()
        let metrics = MetricsRecorder()
        var logger = Logger(label: "martlet", factory: { _ in log.handler })
        logger.logLevel = .trace
        let (starts, announce) = AsyncStream<ProxyServer.Started>.makeStream()
        let server = metrics.collecting {
            ProxyServer(configuration: configuration, users: users, logger: logger, openFileLimit: 20_000) {
                announce.yield($0)
            }
        }
        let task = Task {
            defer { announce.finish() }
            try await server.run()
        }
        guard let started = await starts.first(where: { _ in true }) else {
            try await task.value
            throw KitError.command("the proxy ended before it listened")
        }
        port = started.port
        places = started.places
        control = server.control
        self.log = log
        self.metrics = metrics
        self.task = task
    }

    /// Stops as SIGTERM does and waits for the end.
    func stop() async {
        task.cancel()
        _ = await task.result
    }

    /// Runs a test against a proxy and stops it whatever happens.
    static func with(
        _ adapt: (inout ProxyConfiguration) -> Void,
        _ body: (RunningProxy) async throws -> Void
    ) async throws {
        let proxy = try await start(adapt)
        do {
            try await body(proxy)
        } catch {
            await proxy.stop()
            throw error
        }
        await proxy.stop()
    }
}

extension ProxySecret {
    static let testKey: [UInt8] = (0..<16).map { 0x11 &* $0 }
    /// A plain secret.
    static var test: ProxySecret { make(.plain) }

    static func make(_ kind: Kind) -> ProxySecret {
        guard let key = Block16(bytes: testKey) else { fatalError("16 bytes") }
        return ProxySecret(key: key, kind: kind)
    }
}
