#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A process that has left its terminal without a fork, as MTProxy's `-d` does it.
struct Daemon: Sendable {
    /// Absolute path; nil throws away what is written to stdout and stderr.
    var logFile: String?

    /// Begins a session of its own, and turns stdin, stdout and stderr away.
    ///
    /// - Throws: when the log file cannot be opened.
    func detach() throws(StateError) {
        // A leader of a process group, such as a shell's job, cannot have one; it goes on all the same.
        _ = setsid()
        let nothing = open("/dev/null", O_RDWR)
        if nothing >= 0 {
            dup2(nothing, STDIN_FILENO)
            if logFile == nil {
                dup2(nothing, STDOUT_FILENO)
                dup2(nothing, STDERR_FILENO)
            }
            if nothing > STDERR_FILENO { close(nothing) }
        }
        if let error = reopen(), let logFile {
            throw StateError(
                problem: "the log file \(logFile) cannot be opened: \(error)", hint: "give another one with -l")
        }
    }

    /// Opens the log file again, after it was put aside. The old one goes on when that fails.
    func reopen() -> SystemError? {
        guard let logFile else { return nil }
        let file = RotatingFile.openForAppending(logFile)
        guard file >= 0 else { return .last }
        dup2(file, STDOUT_FILENO)
        dup2(file, STDERR_FILENO)
        if file > STDERR_FILENO { close(file) }
        return nil
    }
}
