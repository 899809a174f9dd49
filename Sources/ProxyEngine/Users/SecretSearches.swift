import MTProtoWire
import NIOCore
import ProxyPolicy

/// The searches of one event loop for the secrets of clients whom nobody knows yet, where there are many secrets: a
/// slice of work at a time, fairly shared, so that those who are being served hardly notice.
final class SecretSearches: DeadlineOwner {
    private unowned let loop: LoopContext
    private var queue = SecretSearchQueue<UInt64>()
    private var clients: [UInt64: ClientConnection] = [:]
    private var isScheduled = false
    private let deadline = Deadline()

    init(loop: LoopContext) {
        self.loop = loop
    }

    /// - Returns: false when too many wait already.
    func add(_ client: ClientConnection) -> Bool {
        guard queue.enqueue(client.number, group: client.address) else { return false }
        clients[client.number] = client
        schedule()
        return true
    }

    func remove(_ client: ClientConnection) {
        guard clients.removeValue(forKey: client.number) != nil else { return }
        queue.remove(client.number)
    }

    /// One slice at the end of the loop's turn, so that everybody else has had his.
    private func schedule() {
        guard !isScheduled, !queue.isEmpty else { return }
        let now = DeadlineWheel.now()
        guard let moment = queue.nextTurn(now: now) else { return }
        guard moment <= now else {
            if !deadline.isArmed { loop.wheel.arm(deadline, for: self, after: moment - now) }
            return
        }
        isScheduled = true
        loop.eventLoop.assumeIsolated().execute {
            self.isScheduled = false
            self.turn()
        }
    }

    func deadlineReached(_ deadline: Deadline) { schedule() }

    private func turn() {
        if let turn = queue.next(now: DeadlineWheel.now()) {
            loop.shared.metrics.secretTrials.add(turn.trials)
            if let client = clients[turn.id], !client.search(atMost: turn.trials) { remove(client) }
        }
        schedule()
    }
}
