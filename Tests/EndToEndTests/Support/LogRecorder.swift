import Logging
import Synchronization

/// Keeps every log line, so that tests can ask what the proxy said.
final class LogRecorder: Sendable {
    struct Entry: Sendable {
        var level: Logger.Level
        var message: String
        var metadata: [String: String]
    }

    private let stored = Mutex<[Entry]>([])

    var entries: [Entry] { stored.withLock { $0 } }
    var handler: any LogHandler { Handler(recorder: self) }

    /// The metadata of all lines with this message.
    func lines(_ message: String) -> [[String: String]] {
        entries.filter { $0.message == message }.map(\.metadata)
    }

    /// Everything as one text, to search for what must not be in it.
    var text: String {
        entries.map { "\($0.level) \($0.message) \($0.metadata)" }.joined(separator: "\n")
    }

    /// The last lines, for a test that fails.
    var tail: String {
        entries.suffix(20).map { "\($0.level) \($0.message) \($0.metadata)" }.joined(separator: "\n")
    }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let merged = metadata.merging(event.metadata ?? [:]) { $1 }
            let entry = Entry(
                level: event.level, message: event.message.description, metadata: merged.mapValues(\.description))
            recorder.stored.withLock { $0.append(entry) }
        }
    }
}
