/// The report for people: a table with one verdict a line, what to do, and a sentence at the end.
package struct ReportText {
    private let report: Report
    private let isColoured: Bool

    package init(_ report: Report, isColoured: Bool) {
        self.report = report
        self.isColoured = isColoured
    }

    /// Longer names push their values to the right instead of moving the whole table.
    private static let longestName = 44

    package var text: String {
        var blocks: [String] = []
        for group in CheckID.Group.allCases {
            let findings = report.findings.filter { $0.id.group == group }
            if !findings.isEmpty { blocks.append(([bold(group.rawValue)] + findings.map(row)).joined(separator: "\n")) }
        }
        let troubles =
            Self.alike(report.findings.filter { $0.level == .fail })
            + Self.alike(report.findings.filter { $0.level == .warn })
        if !troubles.isEmpty {
            blocks.append(([bold("What to do")] + troubles.flatMap(advice)).joined(separator: "\n"))
        }
        blocks.append(coloured(Self.safe(report.sentence), report.level))
        return blocks.joined(separator: "\n\n")
    }

    private func row(_ finding: Finding) -> String {
        let name = Self.safe(finding.title)
        let padding = String(repeating: " ", count: max(nameWidth - name.count, 0))
        return "  \(coloured(Self.label(finding.level), finding.level))  \(name)\(padding)  \(Self.safe(finding.value))"
    }

    private var nameWidth: Int {
        min(report.findings.map(\.title.count).max() ?? 0, Self.longestName)
    }

    /// Those that mean the same and have the same remedy stand together, each group where its first one stands.
    private static func alike(_ findings: [Finding]) -> [[Finding]] {
        var groups: [[Finding]] = []
        for finding in findings {
            let place = groups.firstIndex { group in
                guard let first = group.first else { return false }
                return (first.value, first.reason, first.advice) == (finding.value, finding.reason, finding.advice)
                    && first.commands == finding.commands
            }
            if let place { groups[place].append(finding) } else { groups.append([finding]) }
        }
        return groups
    }

    private func advice(_ findings: [Finding]) -> [String] {
        guard let first = findings.first else { return [] }
        let label = first.level == .fail ? "failed" : "warning"
        let names = findings.map(\.title).joined(separator: ", ")
        var lines = ["  \(coloured(label, first.level)) \(Self.safe(names)): \(Self.safe(first.value))"]
        if let reason = first.reason { lines.append("    \(Self.safe(reason))") }
        if let advice = first.advice { lines.append("    → \(Self.safe(advice))") }
        return lines + first.commands.map { "      \(Self.safe($0))" }
    }

    private static func label(_ level: Level) -> String {
        switch level {
        case .pass: "ok  "
        case .warn: "warn"
        case .fail: "FAIL"
        case .skipped: "–   "
        }
    }

    // MARK: Terminal

    private func bold(_ text: String) -> String { isColoured ? "\u{1b}[1m\(text)\u{1b}[0m" : text }

    private func coloured(_ text: String, _ level: Level) -> String {
        guard isColoured else { return text }
        let colour =
            switch level {
            case .pass: 32
            case .warn: 33
            case .fail: 31
            case .skipped: 2
            }
        return "\u{1b}[\(colour)m\(text)\u{1b}[0m"
    }

    /// Names come from files and servers: none of them may command the terminal.
    private static func safe(_ text: String) -> String {
        String(
            text.unicodeScalars.map { scalar -> Character in
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator: "?"
                default: Character(scalar)
                }
            })
    }
}
