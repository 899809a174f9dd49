import ProxyPolicy

/// `routes=debug`
struct SubsystemLevel: Sendable, Equatable {
    var subsystem: LogSubsystem
    var level: ProxyConfiguration.Log.Level
}

extension ValueForm where Value == SubsystemLevel {
    static var subsystemLevel: Self {
        ValueForm(placeholder: "SUBSYSTEM=LEVEL") { text, _ throws(InvalidValue) in
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, let subsystem = LogSubsystem(rawValue: parts[0]),
                let level = ProxyConfiguration.Log.Level(rawValue: parts[1])
            else {
                let names = LogSubsystem.allCases.map(\.rawValue).joined(separator: ", ")
                throw InvalidValue(
                    "is not a subsystem and a level", expected: "one of \(names), then = and a level such as debug",
                    example: "routes=debug")
            }
            return SubsystemLevel(subsystem: subsystem, level: level)
        } print: {
            "\($0.subsystem.rawValue)=\($0.level.rawValue)"
        }
    }
}
