import MTProtoWire
import NIOCore
import ProxyPolicy

/// The searches of one event loop for the secrets of clients whom nobody knows yet, where there are many secrets: a
/// slice of work at a time, fairly shared, so that those who are being served hardly notice.
final class SecretSearches: DeadlineOwner {
    /// Between two turns, so that the event loop looks at its sockets: it does not as long as there are tasks to do, and
    /// one that is only a moment away is not one of those.
    private static let pause = TimeAmount.microseconds(50)
    /// How long everybody else may be kept waiting for one turn.
    private static let turnTime = TimeAmount.microseconds(500)
    /// Fewer would make the turns themselves the larger part of the work.
    private static let fewestTrials = 16

    private unowned let loop: LoopContext
    private var queue: SecretSearchQueue<UInt64>
    /// What this machine tries in ``turnTime``, about: found out as it goes, since trials of long hellos on a slow machine
    /// take ten times as long as others.
    private var trialsPerTurn = SecretSearchQueue<UInt64>.slice
    private var clients: [UInt64: ClientConnection] = [:]
    private var isScheduled = false
    private let deadline = Deadline()

    init(loop: LoopContext) {
        self.loop = loop
        // A subnet has no more handshakes than these anyway, and one turn as everybody else.
        queue = SecretSearchQueue(limitPerGroup: loop.settings.configuration.limits.halfOpenPerSubnet)
    }

    /// The loop's settings have changed.
    func reconfigure() {
        queue.limitPerGroup = loop.settings.configuration.limits.halfOpenPerSubnet
    }

    /// - Returns: false when too many wait already.
    func add(_ client: ClientConnection) -> Bool {
        // Whoever has a subnet, an IPv6 /48 above all, has thousands of addresses, and would have as many turns.
        let group = AddressGroups(of: client.address)?.subnet
        guard queue.enqueue(client.number, group: group) else { return false }
        clients[client.number] = client
        schedule()
        return true
    }

    func remove(_ client: ClientConnection) {
        guard clients.removeValue(forKey: client.number) != nil else { return }
        queue.remove(client.number)
    }

    /// One slice in each of the loop's turns, so that everybody else has his in between.
    private func schedule() {
        guard !isScheduled, !queue.isEmpty else { return }
        let now = DeadlineWheel.now()
        guard let moment = queue.nextTurn(now: now) else { return }
        guard moment <= now else {
            if !deadline.isArmed { loop.wheel.arm(deadline, for: self, after: moment - now) }
            return
        }
        isScheduled = true
        loop.eventLoop.assumeIsolated().scheduleTask(in: Self.pause) {
            self.isScheduled = false
            self.turn()
        }
    }

    func deadlineReached(_ deadline: Deadline) { schedule() }

    private func keepTurnsShort(_ last: TimeAmount) {
        if last > Self.turnTime {
            trialsPerTurn = max(trialsPerTurn / 2, Self.fewestTrials)
        } else if last.nanoseconds < Self.turnTime.nanoseconds / 2 {
            trialsPerTurn = min(trialsPerTurn * 2, SecretSearchQueue<UInt64>.slice)
        }
    }

    private func turn() {
        if let turn = queue.next(atMost: trialsPerTurn, now: DeadlineWheel.now()) {
            loop.shared.metrics.secretTrials.add(turn.trials)
            let start = NIODeadline.now()
            if let client = clients[turn.id], !client.search(atMost: turn.trials) { remove(client) }
            keepTurnsShort(NIODeadline.now() - start)
        }
        schedule()
    }
}
