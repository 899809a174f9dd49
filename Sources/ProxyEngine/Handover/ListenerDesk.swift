import NIOCore
import ProxyPolicy

/// All listeners of the server, from binding to the end.
final class ListenerDesk: Sendable {
    private struct State: Sendable {
        var listeners: [Listener] = []
        /// Inherited sockets of places that are not configured any more.
        var left: [ListeningSocket] = []
        var loops: [LoopContext] = []
        var group: (any EventLoopGroup)?
        var isPaused = false
    }

    private let state = Locked(State())
    /// Told when another process has taken over.
    private let handedOver: AsyncStream<Void>
    private let tell: AsyncStream<Void>.Continuation

    init() {
        (handedOver, tell) = AsyncStream<Void>.makeStream()
    }

    var listeners: [Listener] { state.withLock { $0.listeners } }
    var places: [ListenPlace] { listeners.map(\.place) }
    /// All of them, for the process that takes over.
    var sockets: [ListeningSocket] { listeners.flatMap(\.sockets) }

    /// Binds all places.
    func open(_ contexts: [ListenerContext], _ inherited: InheritedSockets, loops: Int) async throws {
        let (byPlace, left) = try inherited.assigned(to: contexts.map(\.configuration.place))
        state.withLock { $0.left = left }
        do {
            for (context, sockets) in zip(contexts, byPlace) {
                let listener = try Listener.open(context, inherited: sockets, loops: loops)
                state.withLock { $0.listeners.append(listener) }
            }
        } catch {
            await close()
            throw error
        }
    }

    func accept(_ loops: [LoopContext], _ group: any EventLoopGroup) async throws {
        state.withLock { ($0.loops, $0.group, $0.isPaused) = (loops, group, true) }
        try await resume()
    }

    /// Goes on after ``pause()``; without one it does nothing.
    func resume() async throws {
        let (listeners, loops, group) = state.withLock { state in
            defer { state.isPaused = false }
            return (state.isPaused ? state.listeners : [], state.loops, state.group)
        }
        guard let group, !loops.isEmpty else { return }
        for listener in listeners { try await listener.accept(loops, group) }
    }

    /// Lets go of what no place is configured for. Nobody accepts there any more.
    func closeLeft() {
        let left = state.withLock { state in
            defer { state.left = [] }
            return state.left
        }
        for socket in left { socket.close() }
    }

    func pause() async {
        state.withLock { $0.isPaused = true }
        for listener in listeners { await listener.pause() }
    }

    func close() async {
        closeLeft()
        for listener in take() { await listener.close() }
    }

    /// Another process accepts now: it has the sockets.
    func letGo() {
        for listener in take() { listener.letGo() }
        tell.yield()
        tell.finish()
    }

    /// Returns when another process has taken over; false when the task was cancelled before.
    func waitForHandover() async -> Bool {
        for await _ in handedOver { return true }
        return false
    }

    private func take() -> [Listener] {
        state.withLock { state in
            defer { state.listeners = [] }
            return state.listeners
        }
    }
}
