import Logging
import ProxyPolicy

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The program's log: stderr, and a file if one is configured.
struct LogSystem: Sendable {
    let logger: Logger
    private let writer: LogWriter

    /// - Throws: when the log file cannot be opened.
    init(_ configuration: ProxyConfiguration.Log) throws(StateError) {
        let format = LogFormat(style: configuration.format)
        let sink = LogSink(file: try Self.openFile(configuration))
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
        let level = Logger.Level(rawValue: configuration.level.rawValue) ?? .info
        logger = Logger(label: "martlet") { _ in LineLogHandler(level: level, format: format, writer: writer) }
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

/// Where lines go. Only the log's thread uses it.
private final class LogSink: Sendable {
    /// A reference to a file that cannot be copied.
    final class File: @unchecked Sendable {
        // Only the log's thread writes.
        private var file: RotatingFile
        private var hasFailed = false

        init(_ file: consuming RotatingFile) {
            self.file = file
        }

        /// The first failure of a row; nil when the lines were written or the trouble is known.
        func write(_ lines: ArraySlice<UInt8>) -> SystemError? {
            do throws(SystemError) {
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

    init(file: File?) {
        self.file = file
    }

    func write(_ lines: ArraySlice<UInt8>) {
        _ = FileOutput.write(lines, to: STDERR_FILENO)
        if let error = file?.write(lines) {
            FileOutput.print("martlet: the log file cannot be written: \(error)", to: STDERR_FILENO)
        }
    }
}
