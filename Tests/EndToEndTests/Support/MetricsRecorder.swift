import CoreMetrics
import Metrics
import ProxyAdmin
import ProxyTestKit
import Synchronization

/// Keeps what one proxy counts, apart from all other proxies of the process.
final class MetricsRecorder: MetricsFactory {
    private final class Cell: CounterHandler, RecorderHandler, MeterHandler, TimerHandler {
        private let stored = Mutex(0.0)

        var value: Double { stored.withLock { $0 } }

        func increment(by amount: Int64) { increment(by: Double(amount)) }
        func increment(by amount: Double) { stored.withLock { $0 += amount } }
        func decrement(by amount: Double) { stored.withLock { $0 -= amount } }
        func reset() { set(0.0) }
        func set(_ value: Int64) { set(Double(value)) }
        func set(_ value: Double) { stored.withLock { $0 = value } }
        func record(_ value: Int64) { set(Double(value)) }
        func record(_ value: Double) { set(value) }
        func recordNanoseconds(_ duration: Int64) { set(Double(duration)) }
    }

    private let cells = Mutex<[String: [Cell]]>([:])
    /// The same once more, as the program keeps it.
    let registry = MetricsRegistry()

    /// Makes whatever has metrics; they are kept here.
    func collecting<Value>(_ make: () -> Value) -> Value {
        withMetricsFactory(MultiplexMetricsHandler(factories: [self, registry]), make)
    }

    /// What stands in a metric now: `name` alone, or with its labels as `name{label=value}`.
    func value(_ name: String) -> Int {
        cells.withLock { ($0[name] ?? []).reduce(0) { $0 + Int($1.value) } }
    }

    /// Everything that is not zero, of metrics that begin so.
    func values(_ prefix: String) -> [String: Int] {
        let all = cells.withLock { $0.filter { $0.key.hasPrefix(prefix) } }
        return all.mapValues { $0.reduce(0) { $0 + Int($1.value) } }.filter { $0.value != 0 }
    }

    /// Connections refused so far, by the word for the reason.
    func refused(_ reason: String) -> Int { value("martlet_refused_total{reason=\(reason)}") }

    /// Waits until a metric stands at `expected`.
    func reaches(_ name: String, _ expected: Int) async throws {
        try await eventually(timeout: .seconds(60), "\(name) \(expected)") { self.value(name) == expected }
    }

    private func cell(_ label: String, _ dimensions: [(String, String)]) -> Cell {
        let labels = dimensions.map { "\($0.0)=\($0.1)" }.joined(separator: ",")
        let cell = Cell()
        cells.withLock { $0[labels.isEmpty ? label : "\(label){\(labels)}", default: []].append(cell) }
        return cell
    }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler { cell(label, dimensions) }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        cell(label, dimensions)
    }

    func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler { cell(label, dimensions) }
    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler { cell(label, dimensions) }

    // What was counted is still worth asking for.
    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyMeter(_ handler: any MeterHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}
}
