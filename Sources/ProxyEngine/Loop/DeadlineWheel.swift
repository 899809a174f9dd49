package import NIOCore

/// Something that waits for a moment: one link of a wheel's slot.
///
/// A connection keeps one and moves it from deadline to deadline, so that waiting costs neither an allocation nor a
/// scheduled task. Confined to the event loop of its wheel.
package final class Deadline {
    /// Told when the moment has come; held while the deadline is armed, so that it cannot outlive its owner.
    fileprivate var owner: (any DeadlineOwner)?
    fileprivate var previous: Deadline?
    fileprivate var next: Deadline?
    fileprivate var slot = -1
    fileprivate var rounds = 0
    fileprivate var wheel: Wheel?

    package init() {}

    package var isArmed: Bool { slot >= 0 }

    /// Takes the deadline out of its wheel; harmless when it is in none.
    package func cancel() {
        wheel?.remove(self)
    }
}

package protocol DeadlineOwner: AnyObject {
    /// The moment has come; called on the event loop, with the deadline no longer armed.
    func deadlineReached(_ deadline: Deadline)
}

/// Many deadlines on one timer per event loop, in two wheels: a fine one for handshakes and connecting, a coarse one
/// for idle sessions. A deadline is reached at most one tick late.
///
/// While no deadline is armed no timer runs, so an idle process is not woken.
package final class DeadlineWheel {
    /// 50 ms: a head start of a second is kept within 5 %.
    private static let fineTick: Int64 = 50
    /// 512 slots of 50 ms reach 25 s: all handshake and connect deadlines.
    private static let fineSlots = 512
    /// Idle timeouts are minutes to hours; 4 s late is nothing.
    private static let coarseTick: Int64 = 4_000
    private static let coarseSlots = 512

    private let fine: Wheel
    private let coarse: Wheel

    package init(eventLoop: any EventLoop) {
        fine = Wheel(eventLoop: eventLoop, tick: Self.fineTick, slots: Self.fineSlots)
        coarse = Wheel(eventLoop: eventLoop, tick: Self.coarseTick, slots: Self.coarseSlots)
    }

    /// Of both wheels.
    package var counts: DeadlineCounts {
        var counts = DeadlineCounts()
        counts.armed = fine.count + coarse.count
        counts.insertions = fine.insertions &+ coarse.insertions
        counts.removals = fine.removals &+ coarse.removals
        counts.reached = fine.reached &+ coarse.reached
        return counts
    }

    /// Milliseconds of the monotonic clock.
    package static func now() -> Int64 {
        Int64(bitPattern: NIODeadline.now().uptimeNanoseconds / 1_000_000)
    }

    /// Arms `deadline` for `milliseconds` from now, taking it from any earlier moment.
    package func arm(_ deadline: Deadline, for owner: any DeadlineOwner, after milliseconds: Int64) {
        deadline.cancel()
        deadline.owner = owner
        let isSoon = milliseconds < Self.fineTick * Int64(Self.fineSlots - 2)
        (isSoon ? fine : coarse).insert(deadline, after: max(0, milliseconds))
    }
}

/// One ring of slots; each slot is a doubly linked list, so that arming and cancelling are constant-time.
private final class Wheel {
    private let eventLoop: any EventLoop
    private let tick: Int64
    private var slots: [Deadline?]
    private(set) var count = 0
    private(set) var insertions: UInt64 = 0
    private(set) var removals: UInt64 = 0
    private(set) var reached: UInt64 = 0
    /// The tick that has been served last.
    private var served: Int64
    private var timer: Scheduled<Void>?
    private var timerTick = Int64.max

    init(eventLoop: any EventLoop, tick: Int64, slots: Int) {
        self.eventLoop = eventLoop
        self.tick = tick
        self.slots = Array(repeating: nil, count: slots)
        served = DeadlineWheel.now() / tick
    }

    func insert(_ deadline: Deadline, after milliseconds: Int64) {
        let now = DeadlineWheel.now()
        if count == 0 { served = now / tick }
        // Rounded up, so that nothing is reached early.
        let due = max((now + milliseconds + tick - 1) / tick, served + 1)
        let distance = due - served
        deadline.slot = Int(due % Int64(slots.count))
        deadline.rounds = Int((distance - 1) / Int64(slots.count))
        deadline.wheel = self
        let head = slots[deadline.slot]
        deadline.next = head
        deadline.previous = nil
        head?.previous = deadline
        slots[deadline.slot] = deadline
        count += 1
        insertions &+= 1
        if due < timerTick { schedule(due) }
    }

    func remove(_ deadline: Deadline) {
        guard deadline.slot >= 0 else { return }
        if let previous = deadline.previous {
            previous.next = deadline.next
        } else {
            slots[deadline.slot] = deadline.next
        }
        deadline.next?.previous = deadline.previous
        deadline.next = nil
        deadline.previous = nil
        deadline.slot = -1
        deadline.wheel = nil
        deadline.owner = nil
        count -= 1
        removals &+= 1
    }

    private func schedule(_ due: Int64) {
        timer?.cancel()
        timerTick = due
        let moment = NIODeadline.uptimeNanoseconds(UInt64(due * tick) * 1_000_000)
        timer = eventLoop.assumeIsolated().scheduleTask(deadline: moment) { self.turn() }
    }

    private func turn() {
        timer = nil
        timerTick = .max
        let target = DeadlineWheel.now() / tick
        // After a long sleep of the machine one full turn visits every slot once; more would visit them again.
        let first = max(served + 1, target - Int64(slots.count) + 1)
        served = target
        var reached: [(Deadline, any DeadlineOwner)] = []
        for moment in stride(from: first, through: target, by: 1) {
            var link = slots[Int(moment % Int64(slots.count))]
            while let deadline = link {
                link = deadline.next
                if deadline.rounds > 0 {
                    deadline.rounds -= 1
                } else if let owner = deadline.owner {
                    reached.append((deadline, owner))
                }
            }
        }
        for (deadline, _) in reached { remove(deadline) }
        self.reached &+= UInt64(reached.count)
        for (deadline, owner) in reached where !deadline.isArmed { owner.deadlineReached(deadline) }
        if count > 0, timer == nil { schedule(nextOccupied(after: served)) }
    }

    private func nextOccupied(after moment: Int64) -> Int64 {
        for distance in 1...Int64(slots.count) where slots[Int((moment + distance) % Int64(slots.count))] != nil {
            return moment + distance
        }
        return moment + Int64(slots.count)
    }
}
