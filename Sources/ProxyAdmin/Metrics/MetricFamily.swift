package enum MetricKind: String, Sendable {
    case counter, gauge, histogram
}

/// All series of one name.
package struct MetricFamily: Sendable {
    package var name: String
    package var kind: MetricKind
    package var series: [MetricSeries]

    package init(name: String, kind: MetricKind, series: [MetricSeries]) {
        self.name = name
        self.kind = kind
        self.series = series
    }
}

/// One row of numbers in time: a name with labels.
package struct MetricSeries: Sendable {
    package enum Value: Sendable {
        case whole(Int64)
        case real(Double)
        case histogram(MetricHistogram)
    }

    package var labels: [MetricLabel]
    package var value: Value

    package init(_ labels: [MetricLabel], _ value: Value) {
        self.labels = labels
        self.value = value
    }
}

package struct MetricLabel: Sendable, Hashable, Comparable {
    package var name: String
    package var value: String

    /// - Parameter name: what cannot stand in a label's name becomes `_`.
    package init(_ name: String, _ value: String) {
        self.name = MetricName.label(name)
        self.value = value
    }

    package static func < (one: Self, other: Self) -> Bool { (one.name, one.value) < (other.name, other.value) }
}

/// Names as Prometheus allows them.
enum MetricName {
    static func metric(_ text: String) -> String { made(from: text, colons: true) }

    static func label(_ text: String) -> String {
        let name = made(from: text, colons: false)
        // Two underscores are for Prometheus itself, and `le` for histograms.
        return name.hasPrefix("__") || name == "le" ? "label_\(name)" : name
    }

    private static func made(from text: String, colons: Bool) -> String {
        let characters = text.unicodeScalars.map { scalar -> Character in
            let isAllowed: Bool =
                switch scalar {
                case "a"..."z", "A"..."Z", "0"..."9", "_": true
                case ":": colons
                default: false
                }
            return isAllowed ? Character(scalar) : "_"
        }
        let name = String(characters)
        return name.first.map { !$0.isNumber } == true ? name : "_\(name)"
    }
}
