import ProxyPolicy

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Lines of text as systems' logs take them: without the time, which these note themselves, and the severity as a number.
///
/// Shape of a line of text: 24 characters time, a blank, 8 characters level, a blank, the message.
enum JournalText {
    private static let levelStart = 25
    private static let messageStart = 34

    /// The numbers of RFC 5424, which `<N>` in front of a line tells the journal (sd-daemon(3)).
    private static let severities: [String: Int32] = [
        "CRITICAL": LOG_CRIT, "ERROR": LOG_ERR, "WARNING": LOG_WARNING, "NOTICE": LOG_NOTICE, "INFO": LOG_INFO,
        "DEBUG": LOG_DEBUG, "TRACE": LOG_DEBUG,
    ]

    /// The severity and the message of one line; a line of another shape is a message of its own.
    static func parts(_ line: ArraySlice<UInt8>) -> (severity: Int32, message: ArraySlice<UInt8>) {
        guard line.count > messageStart else { return (LOG_INFO, line) }
        let level = line.dropFirst(levelStart).prefix(8).prefix { $0 != UInt8(ascii: " ") }
        guard let severity = severities[String(decoding: level, as: UTF8.self)] else { return (LOG_INFO, line) }
        return (severity, line.dropFirst(messageStart))
    }

    static func lines(_ text: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        for line in text.split(separator: UInt8(ascii: "\n")) {
            let (severity, message) = parts(line)
            result += Array("<\(severity)>".utf8) + message + [UInt8(ascii: "\n")]
        }
        return result
    }
}

/// The system's log (syslog(3)). Only the log's thread uses it.
struct SystemLog: Sendable {
    private let isText: Bool

    init(_ format: LogFormat) {
        isText = format.style != .json
        Self.open()
    }

    /// The system keeps a pointer to the name.
    nonisolated(unsafe) private static let name = strdup("martlet")

    private static func open() { openlog(name, LOG_PID | LOG_NDELAY, LOG_DAEMON) }

    func write(_ lines: ArraySlice<UInt8>) {
        for line in lines.split(separator: UInt8(ascii: "\n")) {
            let (severity, message) = isText ? JournalText.parts(line) : (LOG_INFO, line)
            String(decoding: message, as: UTF8.self).withCString { text in
                withVaList([text]) { vsyslog(severity, "%s", $0) }
            }
        }
    }
}
