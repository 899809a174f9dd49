/// Numbers and moments as a person reads them at a glance.
enum UserAmounts {
    private static let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"]

    /// `999 B`, `1.2 GB`: decimal units, one digit behind the point.
    static func bytes(_ count: UInt64) -> String {
        var value = count
        var rest: UInt64 = 0
        var unit = 0
        while value >= 1_000, unit < units.count - 1 {
            (value, rest) = value.quotientAndRemainder(dividingBy: 1_000)
            unit += 1
        }
        let tenth = rest / 100
        return unit == 0 || tenth == 0 || value >= 100 ? "\(value) \(units[unit])" : "\(value).\(tenth) \(units[unit])"
    }

    /// The moment, and how far it is: `2030-12-31 (in 9 d)`.
    static func moment(_ unix: Int64, now: Int64) -> String {
        let text = CalendarText.print(unix)
        let (distance, isTooFar) = unix.subtractingReportingOverflow(now)
        if isTooFar { return text }
        return distance > 0 ? "\(text) (in \(span(distance)))" : "\(text) (over)"
    }

    /// The largest unit alone.
    private static func span(_ seconds: Int64) -> String {
        switch seconds {
        case 172_800...: "\(seconds / 86_400) days"
        case 7_200...: "\(seconds / 3_600) hours"
        default: "\((seconds + 59) / 60) minutes"
        }
    }
}

/// Columns of text, each as wide as its widest cell.
struct TextTable {
    private var rows: [[String]]
    /// Columns whose cells end at the same place, as numbers do.
    private let trailing: Set<Int>

    init(header: [String], trailing: Set<Int>) {
        rows = [header]
        self.trailing = trailing
    }

    mutating func add(_ row: [String]) {
        rows.append(row)
    }

    var text: String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                line += trailing.contains(column) ? padding + cell : cell + padding
                line += "  "
            }
            while line.last == " " { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }
}
