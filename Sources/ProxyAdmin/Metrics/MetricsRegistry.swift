package import CoreMetrics
import Synchronization

/// Keeps what the program counts, for everybody who asks: the other end of `swift-metrics`.
///
/// Counting is an addition without look-up; looking is rare. The number of series is bounded, whoever makes them: what
/// is too many is counted as dropped and otherwise ignored.
package final class MetricsRegistry: MetricsFactory, Sendable {
    /// The engine has some 150 series, all of them from closed sets.
    package static let maximumSeries = 2_000

    private struct Key: Hashable {
        var name: String
        var labels: [MetricLabel]
    }

    private struct Table {
        var kinds: [String: MetricKind] = [:]
        var counters: [Key: CounterCell] = [:]
        var gauges: [Key: GaugeCell] = [:]
        var histograms: [Key: HistogramCell] = [:]
        var dropped: UInt64 = 0

        var count: Int { counters.count + gauges.count + histograms.count }
    }

    private let maximum: Int
    private let table = Mutex(Table())

    package init(maximumSeries: Int = maximumSeries) {
        maximum = maximumSeries
    }

    // MARK: Making

    /// The cell of a series, which is made when it is not there; nil when it may not be.
    private func cell<Cell: Sendable>(
        _ name: String, _ dimensions: [(String, String)], _ kind: MetricKind,
        _ cells: any WritableKeyPath<Table, [Key: Cell]> & Sendable, _ make: @Sendable () -> Cell
    ) -> Cell? {
        let key = Key(name: MetricName.metric(name), labels: dimensions.map(MetricLabel.init).sorted())
        return table.withLock { table in
            if let known = table[keyPath: cells][key] { return known }
            // A name has one kind, and each of its series different labels.
            guard table.count < maximum, table.kinds[key.name, default: kind] == kind,
                Set(key.labels.map(\.name)).count == key.labels.count
            else {
                table.dropped &+= 1
                return nil
            }
            let new = make()
            table.kinds[key.name] = kind
            table[keyPath: cells][key] = new
            return new
        }
    }

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        cell(label, dimensions, .counter, \.counters) { CounterCell() } ?? NOOPMetricsHandler.instance
    }

    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        guard aggregate else {
            return cell(label, dimensions, .gauge, \.gauges) { GaugeCell() } ?? NOOPMetricsHandler.instance
        }
        return cell(label, dimensions, .histogram, \.histograms) { HistogramCell() } ?? NOOPMetricsHandler.instance
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        cell(label, dimensions, .gauge, \.gauges) { GaugeCell() } ?? NOOPMetricsHandler.instance
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        cell(label, dimensions, .histogram, \.histograms) { HistogramCell() } ?? NOOPMetricsHandler.instance
    }

    // What was counted is still worth asking for.
    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    // MARK: Looking

    /// Series that were wanted and could not be kept.
    package var dropped: UInt64 { table.withLock { $0.dropped } }

    /// Everything at this moment, by name.
    package func families() -> [MetricFamily] {
        let (kinds, series) = table.withLock { table in
            var series: [String: [MetricSeries]] = [:]
            for (key, cell) in table.counters {
                series[key.name, default: []].append(MetricSeries(key.labels, .whole(cell.value)))
            }
            for (key, cell) in table.gauges {
                series[key.name, default: []].append(MetricSeries(key.labels, .real(cell.value)))
            }
            for (key, cell) in table.histograms {
                series[key.name, default: []].append(MetricSeries(key.labels, .histogram(cell.value)))
            }
            return (table.kinds, series)
        }
        return kinds.keys.sorted().map { name in
            MetricFamily(
                name: name, kind: kinds[name] ?? .gauge,
                series: (series[name] ?? []).sorted { $0.labels.lexicographicallyPrecedes($1.labels) })
        }
    }

    /// The sum of a counter's series that have all of these labels.
    package func sum(_ name: String, _ labels: [String: String] = [:]) -> UInt64 {
        let wanted = labels.map { MetricLabel($0, $1) }
        return table.withLock { table in
            table.counters.reduce(0) { sum, entry in
                let (key, cell) = entry
                guard key.name == name, wanted.allSatisfy(key.labels.contains) else { return sum }
                return sum &+ UInt64(clamping: cell.value)
            }
        }
    }

    /// A gauge without labels; 0 when there is none.
    package func level(_ name: String) -> Double {
        table.withLock { $0.gauges[Key(name: name, labels: [])]?.value ?? 0 }
    }
}
