import Logging
import ProxyEngine
import ProxyPolicy
import ProxyStore
import ServiceLifecycle

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The users of a running server: takes their changes to the engine and writes down what they move.
///
/// The last of the services to stop, so that the last bytes are counted too.
struct RunningUsers: Service {
    /// What a killed process loses of its counters, at most.
    static let flushInterval = Duration.seconds(5)

    private enum News: Sendable {
        case changed([UserEntry])
        case closeNow(String)
        /// Somebody waits until all news before this have been taken.
        case settle(CheckedContinuation<Void, Never>)
    }

    let manager: UserManager
    private let control: ProxyControl
    private let logger: Logger
    /// What becomes of the counters once another process has the database.
    let elsewhere: HandoverUsage
    private let news: AsyncStream<News>
    private let send: AsyncStream<News>.Continuation

    init(manager: UserManager, control: ProxyControl, logger: Logger) async {
        self.manager = manager
        self.control = control
        elsewhere = HandoverUsage(manager: manager, control: control)
        self.logger = logger
        let (news, send) = AsyncStream<News>.makeStream()
        self.news = news
        self.send = send
        let began = Self.unixTime()
        await manager.use(
            UserManager.Hooks(
                onChange: { send.yield(.changed($0)) },
                closeNow: { send.yield(.closeNow($0)) },
                live: { control.live() },
                status: {
                    ServerStatus(version: Martlet.version, pid: getpid(), uptimeSeconds: Self.unixTime() - began)
                }
            ))
    }

    /// The users at the start. Where nobody is declared, there is the secret that is kept in the state directory; one
    /// is made only where nobody was added either, since a server with managed users needs no further door.
    ///
    /// - Throws: ``StoreError`` when the database cannot be used, ``StateError`` when the directory cannot.
    static func open(_ loaded: LoadedConfiguration, declaredIn: String) async throws -> OpenedUsers {
        var configuration = loaded.configuration
        var notes: [String] = []
        var (manager, entries) = try await open(configuration, declaredIn: declaredIn)
        if usesKeptSecret(loaded, hasOthers: !entries.isEmpty) {
            try await manager?.close()
            (configuration, notes) = try loaded.withSecrets()
            (manager, entries) = try await open(configuration, declaredIn: declaredIn)
        }
        return OpenedUsers(configuration: configuration, manager: manager, entries: entries, notes: notes)
    }

    /// Whether the secret of the state directory is one of those in force.
    ///
    /// - Parameter hasOthers: there are users whom commands have added.
    static func usesKeptSecret(_ loaded: LoadedConfiguration, hasOthers: Bool) -> Bool {
        guard !loaded.declaresUsers else { return false }
        return !hasOthers || access(SecretStore(directory: loaded.configuration.stateDirectory).path, F_OK) == 0
    }

    /// Returns when all changes so far are in force.
    func settled() async {
        await withCheckedContinuation { continuation in
            // Nobody takes news any more when the server has stopped.
            if case .enqueued = send.yield(.settle(continuation)) { return }
            continuation.resume()
        }
    }

    private static func open(
        _ configuration: ProxyConfiguration, declaredIn: String
    ) async throws -> (UserManager?, [UserEntry]) {
        let declared = configuration.declaredUsers
        guard !configuration.stateDirectory.isEmpty else { return (nil, declared.map { UserEntry(user: $0) }) }
        let manager = UserManager(
            declared: declared, directory: configuration.stateDirectory, declaredIn: declaredIn, now: { unixTime() })
        try await manager.open()
        return (manager, await manager.entries())
    }

    func run() async throws {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await takeNews() }
            tasks.addTask { await recordUntilCancelled() }
            try? await gracefulShutdown()
            tasks.cancelAll()
        }
        // Shielded: cancellation may have brought us here, and these are the last numbers.
        await Task { _ = await record(isLast: true) }.value
    }

    private func takeNews() async {
        for await item in news {
            switch item {
            case .changed(let entries): await control.replaceUsers(entries)
            case .closeNow(let name): await control.endSessions(of: name)
            case .settle(let continuation): continuation.resume()
            }
        }
    }

    private func recordUntilCancelled() async {
        var isTroubled = false
        while (try? await Task.sleep(for: Self.flushInterval)) != nil {
            isTroubled = await !record(isQuiet: isTroubled)
        }
    }

    @discardableResult
    private func record(isLast: Bool = false, isQuiet: Bool = false) async -> Bool {
        let deltas = await control.takeUsage()
        do {
            if await elsewhere.hasBegun {
                try await elsewhere.send(deltas, isLast: isLast)
                return true
            }
            if !deltas.isEmpty || isLast { try await manager.record(deltas) }
            if isLast { try await manager.close() }
            return true
        } catch {
            // What could not be written stays with the manager and goes with the next round: one line is enough.
            if !isQuiet { logger.error("counters cannot be written", metadata: ["because": "\(error)"]) }
            return false
        }
    }

    private static func unixTime() -> Int64 {
        var moment = timespec()
        clock_gettime(CLOCK_REALTIME, &moment)
        return Int64(moment.tv_sec)
    }
}

/// The users as they are when the server starts.
struct OpenedUsers: Sendable {
    /// With the secret of the state directory, where there is nobody else.
    var configuration: ProxyConfiguration
    /// Nil where there is no state directory: nobody can be added then, and counters are forgotten.
    var manager: UserManager?
    var entries: [UserEntry]
    var notes: [String]
}
