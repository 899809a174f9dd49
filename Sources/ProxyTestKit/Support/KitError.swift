/// What can go wrong on the test kit's side of a conversation.
package enum KitError: Error, Equatable, CustomStringConvertible {
    /// Nothing happened within the time that the caller was ready to wait.
    case timedOut(String)
    /// The other side ended the connection; `ending` says how.
    case ended(StreamEnding)
    /// The other side ended the connection in the middle of something that has a length.
    case truncated(wanted: Int, got: Int, StreamEnding)
    /// The other side broke its protocol.
    case violation(String)
    /// A packet of four bytes that carries one of Telegram's transport errors, such as -404.
    case transportError(Int32)
    /// A program that the kit runs (openssl) failed.
    case command(String)
    /// The servers of a test saw the program under test break the rules.
    case violations([String])

    package var description: String {
        switch self {
        case .timedOut(let what): "timed out: \(what)"
        case .ended(let ending): "the connection ended: \(ending)"
        case .truncated(let wanted, let got, let ending): "wanted \(wanted) bytes, got \(got), then: \(ending)"
        case .violation(let what): "protocol violation: \(what)"
        case .transportError(let code): "transport error \(code)"
        case .command(let what): "command failed: \(what)"
        case .violations(let all): "protocol violations: " + all.joined(separator: "; ")
        }
    }
}
