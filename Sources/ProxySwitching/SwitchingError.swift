/// Why a foreign configuration could not be read. Shows no secret.
package struct SwitchingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Counted from 1; nil when the fault is the whole text's.
    package var line: Int?
    /// What is wrong, as a sentence without a full stop.
    package var problem: String
    /// What would have been right.
    package var expected: String?

    package init(_ problem: String, expected: String? = nil, line: Int? = nil) {
        self.problem = problem
        self.expected = expected
        self.line = line
    }

    package var description: String {
        let place = line.map { "line \($0): " } ?? ""
        return place + problem + (expected.map { "; expected \($0)" } ?? "")
    }
}
