/// Why a command was refused, as a reply carries it.
package struct ControlError: Error, Sendable, Equatable, Codable, CustomStringConvertible {
    package enum Code: String, Sendable, Codable {
        /// The line is no request that this version knows.
        case badRequest = "bad_request"
        /// A value is not allowed.
        case invalid
        case notFound = "not_found"
        case exists
        /// The configuration declares the user, so a command cannot change him.
        case declared
        /// The database cannot be used.
        case store
        /// Too many connections to the control socket.
        case busy
        /// The line is longer than the bound.
        case tooLong = "too_long"
        /// The request or its answer took too long.
        case timeout
        /// The configuration is wrong: nothing was changed.
        case configuration
        /// The server's successor did not take over.
        case restart
        /// There is nothing to ask: the server does not run.
        case notRunning = "not_running"
    }

    package var code: Code
    package var message: String
    /// What to do next; empty when the message says it all.
    package var hint: String
    /// Everything that is wrong, a line each; absent where the message says it all.
    package var details: [String]?

    package init(_ code: Code, _ message: String, hint: String = "", details: [String]? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.details = details
    }

    package init(_ error: StoreError) {
        self.init(.store, error.problem, hint: error.hint)
    }

    package var description: String { hint.isEmpty ? message : "\(message); \(hint)" }
}
