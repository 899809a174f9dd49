import ProxyEngine

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Listening sockets from the service manager: LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES (sd_listen_fds(3)).
enum SocketActivation {
    /// The first of the descriptors (SD_LISTEN_FDS_START).
    private static let firstDescriptor: Int32 = 3
    /// Beyond this the number is a mistake.
    private static let maximum: Int32 = 1_024

    /// The sockets, taken once: the variables are gone afterwards, so that no program that is started believes them.
    ///
    /// - Throws: what is no listening socket of a kind that clients can use.
    static func take(_ variables: [String: String]) throws(HandoverProblem) -> InheritedSockets? {
        for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsetenv(name) }
        guard variables["LISTEN_PID"] == "\(getpid())", let count = variables["LISTEN_FDS"].flatMap({ Int32($0) }),
            1...maximum ~= count
        else { return nil }
        let names = (variables["LISTEN_FDNAMES"] ?? "").split(separator: ":", omittingEmptySubsequences: false)
        var sockets: [ListeningSocket] = []
        for index in 0..<count {
            let descriptor = firstDescriptor + index
            guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0, let socket = ListeningSocket(inherited: descriptor)
            else {
                let name = Int(index) < names.count ? " (\(names[Int(index)]))" : ""
                throw HandoverProblem(
                    "the service manager's socket \(index + 1)\(name) is no listening TCP or Unix socket",
                    hint: "give the socket unit ListenStream= with an address and port or a path, and Accept=no")
            }
            sockets.append(socket)
        }
        return InheritedSockets(sockets, from: .serviceManager)
    }
}

/// Why this process does not get the sockets of another one; for people.
struct HandoverProblem: Error, Sendable, CustomStringConvertible {
    var problem: String
    var hint: String

    init(_ problem: String, hint: String) {
        self.problem = problem
        self.hint = hint
    }

    var description: String { "\(problem); \(hint)" }
}
