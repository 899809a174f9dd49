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

    /// What others do on the way from binding to the end.
    package struct Hooks: Sendable {
        /// Every place is bound, every file is read, and nobody is accepted yet: the moment to give up privileges.
        package var whenBound: @Sendable () async throws -> Void = {}
        /// Everything is ready: the moment to take over from the server before. An error ends the start.
        package var beforeAccepting: @Sendable (ProxyControl) async throws -> Void = { _ in }
        /// The last client is gone. Nil: another process has the memory that counts.
        package var whenStopped: @Sendable (ReplayMemory?) async -> Void = { _ in }

        package init() {}
    }

    private let state: EngineState
    private let inherited: InheritedSockets
    private let hooks: Hooks
    /// What may be asked of the proxy while it runs.
    package let control: ProxyControl
    private let whenListening: @Sendable (Started) -> Void

    /// - Parameters:
    ///   - users: everybody who may use it; nil: the users that the configuration declares.
    ///   - openFileLimit: the soft RLIMIT_NOFILE, nil for none: the connection limit follows from it where none is configured.
    ///   - inherited: listening sockets to go on with; they belong to the server then.
    ///   - whenListening: called once, when the first client could connect.
    package init(
        configuration: ProxyConfiguration,
        users: [UserEntry]? = nil,
        logger: Logger,
        openFileLimit: UInt64?,
        inherited: InheritedSockets = .none,
        hooks: Hooks = Hooks(),
        whenListening: @escaping @Sendable (Started) -> Void
    ) {
        state = EngineState(
            configuration: configuration, users: users ?? configuration.declaredUsers.map { UserEntry(user: $0) },
            logger: logger, openFileLimit: openFileLimit)
        control = ProxyControl(state: state)
        self.inherited = inherited
        self.hooks = hooks
        self.whenListening = whenListening
    }

    /// Serves until graceful shutdown or cancellation, or until another process has taken over.
    ///
    /// - Throws: ``ProxyError`` when it cannot listen; an error of NIOSSL when the CA file cannot be used.
    package func run() async throws {
        try state.settings.checkCertificates()
        let group =
            if let watch = state.loopWatch {
                MultiThreadedEventLoopGroup(numberOfThreads: threadCount, metricsDelegate: watch)
            } else {
                MultiThreadedEventLoopGroup(numberOfThreads: threadCount)
            }
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
        let desk = state.listening
        try await desk.open(state.listeners, inherited, loops: loops.count)
        let places = desk.places
        let maintenance = Maintenance(state: state, loops: loops)
        do {
            await maintenance.prepare()
            try await hooks.whenBound()
            try await hooks.beforeAccepting(control)
            try await desk.accept(loops, group)
        } catch {
            await desk.close()
            throw error
        }
        desk.closeLeft()
        for place in places {
            state.events.listening("\(place)", loops: loops.count, cipher: AESCTR.implementationName)
        }
        state.stage.set(.listening)
        let ports = places.compactMap { if case .tcp(_, let port) = $0 { port } else { nil } }
        whenListening(
            Started(port: ports.first ?? 0, places: places, routes: state.routes.withLock { $0.readiness() }))
        let isHandedOver = await serveUntilEnd(maintenance)
        state.stage.set(isHandedOver ? .handedOver : .draining)
        await desk.close()
        await Drain(state: state, loops: loops, isHandedOver: isHandedOver).run()
        await hooks.whenStopped(state.replays.isHandedOver ? nil : state.replays.memory())
    }

    /// - Returns: whether another process has taken over.
    private func serveUntilEnd(_ maintenance: Maintenance) async -> Bool {
        await withTaskGroup(of: Bool?.self) { tasks in
            tasks.addTask {
                await maintenance.run()
                return nil
            }
            tasks.addTask { [state] in await state.listening.waitForHandover() ? true : nil }
            tasks.addTask {
                try? await gracefulShutdown()
                return false
            }
            defer { tasks.cancelAll() }
            for await ending in tasks { if let ending { return ending } }
            return false
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
    /// Newcomers have another process: whoever is here already, in whatever state, may stay until the time is over.
    let isHandedOver: Bool

    func run() async {
        let limit = state.configuration.relay.drainMilliseconds
        let isHandedOver = isHandedOver
        state.events.draining(await serving(), milliseconds: limit)
        await each { loop in
            loop.pool.drain()
            guard !isHandedOver else { return }
            for connection in loop.connections.values where !connection.isServing { connection.drain() }
        }
        await wait(limit) { isHandedOver ? state.connections == 0 : await serving() == 0 }
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
