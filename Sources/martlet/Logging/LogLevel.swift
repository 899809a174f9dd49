import Logging
import ProxyPolicy
import Synchronization

/// The least severity that is logged, which may change while the program runs.
final class LogLevel: Sendable {
    private static let none = -1

    private let place: Atomic<Int>
    /// What holds where nothing is said here.
    private let general: LogLevel?

    init(_ level: ProxyConfiguration.Log.Level?, general: LogLevel? = nil) {
        place = Atomic(Self.place(of: level))
        self.general = general
    }

    var value: Logger.Level {
        let place = place.load(ordering: .relaxed)
        guard place >= 0 else { return general?.value ?? .info }
        return Logger.Level.allCases[place]
    }

    func set(_ level: ProxyConfiguration.Log.Level?) {
        place.store(Self.place(of: level), ordering: .relaxed)
    }

    /// Among all levels of swift-log, whose names ours are.
    private static func place(of level: ProxyConfiguration.Log.Level?) -> Int {
        guard let level else { return none }
        return Logger.Level.allCases.firstIndex { $0.rawValue == level.rawValue } ?? none
    }
}

/// The level of the program and those of its subsystems.
struct LogLevels: Sendable {
    let general: LogLevel
    private let own: [LogSubsystem: LogLevel]

    init(_ configuration: ProxyConfiguration.Log) {
        let general = LogLevel(configuration.level)
        self.general = general
        own = Dictionary(
            uniqueKeysWithValues: LogSubsystem.allCases.map {
                ($0, LogLevel(configuration.levels[$0], general: general))
            })
    }

    /// The level that a line about it needs.
    func level(of subsystem: LogSubsystem) -> LogLevel { own[subsystem] ?? general }

    /// Takes what a configuration says.
    func apply(_ configuration: ProxyConfiguration.Log) {
        general.set(configuration.level)
        for (subsystem, level) in own { level.set(configuration.levels[subsystem]) }
    }

    /// Changes single ones: by the name of a subsystem, or `all`; no level takes one back to the general one.
    ///
    /// - Returns: names or levels that nobody knows; nothing is changed then.
    func change(_ wanted: [String: String]) -> [String] {
        var changes: [(LogLevel, ProxyConfiguration.Log.Level?)] = []
        var unknown: [String] = []
        for (name, text) in wanted.sorted(by: { $0.key < $1.key }) {
            let level = ProxyConfiguration.Log.Level(rawValue: text)
            if level == nil, text != Self.generalWord || name == Self.allWord { unknown.append(text) }
            if name == Self.allWord {
                changes.append((general, level))
            } else if let subsystem = LogSubsystem(rawValue: name) {
                changes.append((self.level(of: subsystem), level))
            } else {
                unknown.append(name)
            }
        }
        guard unknown.isEmpty else { return unknown }
        for (place, level) in changes { place.set(level) }
        return []
    }

    /// All of them in force, by name; the general one first.
    var inForce: [(name: String, level: String)] {
        [(Self.allWord, general.value.rawValue)]
            + LogSubsystem.allCases.map { ($0.rawValue, level(of: $0).value.rawValue) }
    }

    static let allWord = "all"
    static let generalWord = "default"
}
