package import Logging
import MTProtoWire
import NIOCore
import NIOPosix
package import ProxyPolicy
import ServiceLifecycle

/// The running proxy: binds, serves until it is told to stop, then drains.
package struct ProxyServer: Service {
    /// What is known once clients can connect.
    package struct Started: Sendable {
        /// The port of the first TCP listener; 0 where there is none.
        package var port: Int
        /// Every place that is listened on, with the ports that the system chose.
        package var places: [ListenPlace]
        package var routes: [RouteReadiness]
    }

    private let state: EngineState
    /// What may be asked of the proxy while it runs.
    package let control: ProxyControl
    private let whenListening: @Sendable (Started) -> Void

    /// - Parameters:
    ///   - users: everybody who may use it; nil: the users that the configuration declares.
    ///   - openFileLimit: the soft RLIMIT_NOFILE, nil for none: the connection limit follows from it where none is configured.
    ///   - whenListening: called once, when the first client could connect.
    package init(
        configuration: ProxyConfiguration,
        users: [UserEntry]? = nil,
        logger: Logger,
        openFileLimit: UInt64?,
        whenListening: @escaping @Sendable (Started) -> Void
    ) {
        state = EngineState(
            configuration: configuration, users: users ?? configuration.declaredUsers.map { UserEntry(user: $0) },
            logger: logger, openFileLimit: openFileLimit)
        control = ProxyControl(state: state)
        self.whenListening = whenListening
    }

    /// Serves until graceful shutdown or cancellation.
    ///
    /// - Throws: ``ProxyError`` when it cannot listen; an error of NIOSSL when the CA file cannot be used.
    package func run() async throws {
        if state.configuration.connect.caFile != nil { try checkCertificates() }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: threadCount)
        var loops: [LoopContext] = []
        for eventLoop in group.makeIterator() { loops.append(LoopContext(eventLoop: eventLoop, shared: state)) }
        let made = loops
        state.loops.withLock { $0 = made }
        do {
            try await serve(loops, group)
            state.loops.withLock { $0 = [] }
            try await group.shutdownGracefully()
        } catch {
            // Nobody may wait for something that happens on loops that are gone.
            state.loops.withLock { $0 = [] }
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private func serve(_ loops: [LoopContext], _ group: any EventLoopGroup) async throws {
        let (listeners, places) = try await listen(loops, group)
        let maintenance = Maintenance(state: state, loops: loops)
        await maintenance.prepare()
        let ports = places.compactMap { if case .tcp(_, let port) = $0 { port } else { nil } }
        whenListening(
            Started(port: ports.first ?? 0, places: places, routes: state.routes.withLock { $0.readiness() }))
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await maintenance.run() }
            try? await gracefulShutdown()
            tasks.cancelAll()
        }
        for listener in listeners { await listener.close() }
        await Drain(state: state, loops: loops).run()
    }

    private func listen(
        _ loops: [LoopContext], _ group: any EventLoopGroup
    ) async throws -> ([Listener], [ListenPlace]) {
        var listeners: [Listener] = []
        do {
            for context in state.listeners {
                let listener = try await Listener.bind(context, loops, group)
                listeners.append(listener)
                state.events.listening("\(listener.place)", loops: loops.count, cipher: AESCTR.implementationName)
            }
        } catch {
            for listener in listeners { await listener.close() }
            throw error
        }
        return (listeners, listeners.map(\.place))
    }

    private func checkCertificates() throws {
        do {
            _ = try state.tls.client()
        } catch {
            throw ProxyError(
                code: .badCertificateFile,
                message: "cannot use the CA file \(state.configuration.connect.caFile ?? "")",
                hint: "it must hold certificates in PEM form and be readable (routes.ca_file, --ca-file)"
            )
        }
    }

    private var threadCount: Int {
        let listen = state.configuration.listen
        #if os(Linux)
            if listen.threads > 0 { return listen.threads }
            return state.configuration.isPublic ? System.coreCount : 1
        #else
            // Only Linux spreads the connections of sockets that share a port.
            return 1
        #endif
    }
}

/// The end: sessions may finish for a while, then they are closed in good order.
private struct Drain {
    /// How long the last bytes of sessions that were cut may take.
    private static let lastBytesMilliseconds: Int64 = 1_000

    let state: EngineState
    let loops: [LoopContext]

    func run() async {
        let limit = state.configuration.relay.drainMilliseconds
        state.events.draining(await serving(), milliseconds: limit)
        await each { loop in
            loop.pool.drain()
            for connection in loop.connections.values where !connection.isServing { connection.drain() }
        }
        await wait(limit) { await serving() == 0 }
        let cut = await serving()
        await each { loop in
            for connection in loop.connections.values { connection.drain() }
        }
        await wait(Self.lastBytesMilliseconds) { state.connections == 0 }
        state.events.stopped(cut: cut)
    }

    private func serving() async -> Int {
        var count = 0
        for loop in loops {
            count += await loop.on { $0.connections.values.count { $0.isServing } } ?? 0
        }
        return count
    }

    private func each(_ body: @escaping @Sendable (LoopContext) -> Void) async {
        for loop in loops { await loop.on { body($0) } }
    }

    private func wait(_ milliseconds: Int64, until isDone: () async -> Bool) async {
        let end = DeadlineWheel.now() + milliseconds
        while DeadlineWheel.now() < end {
            if await isDone() { return }
            // Shielded from cancellation, which is what may have brought us here.
            await Task { try? await Task.sleep(for: .milliseconds(25)) }.value
        }
    }
}

extension LoopContext {
    /// Does something on this context's event loop; nil when the loop is gone.
    @discardableResult
    func on<Result: Sendable>(_ body: @escaping @Sendable (LoopContext) -> Result) async -> Result? {
        // A task that is scheduled fails when the loop shuts down; one that is submitted would leave us waiting.
        try? await eventLoop.scheduleTask(in: .zero) { body(self) }.futureResult.get()
    }
}
