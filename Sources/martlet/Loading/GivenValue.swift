import ProxyPolicy

/// What one source says about one option.
struct GivenValue: Sendable, Equatable {
    /// One text, and where it stands.
    struct Item: Sendable, Equatable {
        var text: String
        var source: ConfigurationError.Source
    }

    var items: [Item]
    /// Where the option was named; also when its list is empty.
    var source: ConfigurationError.Source
    /// Relative paths in these texts start here.
    var directory: String
}

/// Values by option key.
typealias GivenValues = [String: GivenValue]

/// What the file says in one of several tables of a kind.
struct GivenRow: Sendable, Equatable {
    /// The table's beginning.
    var source: ConfigurationError.Source
    /// Values by the field's key.
    var values: GivenValues = [:]
}

/// Tables that may stand several times, by name and in the order of the file.
typealias GivenRows = [String: [GivenRow]]

/// What one source had to say: values, and everything wrong with how they were named.
struct GivenSource: Sendable {
    var values: GivenValues = [:]
    var rows: GivenRows = [:]
    var errors: [ConfigurationError] = []
    var notes: [String] = []
}

extension String {
    /// The pieces between any of the separators, without blanks around them and without empty ones.
    func pieces(separators: String) -> [String] {
        split { separators.contains($0) }
            .map { $0.trimmingBlanks() }
            .filter { !$0.isEmpty }
    }
}

extension Substring {
    func trimmingBlanks() -> String {
        var text = self
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }
}

/// A value as messages quote it; control characters cannot reach the terminal.
func quoted(_ text: String) -> String {
    "\"\(LogText.escaped(text))\""
}
