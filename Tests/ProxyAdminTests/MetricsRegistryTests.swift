import CoreMetrics
import Metrics
import ProxyAdmin
import Testing

/// The registry that the program's metrics are kept in.
@Suite struct MetricsRegistryTests {
    private let registry = MetricsRegistry(maximumSeries: 4)

    private func text() -> String { Exposition.text(of: registry.families()) { _ in "" } }

    @Test func `The same name and labels are one series, in whatever order`() {
        let one = Counter(label: "a_total", dimensions: [("x", "1"), ("y", "2")], factory: registry)
        let other = Counter(label: "a_total", dimensions: [("y", "2"), ("x", "1")], factory: registry)
        one.increment()
        other.increment(by: 2)
        #expect(text().contains(#"a_total{x="1",y="2"} 3"#))
        #expect(registry.sum("a_total") == 3 && registry.sum("a_total", ["x": "1"]) == 3)
        #expect(registry.sum("a_total", ["x": "2"]) == 0)
    }

    @Test func `A counter never goes back`() {
        let counter = Counter(label: "a_total", dimensions: [], factory: registry)
        counter.increment(by: 5)
        counter.increment(by: -3)
        #expect(registry.sum("a_total") == 5)
        counter.reset()
        #expect(registry.sum("a_total") == 0)
    }

    @Test func `Gauges hold what was set last, meters go both ways`() {
        Gauge(label: "g", dimensions: [], factory: registry).record(7)
        #expect(registry.level("g") == 7)
        let meter = Meter(label: "m", dimensions: [], factory: registry)
        meter.increment(by: 3)
        meter.decrement(by: 1)
        #expect(registry.level("m") == 2 && registry.level("none") == 0)
    }

    @Test func `Timers are histograms in seconds`() {
        let timer = Metrics.Timer(label: "t_seconds", dimensions: [], factory: registry)
        timer.recordMilliseconds(20)
        #expect(text().contains(#"t_seconds_bucket{le="0.01"} 0"#))
        #expect(text().contains(#"t_seconds_bucket{le="0.025"} 1"#))
        #expect(text().contains("t_seconds_sum 0.02\n"))
    }

    @Test func `There are no more series than the bound, and what is too many is counted`() {
        for number in 0..<10 {
            Counter(label: "c_total", dimensions: [("n", "\(number)")], factory: registry).increment()
        }
        #expect(registry.sum("c_total") == 4 && registry.dropped == 6)
        // What is there still counts.
        Counter(label: "c_total", dimensions: [("n", "0")], factory: registry).increment()
        #expect(registry.sum("c_total") == 5 && registry.dropped == 6)
    }

    @Test func `A name has one kind, and labels have different names`() {
        Counter(label: "x", dimensions: [], factory: registry).increment()
        Gauge(label: "x", dimensions: [("a", "b")], factory: registry).record(9)
        Counter(label: "y", dimensions: [("a", "1"), ("a", "2")], factory: registry).increment()
        #expect(registry.dropped == 2 && registry.families().map(\.name) == ["x"])
    }

    @Test func `What cannot stand in a name becomes an underscore`() {
        Counter(label: "9 lives.total", dimensions: [("le", "1"), ("__name__", "x")], factory: registry).increment()
        #expect(text().contains(#"_9_lives_total{label___name__="x",label_le="1"} 1"#))
    }

    @Test func `Counting from many threads loses nothing`() async {
        let registry = MetricsRegistry()
        let counter = Counter(label: "a_total", dimensions: [], factory: registry)
        let timer = Metrics.Timer(label: "t_seconds", dimensions: [], factory: registry)
        await withTaskGroup(of: Void.self) { tasks in
            for _ in 0..<8 {
                tasks.addTask {
                    for _ in 0..<1_000 {
                        counter.increment()
                        timer.recordMilliseconds(1)
                    }
                }
            }
        }
        #expect(registry.sum("a_total") == 8_000)
        #expect(Exposition.text(of: registry.families()) { _ in "" }.contains("t_seconds_count 8000\n"))
    }
}
