/// How the other side ended a connection, as seen on the socket below any TLS.
package enum StreamEnding: Sendable, Equatable, CustomStringConvertible {
    /// It has not.
    case open
    /// With a FIN.
    case finished
    /// With a RST.
    case reset
    /// We closed first, and heard nothing of the other side's end.
    case closedHere
    /// Another error, in words.
    case failed(String)

    package var description: String {
        switch self {
        case .open: "open"
        case .finished: "FIN"
        case .reset: "RST"
        case .closedHere: "closed by this side"
        case .failed(let what): what
        }
    }
}
