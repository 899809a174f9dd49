import Logging
import ProxyPolicy
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The program's log: stderr, and a file and the system's log if they are configured.
struct LogSystem: Sendable {
    let logger: Logger
    /// Every logger's, unless it has one of its own.
    let levels: LogLevels
    private let writer: LogWriter
    private let sink: LogSink

    /// - Throws: when the log file cannot be opened.
    init(_ configuration: ProxyConfiguration.Log) throws(StateError) {
        let format = LogFormat(style: configuration.format)
        let sink = LogSink(
            file: try Self.openFile(configuration), isJournal: Self.isJournal(configuration.format),
            syslog: configuration.usesSyslog ? SystemLog(format) : nil)
        let writer = LogWriter { dropped in
            format.line(
                time: .now, level: .warning,
                message: "log lines were dropped: they came faster than they could be written",
                metadata: ["dropped": .stringConvertible(dropped)]
            )
        } write: { lines in
            sink.write(lines)
        }
        self.writer = writer
        self.sink = sink
        let levels = LogLevels(configuration)
        self.levels = levels
        logger = Logger(label: "martlet") { _ in LineLogHandler(levels: levels, format: format, writer: writer) }
    }

    /// Whether stderr is for the journal. systemd says in a variable which file that is, so that a terminal in between is
    /// noticed.
    private static func isJournal(_ format: ProxyConfiguration.Log.Format) -> Bool {
        switch format {
        case .journald: return true
        case .text, .json: return false
        case .auto:
            var status = stat()
            guard let variable = getenv("JOURNAL_STREAM"), fstat(STDERR_FILENO, &status) == 0 else { return false }
            return String(cString: variable) == "\(status.st_dev):\(status.st_ino)"
        }
    }

    /// Opens the log file again before the next line, for programs that put it aside.
    func reopen() {
        sink.reopen()
    }

    /// Writes what is waiting; the last thing before the program ends.
    func finish() {
        writer.finish()
    }

    private static func openFile(_ configuration: ProxyConfiguration.Log) throws(StateError) -> LogSink.File? {
        guard let path = configuration.file else { return nil }
        do {
            return LogSink.File(
                try RotatingFile(path: path, maximumBytes: configuration.maximumBytes, backups: configuration.backups)
            )
        } catch {
            throw StateError(
                problem: "the log file \(path) cannot be opened: \(error)",
                hint: "give another one with --log-file, or none"
            )
        }
    }
}

/// Where lines go. Only the log's thread writes.
private final class LogSink: Sendable {
    /// A reference to a file that cannot be copied.
    final class File: @unchecked Sendable {
        // Only the log's thread writes.
        private var file: RotatingFile
        private var hasFailed = false
        /// Set from anywhere.
        private let wantsReopening = Atomic(false)

        init(_ file: consuming RotatingFile) {
            self.file = file
        }

        func reopen() {
            wantsReopening.store(true, ordering: .relaxed)
        }

        /// The first failure of a row; nil when the lines were written or the trouble is known.
        func write(_ lines: ArraySlice<UInt8>) -> SystemError? {
            do throws(SystemError) {
                if wantsReopening.exchange(false, ordering: .relaxed) { try file.reopen() }
                try file.write(lines)
                hasFailed = false
                return nil
            } catch {
                defer { hasFailed = true }
                return hasFailed ? nil : error
            }
        }
    }

    private let file: File?
    private let isJournal: Bool
    private let syslog: SystemLog?

    init(file: File?, isJournal: Bool, syslog: SystemLog?) {
        self.file = file
        self.isJournal = isJournal
        self.syslog = syslog
    }

    func reopen() {
        file?.reopen()
    }

    func write(_ lines: ArraySlice<UInt8>) {
        _ = FileOutput.write(isJournal ? JournalText.lines(lines)[...] : lines, to: STDERR_FILENO)
        syslog?.write(lines)
        if let error = file?.write(lines) {
            FileOutput.print("martlet: the log file cannot be written: \(error)", to: STDERR_FILENO)
        }
    }
}
