/// The text format of Prometheus, version 0.0.4.
///
/// Per name: `# HELP`, `# TYPE`, and a line for each series. https://prometheus.io/docs/instrumenting/exposition_formats
package enum Exposition {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// - Parameter help: what a name means.
    package static func text(of families: [MetricFamily], help: (String) -> String) -> String {
        var text = ""
        for family in families where !family.series.isEmpty {
            text += "# HELP \(family.name) \(escapedHelp(help(family.name)))\n"
            text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
            for series in family.series { write(series, family.name, to: &text) }
        }
        return text
    }

    private static func write(_ series: MetricSeries, _ name: String, to text: inout String) {
        switch series.value {
        case .whole(let number): text += "\(name)\(labels(series.labels)) \(number)\n"
        case .real(let number): text += "\(name)\(labels(series.labels)) \(format(number))\n"
        case .histogram(let histogram):
            for (bound, count) in histogram.cumulative {
                text += "\(name)_bucket\(labels(series.labels, "le", format(bound))) \(count)\n"
            }
            text += "\(name)_bucket\(labels(series.labels, "le", "+Inf")) \(histogram.count)\n"
            text += "\(name)_sum\(labels(series.labels)) \(format(histogram.sum))\n"
            text += "\(name)_count\(labels(series.labels)) \(histogram.count)\n"
        }
    }

    private static func labels(_ labels: [MetricLabel], _ last: String? = nil, _ lastValue: String = "") -> String {
        var parts = labels.map { "\($0.name)=\"\(escapedValue($0.value))\"" }
        if let last { parts.append("\(last)=\"\(lastValue)\"") }
        return parts.isEmpty ? "" : "{\(parts.joined(separator: ","))}"
    }

    static func format(_ number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number > 0 ? "+Inf" : "-Inf" }
        if let whole = Int64(exactly: number) { return "\(whole)" }
        return "\(number)"
    }

    private static func escapedHelp(_ text: String) -> String { escaped(text, quotes: false) }
    private static func escapedValue(_ text: String) -> String { escaped(text, quotes: true) }

    /// By scalars: a line's end of two would be one character.
    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result.append(contentsOf: "\\\\".unicodeScalars)
            case "\n": result.append(contentsOf: "\\n".unicodeScalars)
            case "\"" where quotes: result.append(contentsOf: "\\\"".unicodeScalars)
            default: result.append(scalar)
            }
        }
        return String(result)
    }
}
