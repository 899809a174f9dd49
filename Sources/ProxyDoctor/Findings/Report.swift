/// Everything that was found, and what it comes to.
package struct Report: Sendable, Equatable {
    package var version: String
    /// In the order of ``CheckID``.
    package var findings: [Finding]
    /// How long it took.
    package var milliseconds: Double

    package init(version: String, findings: [Finding], milliseconds: Double) {
        self.version = version
        self.milliseconds = milliseconds
        let places = Dictionary(uniqueKeysWithValues: CheckID.allCases.enumerated().map { ($1, $0) })
        // Findings of one check stay in their order.
        self.findings = findings.enumerated().sorted { left, right in
            (places[left.element.id] ?? 0, left.offset) < (places[right.element.id] ?? 0, right.offset)
        }.map(\.element)
    }

    package var level: Level { findings.map(\.level).max() ?? .skipped }

    package func count(_ level: Level) -> Int { findings.count { $0.level == level } }

    /// The verdict in one sentence.
    package var sentence: String {
        let (failed, warned, passed) = (of(.fail), of(.warn), count(.pass))
        guard failed.isEmpty else {
            let warnings = warned.isEmpty ? "" : "; \(Figures.count(warned.count, "warning")) beside"
            return "\(Figures.count(failed.count, "check")) failed: \(Self.names(failed))\(warnings)."
        }
        guard warned.isEmpty else {
            return "Nothing failed, with \(Figures.count(warned.count, "warning")): \(Self.names(warned))."
        }
        guard passed > 0 else { return "There was nothing to check." }
        return "All is well: \(Figures.count(passed, "check")) passed."
    }

    private func of(_ level: Level) -> [Finding] { findings.filter { $0.level == level } }

    /// Names in a sentence; the table has all of them.
    private static let namesAtMost = 4

    private static func names(_ findings: [Finding]) -> String {
        var seen: Set<String> = []
        let names = findings.map(\.title).filter { seen.insert($0).inserted }
        let rest = names.count > namesAtMost ? " and \(names.count - namesAtMost) more" : ""
        return names.prefix(namesAtMost).joined(separator: ", ") + rest
    }
}

extension Finding {
    /// Check and subject: `dc 2`.
    var title: String { subject.map { "\(id.rawValue) \($0)" } ?? id.rawValue }
}

extension Report: Encodable {
    private enum Key: String, CodingKey {
        case version, verdict, milliseconds, checks
    }

    private struct Verdict: Encodable {
        var level: Level
        var text: String
        var passed: Int
        var warned: Int
        var failed: Int
        var skipped: Int
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(version, forKey: .version)
        try container.encode(milliseconds, forKey: .milliseconds)
        try container.encode(
            Verdict(
                level: level, text: sentence, passed: count(.pass), warned: count(.warn), failed: count(.fail),
                skipped: count(.skipped)), forKey: .verdict)
        try container.encode(findings, forKey: .checks)
    }
}
