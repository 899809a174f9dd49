/// Tells the tasks that keep lists fresh to begin anew. One that comes while they are beginning anew is not lost.
struct ListRestarts: Sendable {
    private let signals: AsyncStream<Void>
    private let send: AsyncStream<Void>.Continuation

    init() {
        (signals, send) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func restart() { send.yield() }

    /// Returns at the next restart, or when the task is cancelled. One task at a time may wait.
    func wait() async {
        for await _ in signals { return }
    }
}
