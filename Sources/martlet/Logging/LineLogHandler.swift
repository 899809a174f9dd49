import Logging

/// A swift-log handler that turns each event into one line and hands it to the log's own thread.
struct LineLogHandler: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    private let format: LogFormat
    private let writer: LogWriter

    init(level: Logger.Level, format: LogFormat, writer: LogWriter) {
        logLevel = level
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
