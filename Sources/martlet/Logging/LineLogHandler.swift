import Logging
import ProxyPolicy

/// A swift-log handler that turns each event into one line and hands it to the log's own thread.
struct LineLogHandler: LogHandler {
    /// The program's level or that of the subsystem, unless this logger was given one of its own.
    var logLevel: Logger.Level {
        get { ownLevel ?? level.value }
        set { ownLevel = newValue }
    }
    var metadata: Logger.Metadata = [:] {
        didSet {
            guard case .string(let name)? = metadata[LogSubsystem.metadataKey] else { return }
            level = LogSubsystem(rawValue: name).map { levels.level(of: $0) } ?? levels.general
        }
    }
    var metadataProvider: Logger.MetadataProvider?

    private var ownLevel: Logger.Level?
    private let levels: LogLevels
    private var level: LogLevel
    private let format: LogFormat
    private let writer: LogWriter

    init(levels: LogLevels, format: LogFormat, writer: LogWriter) {
        self.levels = levels
        level = levels.general
        self.format = format
        self.writer = writer
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var merged = metadataProvider?.get() ?? [:]
        merged.merge(metadata) { _, own in own }
        if let given = event.metadata { merged.merge(given) { _, given in given } }
        if let error = event.error { merged["error"] = "\(error)" }
        writer.append(
            format.line(time: .now, level: event.level, message: event.message.description, metadata: merged)
        )
    }
}
