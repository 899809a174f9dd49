#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Why the database, its lock or the control socket cannot be used.
///
/// `problem` says what and where, `hint` what to do; neither holds a secret.
package struct StoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of trouble it is, for programs.
    package enum Code: String, Sendable {
        /// Another process holds the lock or answers on the socket.
        case inUse = "in_use"
        /// The file is no database of ours, or damaged.
        case damaged
        /// A later version of the program made the file.
        case newerSchema = "newer_schema"
        /// The system refused: no space, no permission, no such directory.
        case unusable
    }

    package var code: Code
    package var problem: String
    package var hint: String

    package init(_ code: Code, _ problem: String, hint: String) {
        self.code = code
        self.problem = problem
        self.hint = hint
    }

    package var description: String { "\(problem); \(hint)" }

    /// A failed system call; `what` begins the sentence that its reason ends.
    static func system(_ what: String, number: Int32 = errno) -> StoreError {
        StoreError(
            .unusable, "\(what): \(String(cString: strerror(number)))",
            hint: "give a directory that this account can write with --state-dir"
        )
    }
}
