import NIOPosix

/// Threads for calls that block: none of the few that tasks run on.
enum BackgroundThread {
    private static let threads: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 16)
        pool.start()
        return pool
    }()

    /// Never fails: the pool is never shut down.
    static func run(_ body: @escaping @Sendable () -> Void) {
        threads.submit { _ in body() }
    }
}
