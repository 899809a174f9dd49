package import NIOCore
import ProxyEngine
import Synchronization

/// How busy the process was, since the start and lately.
package struct Load: Sendable, Equatable {
    /// Of each 100 seconds of an event loop, how many it waited.
    package var idlePercent = 100.0
    /// Of each 100 seconds, how many of one processor were used by the program and by the system for it.
    package var userPercent = 0.0
    package var systemPercent = 0.0

    package var totalPercent: Double { userPercent + systemPercent }

    package init() {}

    fileprivate init(from start: LoadHistory.Sample, to end: LoadHistory.Sample, loops: Int) {
        let seconds = Double((end.time - start.time).nanoseconds) / 1e9
        guard seconds > 0 else { return }
        let idle = Double(end.idleNanoseconds &- start.idleNanoseconds) / 1e9
        idlePercent = min(max(idle / seconds / Double(max(loops, 1)) * 100, 0), 100)
        userPercent = max(end.user - start.user, 0) / seconds * 100
        systemPercent = max(end.system - start.system, 0) / seconds * 100
    }

    fileprivate mutating func raise(to other: Load) {
        idlePercent = max(idlePercent, other.idlePercent)
        userPercent = max(userPercent, other.userPercent)
        systemPercent = max(systemPercent, other.systemPercent)
    }
}

/// Remembers samples of the last half minute, so that "lately" has a meaning.
package final class LoadHistory: Sendable {
    package struct Sample: Sendable {
        package var time: NIODeadline
        package var idleNanoseconds: UInt64
        package var user: Double
        package var system: Double

        package init(time: NIODeadline, idleNanoseconds: UInt64, user: Double, system: Double) {
            self.time = time
            self.idleNanoseconds = idleNanoseconds
            self.user = user
            self.system = system
        }
    }

    package struct Report: Sendable, Equatable {
        package var average = Load()
        package var recent = Load()
        /// The highest that either ever was.
        package var highestAverage = Load()
        package var highestRecent = Load()
    }

    /// How often a sample is taken.
    package static let interval = Duration.seconds(10)
    private static let keptSamples = 3

    private struct State {
        var first: Sample
        var last: [Sample]
        var highestAverage = Load.none
        var highestRecent = Load.none
    }

    private let state: Mutex<State>

    package init(start: Sample) {
        state = Mutex(State(first: start, last: [start]))
    }

    /// Takes a sample.
    package func note(_ sample: Sample, loops: Int) {
        state.withLock { state in
            state.highestAverage.raise(to: Load(from: state.first, to: sample, loops: loops))
            if let oldest = state.last.first {
                state.highestRecent.raise(to: Load(from: oldest, to: sample, loops: loops))
            }
            state.last.append(sample)
            if state.last.count > Self.keptSamples { state.last.removeFirst() }
        }
    }

    /// How it is at a moment that is not remembered.
    package func report(at sample: Sample, loops: Int) -> Report {
        state.withLock { state in
            let average = Load(from: state.first, to: sample, loops: loops)
            let recent = Load(from: state.last.first ?? state.first, to: sample, loops: loops)
            var report = Report(
                average: average, recent: recent, highestAverage: state.highestAverage,
                highestRecent: state.highestRecent)
            report.highestAverage.raise(to: average)
            report.highestRecent.raise(to: recent)
            return report
        }
    }
}

extension Load {
    fileprivate static var none: Load {
        var load = Load()
        load.idlePercent = 0
        return load
    }
}
