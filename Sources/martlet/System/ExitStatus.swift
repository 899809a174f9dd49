import ArgumentParser

/// What the program's exit code says; numbers from `sysexits.h` where it has one.
enum ExitStatus: Int32 {
    /// Stopped after the sessions were drained, or did what was asked.
    case success = 0
    /// A flag or argument is wrong.
    case usage = 64
    /// The listening address cannot be had.
    case unavailable = 69
    /// Something failed that is nobody's configuration.
    case software = 70
    /// The state directory or the log file cannot be used.
    case cannotCreate = 73
    /// The configuration file or an environment variable is wrong.
    case configuration = 78

    var code: ExitCode { ExitCode(rawValue) }
}
