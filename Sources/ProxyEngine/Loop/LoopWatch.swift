package import NIOCore
package import NIOPosix
import Synchronization

/// How busy the event loops are, told by NIO at the end of each turn. It costs two looks at the clock in every turn, so
/// loops have it only where somebody may ask.
package final class LoopWatch: NIOEventLoopMetricsDelegate, Sendable {
    /// What all loops did together since they were started.
    package struct Facts: Sendable, Equatable {
        package var turns: UInt64 = 0
        package var tasks: UInt64 = 0
        /// Spent waiting for something to do, ns; the sum over all loops.
        package var idleNanoseconds: UInt64 = 0
        /// The end of the latest turn; nil: there was none.
        package var lastTurn: NIODeadline?

        package init() {}
    }

    /// One for each loop, as far as their hashes let it: loops that share one only get in each other's way.
    private final class Slot: Sendable {
        let turns = Atomic<UInt64>(0)
        let tasks = Atomic<UInt64>(0)
        let idle = Atomic<UInt64>(0)
        let lastTurn = Atomic<UInt64>(0)
    }

    private static let slotCount = 64
    private let slots = (0..<slotCount).map { _ in Slot() }

    package init() {}

    package func processedTick(info: NIOEventLoopTickInfo) {
        let slot = slots[Int(UInt(bitPattern: info.eventLoopID.hashValue) % UInt(Self.slotCount))]
        slot.turns.wrappingAdd(1, ordering: .relaxed)
        slot.tasks.wrappingAdd(UInt64(clamping: info.numberOfTasks), ordering: .relaxed)
        slot.idle.wrappingAdd(UInt64(clamping: info.sleepTime.nanoseconds), ordering: .relaxed)
        slot.lastTurn.store(info.endTime.uptimeNanoseconds, ordering: .relaxed)
    }

    package var facts: Facts {
        var facts = Facts()
        var last: UInt64 = 0
        for slot in slots {
            facts.turns &+= slot.turns.load(ordering: .relaxed)
            facts.tasks &+= slot.tasks.load(ordering: .relaxed)
            facts.idleNanoseconds &+= slot.idle.load(ordering: .relaxed)
            last = max(last, slot.lastTurn.load(ordering: .relaxed))
        }
        if last > 0 { facts.lastTurn = .uptimeNanoseconds(last) }
        return facts
    }
}
