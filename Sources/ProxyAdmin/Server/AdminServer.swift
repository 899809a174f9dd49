package import Logging
import MTProtoWire
import NIOCore
import NIOHTTP1
import NIOPosix
package import ProxyEngine
package import ProxyPolicy
import ServiceLifecycle

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The HTTP side: `/stats`, `/metrics`, `/healthz` and `/readyz`, on an event loop of its own.
///
/// It is there for the proxy and not the other way round: where it cannot listen it says so, tries again, and the proxy
/// serves its clients meanwhile.
package final class AdminServer: Service {
    /// The process before this one may still have the place, and will leave it.
    private static let retry = Duration.seconds(1)
    /// Read and written by the owner and his group, like listeners' Unix sockets.
    private static let socketMode: mode_t = 0o660

    private let place: ListenPlace
    private let token: AdminToken?
    private let bounds: AdminBounds
    private let control: ProxyControl
    private let desk: AdminDesk
    private let requests: AdminRequestCounts
    private let logger: Logger
    private let whenListening: @Sendable (ListenPlace) -> Void

    /// - Parameters:
    ///   - token: what every request has to bring; nil: nothing.
    ///   - showsUsers: whether `/metrics` has numbers of each user.
    ///   - registry: what the engine's metrics were made with.
    ///   - whenListening: told each time, with the port that the system chose.
    package init(
        place: ListenPlace, token: AdminToken?, showsUsers: Bool, control: ProxyControl, registry: MetricsRegistry,
        version: String, logger: Logger, bounds: AdminBounds = AdminBounds(),
        whenListening: @escaping @Sendable (ListenPlace) -> Void = { _ in }
    ) {
        self.place = place
        self.token = token
        self.bounds = bounds
        self.control = control
        self.logger = logger
        self.whenListening = whenListening
        requests = AdminRequestCounts(registry)
        desk = AdminDesk(
            control: control, registry: registry, version: version, showsUsers: showsUsers, life: bounds.answerLife)
    }

    /// Serves until graceful shutdown or cancellation.
    package func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        await cancelWhenGracefulShutdown { await self.serve(group.next()) }
        try? await group.shutdownGracefully()
    }

    private func serve(_ loop: any EventLoop) async {
        guard let listening = await listenUntilCancelled(loop) else { return }
        logger.info("admin place", metadata: ["on": "\(listening.place)"])
        whenListening(listening.place)
        await withTaskGroup(of: Void.self) { [desk, control] tasks in
            tasks.addTask { await desk.sampleUntilCancelled() }
            // The place is the other process's then.
            tasks.addTask { await control.waitForHandover() }
            await tasks.next()
            tasks.cancelAll()
        }
        await listening.close()
        // A service that returned would end the others.
        while (try? await Task.sleep(for: .seconds(3_600))) != nil {}
    }

    // MARK: Listening

    private struct Listening: Sendable {
        var place: ListenPlace
        var channel: any Channel
        var registry: AdminConnection.Registry

        func close() async {
            // Before another process can have put its own there.
            if case .unix(let path, _) = place { unlink(path) }
            try? await channel.close()
            try? await channel.eventLoop.submit { registry.closeAll() }.get()
        }
    }

    /// Nil when it was cancelled before it could listen.
    private func listenUntilCancelled(_ loop: any EventLoop) async -> Listening? {
        var isTroubled = false
        while !Task.isCancelled {
            do {
                return try await listen(loop)
            } catch {
                if !isTroubled {
                    logger.error(
                        "nobody can ask on the admin place yet",
                        metadata: ["on": "\(place)", "because": "\(error)"])
                }
                isTroubled = true
            }
            try? await Task.sleep(for: Self.retry)
        }
        return nil
    }

    private func listen(_ loop: any EventLoop) async throws -> Listening {
        let registry = AdminConnection.Registry(maximum: bounds.connections)
        let bootstrap = bootstrap(loop, registry)
        switch place {
        case .tcp(let host, let port):
            let channel = try await bootstrap.serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: host.description, port: port).get()
            let chosen = channel.localAddress?.port ?? port
            return Listening(place: .tcp(host, port: chosen), channel: channel, registry: registry)
        case .unix(let path, _):
            try await removeStale(path, loop)
            let channel = try await bootstrap.bind(unixDomainSocketPath: path).get()
            chmod(path, Self.socketMode)
            return Listening(place: place, channel: channel, registry: registry)
        }
    }

    /// A socket on which nobody listens any more was left by a process that was killed.
    private func removeStale(_ path: String, _ loop: any EventLoop) async throws {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & mode_t(S_IFMT) == mode_t(S_IFSOCK) else { return }
        do {
            try await ClientBootstrap(group: loop).connect(unixDomainSocketPath: path).get().close()
        } catch let error as IOError where error.errnoCode == ECONNREFUSED {
            unlink(path)
        }
    }

    private func bootstrap(_ loop: any EventLoop, _ registry: AdminConnection.Registry) -> ServerBootstrap {
        let (bounds, desk, requests) = (bounds, desk, requests)
        let isTCP = if case .tcp = place { true } else { false }
        let router = AdminRouter(token: token, checksHost: isTCP)
        return ServerBootstrap(group: loop)
            .serverChannelOption(.backlog, value: CInt(bounds.connections))
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let meter = RequestMeter(maximum: bounds.requestBytes)
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(meter)
                    try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: true, withErrorHandling: true)
                    try pipeline.addHandler(
                        AdminConnection(
                            registry: registry, router: router, bounds: bounds, meter: meter, requests: requests
                        ) { page, asJSON in await desk.reply(to: page, asJSON: asJSON) })
                }
            }
    }
}
