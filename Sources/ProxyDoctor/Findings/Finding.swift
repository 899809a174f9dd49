/// What a check came to.
package enum Level: String, Sendable, Codable, CaseIterable, Comparable {
    /// There was nothing to check.
    case skipped
    case pass
    /// It works, but not as it should, or not for everybody.
    case warn
    /// Clients cannot be served, or not as the configuration says.
    case fail

    package static func < (left: Level, right: Level) -> Bool { left.rank < right.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// One line of the report.
package struct Finding: Sendable, Equatable {
    package var id: CheckID
    /// Which one of several: a data center, a name, a setting.
    package var subject: String?
    package var level: Level
    /// What was measured, for people. Never a secret.
    package var value: String
    /// What that means; nil where nothing is wrong.
    package var reason: String?
    /// What to do about it.
    package var advice: String?
    /// What to type for that.
    package var commands: [String] = []
    /// The numbers of `value`, for programs; times in ms.
    package var measured: [String: Double] = [:]

    static func pass(
        _ id: CheckID, _ subject: String?, _ value: String, measured: [String: Double] = [:]
    ) -> Finding {
        Finding(id: id, subject: subject, level: .pass, value: value, measured: measured)
    }

    static func pass(_ id: CheckID, _ value: String, measured: [String: Double] = [:]) -> Finding {
        pass(id, nil, value, measured: measured)
    }

    static func skipped(_ id: CheckID, _ subject: String?, _ why: String) -> Finding {
        Finding(id: id, subject: subject, level: .skipped, value: why)
    }

    static func skipped(_ id: CheckID, _ why: String) -> Finding { skipped(id, nil, why) }

    static func trouble(
        _ level: Level, _ id: CheckID, _ subject: String?, _ value: String, because reason: String,
        advice: String, commands: [String] = [], measured: [String: Double] = [:]
    ) -> Finding {
        Finding(
            id: id, subject: subject, level: level, value: value, reason: reason, advice: advice, commands: commands,
            measured: measured)
    }

    static func trouble(
        _ level: Level, _ id: CheckID, _ value: String, because reason: String, advice: String,
        commands: [String] = [], measured: [String: Double] = [:]
    ) -> Finding {
        trouble(level, id, nil, value, because: reason, advice: advice, commands: commands, measured: measured)
    }
}

extension Finding: Encodable {
    private enum Key: String, CodingKey {
        case id, subject, level, value, reason, advice, commands, measured
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(id, forKey: .id)
        try container.encodeIfPresent(subject, forKey: .subject)
        try container.encode(level, forKey: .level)
        try container.encode(value, forKey: .value)
        try container.encodeIfPresent(reason, forKey: .reason)
        try container.encodeIfPresent(advice, forKey: .advice)
        if !commands.isEmpty { try container.encode(commands, forKey: .commands) }
        if !measured.isEmpty { try container.encode(measured, forKey: .measured) }
    }
}

/// Numbers as people read them.
enum Figures {
    /// Milliseconds with one decimal, as measured.
    static func milliseconds(_ duration: Duration) -> Double {
        let (seconds, attoseconds) = duration.components
        let tenths = Double(seconds) * 10_000 + Double(attoseconds) / 1e14
        return tenths.rounded() / 10
    }

    static func time(_ milliseconds: Double) -> String {
        milliseconds < 10 ? "\(milliseconds) ms" : "\(Int(milliseconds.rounded())) ms"
    }

    /// `3 s`, `5 min`, `2 h`, `4 days`.
    static func span(seconds: Int) -> String {
        let seconds = abs(seconds)
        switch seconds {
        case ..<120: return "\(seconds) s"
        case ..<7_200: return "\(seconds / 60) min"
        case ..<172_800: return "\(seconds / 3_600) h"
        default: return "\(seconds / 86_400) days"
        }
    }

    static func bytes(_ count: Int) -> String {
        switch count {
        case ..<(10 << 10): "\(count) bytes"
        case ..<(10 << 20): "\(count >> 10) KiB"
        case ..<(10 << 30): "\(count >> 20) MiB"
        default: "\(count >> 30) GiB"
        }
    }

    static func count(_ number: Int, _ unit: String) -> String { "\(number) \(unit)\(number == 1 ? "" : "s")" }
}
