/// Why a list of middle proxies cannot be read.
package struct MiddleProxyListError: Error, Hashable, Sendable {
    /// What the caller calls the text.
    package var file: String
    /// Counted from 1.
    package var line: Int
    package var problem: String
    package var expected: String
    /// The next characters of the text, at most 20, without any that a terminal would obey; empty at the end.
    package var near: String
}

extension MiddleProxyListError: CustomStringConvertible {
    /// `file:line: what, expected what near 'text'`.
    package var description: String {
        "\(file):\(line): \(problem), expected \(expected) " + (near.isEmpty ? "at the end" : "near '\(near)'")
    }
}
