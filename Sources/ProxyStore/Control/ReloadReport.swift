package import ProxyPolicy

/// What came of reading the configuration again. Names are keys of the configuration file.
package struct ReloadReport: Sendable, Equatable, Codable {
    /// Users whom the configuration declares, by name.
    package struct Users: Sendable, Equatable, Codable {
        package var added: [String] = []
        package var changed: [String] = []
        package var removed: [String] = []

        package init() {}

        /// What is different in the new ones, in the order in which they stand.
        package init(from old: [User], to new: [User]) {
            let before = Dictionary(old.map { ($0.name, $0) }) { first, _ in first }
            for user in new where user != before[user.name] {
                if before[user.name] == nil { added.append(user.name) } else { changed.append(user.name) }
            }
            let names = Set(new.map(\.name))
            removed = old.map(\.name).filter { !names.contains($0) }
        }

        package var isEmpty: Bool { added.isEmpty && changed.isEmpty && removed.isEmpty }
    }

    /// What differs from before and is in force now.
    package var changed: [String] = []
    package var users = Users()
    /// What differs and waits for a restart.
    package var needsRestart: [String] = []
    /// Remarks about values, for people.
    package var notes: [String] = []

    package init() {}

    private enum CodingKeys: String, CodingKey {
        case changed, users, notes
        case needsRestart = "needs_restart"
    }
}
