#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Takes log lines from any thread at once and writes them from a thread of its own, so that a slow disk or a stopped
/// terminal never holds up an event loop.
///
/// Lines wait in a bounded buffer. What does not fit is dropped and counted, and the count is written as soon as there
/// is room again. ``finish()`` writes everything that was taken before it returns.
final class LogWriter: Sendable {
    /// 1 MiB of waiting lines: some thousands, which is seconds of a storm. More would only use memory for what
    /// nobody can read.
    static let capacity = 1 << 20

    private struct Queue: Sendable {
        var waiting: [UInt8] = []
        var dropped = 0
        var isClosing = false
        var isDone = false
    }

    private let queue = ThreadSignal(Queue())
    private let capacity: Int
    /// One round of writing; false when it was the last.
    private let drain: @Sendable () -> Bool
    private let hasThread: Bool

    /// - Parameter write: called from the writer's thread alone, with whole lines.
    init(
        capacity: Int = LogWriter.capacity,
        overflowLine: @escaping @Sendable (Int) -> String,
        write: @escaping @Sendable (ArraySlice<UInt8>) -> Void
    ) {
        self.capacity = capacity
        let drain: @Sendable () -> Bool = { [queue] in Self.drain(queue, overflowLine, write) }
        self.drain = drain
        hasThread = startThread {
            while drain() {}
        }
    }

    /// Takes a line; never waits for a disk or a terminal.
    func append(_ line: String) {
        queue.change { queue in
            guard !queue.isClosing else { return }
            let bytes = line.utf8
            guard queue.waiting.count + bytes.count + 1 <= capacity else {
                queue.dropped += 1
                return
            }
            queue.waiting.append(contentsOf: bytes)
            queue.waiting.append(UInt8(ascii: "\n"))
        }
    }

    /// Writes what is waiting and ends the thread; lines that come later are not taken.
    ///
    /// - Parameter seconds: after so long the rest is given up: a terminal that takes nothing must not keep the
    ///   program from ending.
    func finish(within seconds: Int = 5) {
        queue.change { $0.isClosing = true }
        // A system that gave no thread: better late than never.
        if !hasThread { while drain() {} }
        queue.wait(seconds: seconds) { $0.isDone }
    }

    /// Writes one round; false when it was the last.
    private static func drain(
        _ queue: ThreadSignal<Queue>,
        _ overflowLine: (Int) -> String,
        _ write: (ArraySlice<UInt8>) -> Void
    ) -> Bool {
        queue.wait { !$0.waiting.isEmpty || $0.dropped > 0 || $0.isClosing }
        let (lines, dropped, isClosing) = queue.change { queue in
            let round = (queue.waiting, queue.dropped, queue.isClosing)
            queue.waiting = []
            queue.dropped = 0
            return round
        }
        if !lines.isEmpty { write(lines[...]) }
        if dropped > 0 { write(Array((overflowLine(dropped) + "\n").utf8)[...]) }
        guard isClosing else { return true }
        queue.change { $0.isDone = true }
        return false
    }
}
