import CoreMetrics
import Synchronization

/// Something that only grows.
final class CounterCell: CounterHandler {
    private let stored = Atomic<Int64>(0)

    var value: Int64 { stored.load(ordering: .relaxed) }

    func increment(by amount: Int64) {
        // What was counted cannot be taken back.
        if amount > 0 { stored.wrappingAdd(amount, ordering: .relaxed) }
    }

    func reset() { stored.store(0, ordering: .relaxed) }
}

/// Something that goes up and down.
final class GaugeCell: RecorderHandler, MeterHandler {
    private let stored = Mutex(0.0)

    var value: Double { stored.withLock { $0 } }

    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { stored.withLock { $0 = value } }
    func increment(by amount: Double) { stored.withLock { $0 += amount } }
    func decrement(by amount: Double) { stored.withLock { $0 -= amount } }
}

/// How long things took, in seconds.
final class HistogramCell: TimerHandler, RecorderHandler {
    private let stored = Mutex(MetricHistogram())

    var value: MetricHistogram { stored.withLock { $0 } }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
    func record(_ value: Int64) { record(Double(value)) }
    func record(_ value: Double) { stored.withLock { $0.add(value) } }
}

/// How many values fell below which bound.
package struct MetricHistogram: Sendable, Equatable {
    /// Seconds: from a turn of an event loop to the longest that anybody waits.
    package static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    /// Values up to each bound that were above the one before; the last is for what is above all of them.
    private var counts = [UInt64](repeating: 0, count: bounds.count + 1)
    package private(set) var sum = 0.0

    package init() {}

    package mutating func add(_ value: Double) {
        guard value.isFinite else { return }
        counts[Self.bounds.firstIndex { value <= $0 } ?? Self.bounds.count] &+= 1
        sum += value
    }

    package var count: UInt64 { counts.reduce(0, &+) }

    /// For each bound how many values are not above it.
    package var cumulative: [(bound: Double, count: UInt64)] {
        var sum: UInt64 = 0
        return zip(Self.bounds, counts).map { bound, count in
            sum &+= count
            return (bound, sum)
        }
    }
}
