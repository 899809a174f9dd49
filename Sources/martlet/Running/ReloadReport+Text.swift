import ProxyStore

/// A report in words.
extension ReloadReport {
    /// Names in one line; JSON has all of them.
    private static let longestList = 50

    /// Whether nothing is different from before.
    var isEmpty: Bool { changed.isEmpty && users.isEmpty }

    /// What is in force now, each with a name.
    var parts: [(name: String, keys: [String])] {
        let all = [
            ("changed", changed), ("users added", users.added), ("users changed", users.changed),
            ("users removed", users.removed),
        ]
        return all.filter { !$0.1.isEmpty }
    }

    /// What is in force now, a line each.
    var lines: [String] { parts.map { "\($0.name): \($0.keys.listed(atMost: Self.longestList))" } }

    /// For people.
    var text: String {
        let waiting = needsRestart.isEmpty ? [] : ["waits for a restart: " + needsRestart.joined(separator: ", ")]
        return (isEmpty ? ["nothing has changed"] : lines).joined(separator: "\n")
            + waiting.map { "\n" + $0 }.joined()
    }
}

extension [String] {
    /// `a, b, c and 40 more`
    func listed(atMost limit: Int) -> String {
        let shown = prefix(limit).joined(separator: ", ")
        return count > limit ? "\(shown) and \(count - limit) more" : shown
    }
}
