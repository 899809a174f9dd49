/// A group of options as help texts show them.
protocol OptionSection: Sendable {
    static var title: String { get }
    static var options: [OptionDefinition] { get }
}

/// Every option there is. Flags, environment variables, keys of the configuration file, their documentation and the
/// printed configuration are all made from it; nothing about an option stands anywhere else.
enum OptionTable {
    static let sections: [any OptionSection.Type] = [
        ListeningOptions.self, StrangerOptions.self, LimitOptions.self, RouteOptions.self, MiddleProxyOptions.self,
        RunningOptions.self, AdminOptions.self,
    ]

    static let all: [OptionDefinition] = sections.flatMap { $0.options }

    private static let byKey = Dictionary(all.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })

    static func option(forKey key: String) -> OptionDefinition? { byKey[key] }

    /// Whether the path is a table that holds options.
    static func isTable(_ path: [String]) -> Bool { tablePaths.contains(path) }

    private static let tablePaths = Set(all.flatMap { option in option.path.indices.map { Array(option.path[..<$0]) } })
}
