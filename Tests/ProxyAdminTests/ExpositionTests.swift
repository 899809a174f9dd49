import ProxyAdmin
import Testing

/// The text that Prometheus reads.
@Suite struct ExpositionTests {
    private func text(_ families: [MetricFamily]) -> String { Exposition.text(of: families) { "What \($0) means." } }

    @Test func `A counter is told with help, type and labels`() {
        let series = [MetricSeries([MetricLabel("way", "up")], .whole(3)), MetricSeries([], .whole(7))]
        let family = MetricFamily(name: "things_total", kind: .counter, series: series)
        #expect(
            text([family]) == """
                # HELP things_total What things_total means.
                # TYPE things_total counter
                things_total{way="up"} 3
                things_total 7

                """)
    }

    @Test func `A name without series is not told`() {
        #expect(text([MetricFamily(name: "nothing", kind: .gauge, series: [])]).isEmpty)
    }

    @Test(arguments: [
        (#"a"b"#, #"a\"b"#), (#"a\b"#, #"a\\b"#), ("a\nb", #"a\nb"#), ("a\r\nb", "a\r" + #"\nb"#), ("häß", "häß"),
    ])
    func `Values of labels are escaped`(value: String, expected: String) {
        let family = MetricFamily(
            name: "x", kind: .gauge, series: [MetricSeries([MetricLabel("name", value)], .whole(1))])
        #expect(text([family]).contains("x{name=\"\(expected)\"} 1\n"))
    }

    @Test func `Help is escaped, quotes stay`() {
        let family = MetricFamily(name: "x", kind: .gauge, series: [MetricSeries([], .whole(1))])
        let text = Exposition.text(of: [family]) { _ in "a \"b\"\nc\\d" }
        #expect(text.hasPrefix("# HELP x a \"b\"\\nc\\\\d\n"))
    }

    @Test(
        arguments: [
            (0.5, "0.5"), (3, "3"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"), (1e300, "1e+300"),
        ] as [(Double, String)])
    func `Numbers are written as Prometheus reads them`(number: Double, expected: String) {
        let family = MetricFamily(name: "x", kind: .gauge, series: [MetricSeries([], .real(number))])
        #expect(text([family]).hasSuffix("x \(expected)\n"))
    }

    @Test func `A histogram counts from bound to bound`() {
        var histogram = MetricHistogram()
        for value in [0.0005, 0.001, 0.3, 99] { histogram.add(value) }
        histogram.add(.nan)
        let family = MetricFamily(
            name: "x_seconds", kind: .histogram, series: [MetricSeries([MetricLabel("r", "a")], .histogram(histogram))])
        let lines = text([family]).split(separator: "\n").dropFirst(2).map(String.init)
        #expect(lines.count == MetricHistogram.bounds.count + 3)
        #expect(lines.first == #"x_seconds_bucket{r="a",le="0.001"} 2"#)
        #expect(lines.contains(#"x_seconds_bucket{r="a",le="0.25"} 2"#))
        #expect(lines.contains(#"x_seconds_bucket{r="a",le="0.5"} 3"#))
        #expect(lines.contains(#"x_seconds_bucket{r="a",le="10"} 3"#))
        #expect(lines.contains(#"x_seconds_bucket{r="a",le="+Inf"} 4"#))
        #expect(lines.contains(#"x_seconds_count{r="a"} 4"#))
        #expect(lines.contains { $0.hasPrefix(#"x_seconds_sum{r="a"} 99.301"#) })
    }
}
