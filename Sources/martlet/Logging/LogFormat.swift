import Logging
import ProxyPolicy

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A moment as log lines write it.
struct LogTime: Sendable, Equatable {
    var seconds: Int
    var milliseconds: Int

    static var now: LogTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return LogTime(seconds: time.tv_sec, milliseconds: Int(time.tv_nsec) / 1_000_000)
    }

    /// `2026-08-07T12:34:56.789Z`, in UTC whatever the machine's zone: lines of several machines compare.
    var text: String {
        var seconds = time_t(seconds)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let date = "\(parts.tm_year + 1_900)-\(Self.padded(parts.tm_mon + 1))-\(Self.padded(parts.tm_mday))"
        let time = "\(Self.padded(parts.tm_hour)):\(Self.padded(parts.tm_min)):\(Self.padded(parts.tm_sec))"
        let fraction = String(milliseconds + 1_000).dropFirst()
        return "\(date)T\(time).\(fraction)Z"
    }

    private static func padded(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

/// Log lines, without the line break.
struct LogFormat: Sendable {
    let style: ProxyConfiguration.Log.Format

    /// - Parameter metadata: every source already merged.
    func line(time: LogTime, level: Logger.Level, message: String, metadata: Logger.Metadata) -> String {
        // Metadata is a dictionary: sorted keys keep lines comparable.
        let sorted = metadata.sorted { $0.key < $1.key }
        switch style {
        case .auto, .text, .journald:
            let label = level.rawValue.uppercased()
            let padding = String(repeating: " ", count: max(0, 8 - label.utf8.count))
            let fields = sorted.map { " \(LogText.value($0.key))=\(Self.text($0.value))" }.joined()
            return "\(time.text) \(label)\(padding) \(LogText.withoutControls(message))\(fields)"
        case .json:
            let known: [(key: String, value: String)] = [
                ("time", JSONText.string(time.text)), ("level", JSONText.string(level.rawValue)),
                ("message", JSONText.string(message)),
            ]
            // A field must not take the place of one of the three above.
            let fields = sorted.map { field in
                (
                    key: known.contains { $0.key == field.key } ? "\(field.key)_" : field.key,
                    value: Self.json(field.value)
                )
            }
            return JSONText.object(known + fields)
        }
    }

    private static func text(_ value: Logger.MetadataValue) -> String {
        switch value {
        case .string(let text): LogText.value(text)
        case .stringConvertible(let value): LogText.value(value.description)
        case .array, .dictionary: LogText.value(json(value))
        }
    }

    private static func json(_ value: Logger.MetadataValue) -> String {
        switch value {
        case .string(let text): JSONText.string(text)
        case .stringConvertible(let value as Int): String(value)
        case .stringConvertible(let value as Bool): String(value)
        case .stringConvertible(let value): JSONText.string(value.description)
        case .array(let values): JSONText.array(values.map(json))
        case .dictionary(let fields):
            JSONText.object(fields.sorted { $0.key < $1.key }.map { ($0.key, json($0.value)) })
        }
    }
}
