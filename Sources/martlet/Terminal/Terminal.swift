#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What is known about where output goes.
struct Terminal: Sendable {
    /// Output goes to a person's terminal.
    var isInteractive: Bool
    /// Characters per line; nil when the terminal does not say.
    var columns: Int?

    static var standardOutput: Terminal {
        guard isatty(STDOUT_FILENO) == 1 else { return Terminal(isInteractive: false, columns: nil) }
        var size = winsize()
        let isKnown = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        return Terminal(isInteractive: true, columns: isKnown ? Int(size.ws_col) : nil)
    }
}
