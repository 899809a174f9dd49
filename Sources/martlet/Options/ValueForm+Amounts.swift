import MTProtoWire
import ProxyPolicy

extension ValueForm where Value == UInt64 {
    /// A number of bytes: `500`, `64 KiB`, `50 GB`, `1.5TB`.
    static func byteCount(_ bounds: ClosedRange<UInt64>, placeholder: String = "BYTES") -> Self {
        Self(placeholder: placeholder) { text, _ throws(InvalidValue) in
            guard let bytes = ByteText.parse(text) else {
                throw InvalidValue(
                    "is not a number of bytes", expected: "a number with B, kB, MB, GB, TB, KiB, MiB, GiB or TiB",
                    example: "50 GB"
                )
            }
            guard bounds.contains(bytes) else {
                throw InvalidValue(
                    "is out of range",
                    expected: "\(ByteText.print(bounds.lowerBound)) to \(ByteText.print(bounds.upperBound))"
                )
            }
            return bytes
        } print: {
            ByteText.print($0)
        }
    }
}

extension ValueForm where Value == Int {
    /// A number of bytes that fits into `Int`.
    static func byteCount(_ bounds: ClosedRange<Int>, placeholder: String = "BYTES") -> Self {
        ValueForm<UInt64>.byteCount(
            UInt64(clamping: bounds.lowerBound)...UInt64(clamping: bounds.upperBound), placeholder: placeholder
        ).converted({ Int(clamping: $0) }, back: { UInt64(clamping: $0) })
    }

    /// Bytes per second: `2 MB/s`, `500 KiB/s`, `10 Mbit/s`, or a plain number of bytes.
    static func byteRate(_ bounds: ClosedRange<Int>) -> Self {
        Self(placeholder: "RATE") { text, _ throws(InvalidValue) in
            guard let rate = ByteText.parseRate(text) else {
                throw InvalidValue(
                    "is not a rate", expected: "bytes like 2 MB/s and 500 KiB/s, or bits like 10 Mbit/s",
                    example: "2 MB/s"
                )
            }
            guard let value = Int(exactly: rate), bounds.contains(value) else {
                let (low, high) = (UInt64(clamping: bounds.lowerBound), UInt64(clamping: bounds.upperBound))
                throw InvalidValue(
                    "is out of range", expected: "\(ByteText.printRate(low)) to \(ByteText.printRate(high))"
                )
            }
            return value
        } print: {
            ByteText.printRate(UInt64(clamping: $0))
        }
    }
}

extension ValueForm where Value == Int64 {
    /// A span of time in whole seconds: `30s`, `10m`, `12h`, `7d`, or a plain number.
    static func seconds(_ bounds: ClosedRange<Int64>) -> Self {
        let milliseconds = duration(bounds.lowerBound * 1_000...bounds.upperBound * 1_000)
        return Self(placeholder: "TIME") { text, context throws(InvalidValue) in
            let value = try milliseconds.parse(text, &context)
            guard value % 1_000 == 0 else { throw InvalidValue("is not a whole number of seconds", example: "30s") }
            return value / 1_000
        } print: {
            DurationText.print($0 * 1_000)
        }
    }

    /// A moment as Unix time in seconds: `2026-12-31` (the end of that day, UTC), or a date with a time as RFC 3339
    /// writes it, in UTC unless it names its zone.
    ///
    /// - Parameter now: where a span like `+30d` starts; nil refuses spans: in a file one would move with every start.
    static func moment(now: Int64?) -> Self {
        Self(placeholder: "DATE") { text, _ throws(InvalidValue) in
            if text.hasPrefix("+") { return try later(text, now) }
            guard let moment = CalendarText.parse(text) else {
                let span = now == nil ? "" : ", or a span like +30d"
                throw InvalidValue(
                    "is not a date", expected: "a day (it counts to its end) or a time, in UTC or with its zone\(span)",
                    example: "2026-12-31 or 2026-12-31T18:00:00Z"
                )
            }
            return moment
        } print: {
            CalendarText.print($0)
        }
    }

    private static func later(_ text: String, _ now: Int64?) throws(InvalidValue) -> Int64 {
        guard let now else {
            throw InvalidValue("counts from now, which would move with every start", example: "2026-12-31")
        }
        // A hundred years: what is longer is a slip of the pen.
        guard let span = DurationText.parse(String(text.dropFirst())), (1_000...3_155_760_000_000).contains(span) else {
            throw InvalidValue("is not a span of time", expected: "+ and a number with s, m, h or d", example: "+30d")
        }
        return now + span / 1_000
    }
}

extension ValueForm where Value == AdTag {
    static var adTag: Self {
        Self(placeholder: "TAG") { text, _ throws(InvalidValue) in
            guard let tag = AdTag(text) else {
                throw InvalidValue(
                    "is not an ad tag", expected: "32 hexadecimal digits, as @MTProxybot gives them",
                    example: "3f40462915a3e6026a4d790127b95ded"
                )
            }
            return tag
        } print: {
            $0.text
        }
    }
}

/// One of the ways in, under the name that people write.
enum TransportName: String, CaseIterable, Sendable {
    case fakeTLS = "faketls"
    case padded
    case obfuscated2
    case open
    case plain
    case http

    var transport: ClientTransports {
        switch self {
        case .fakeTLS: .fakeTLS
        case .padded: .padded
        case .obfuscated2: .obfuscated2
        case .open: .open
        case .plain: .plain
        case .http: .http
        }
    }

    static func names(of transports: ClientTransports) -> [TransportName] {
        allCases.filter { transports.contains($0.transport) }
    }

    static func transports(named names: [TransportName]) -> ClientTransports {
        names.reduce(into: []) { $0.formUnion($1.transport) }
    }
}

extension ValueForm where Value == TransportName {
    static var transport: Self { .word(placeholder: "TRANSPORT") }
}

/// Numbers of bytes as people write them.
enum ByteText {
    private static let units: [(name: String, bytes: UInt64)] = [
        ("B", 1), ("kB", 1_000), ("KiB", 1 << 10), ("MB", 1_000_000), ("MiB", 1 << 20), ("GB", 1_000_000_000),
        ("GiB", 1 << 30), ("TB", 1_000_000_000_000), ("TiB", 1 << 40),
    ]

    /// Bits per second, in bytes.
    private static let bitUnits: [(name: String, bytes: UInt64)] = [
        ("kbit", 125), ("Mbit", 125_000), ("Gbit", 125_000_000),
    ]

    /// Bytes; nil when the text is no such number or too large to count. Capitals do not matter.
    static func parse(_ text: String) -> UInt64? { parse(text, units) }

    /// Bytes per second: bytes or bits with `/s` or without it, and `Mbps` for bits. `Mb/s` is refused, since some mean
    /// bits by it and others bytes.
    static func parseRate(_ text: String) -> UInt64? {
        if text.lowercased().hasSuffix("bps"), text.dropLast(2).last == "b" {
            return parse("\(text.dropLast(2))it", bitUnits)
        }
        let amount = text.hasSuffix("/s") ? String(text.dropLast(2)) : text
        if amount.last == "b", amount.dropLast().last?.isLetter == true { return nil }
        return parse(amount, amount.hasSuffix("bit") ? bitUnits : units)
    }

    /// The shortest exact text.
    static func print(_ bytes: UInt64) -> String { print(bytes, units) ?? "0" }

    /// The same for bytes per second.
    static func printRate(_ bytes: UInt64) -> String { print(bytes, units + bitUnits).map { "\($0)/s" } ?? "0" }

    private static func parse(_ text: String, _ units: [(name: String, bytes: UInt64)]) -> UInt64? {
        let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let name = text.dropFirst(number.count).drop { $0 == " " }.lowercased()
        guard let unit = name.isEmpty ? 1 : units.first(where: { $0.name.lowercased() == name })?.bytes,
            number.first?.isNumber == true, number.last?.isNumber == true
        else { return nil }
        if let whole = UInt64(number) {
            let (bytes, overflow) = whole.multipliedReportingOverflow(by: unit)
            return overflow ? nil : bytes
        }
        // A part of a byte is nobody's intention.
        guard unit > 1, let value = Double(number) else { return nil }
        return UInt64(exactly: (value * Double(unit)).rounded())
    }

    private static func print(_ bytes: UInt64, _ units: [(name: String, bytes: UInt64)]) -> String? {
        guard bytes > 0 else { return nil }
        let fitting = units.filter { bytes % $0.bytes == 0 }
        guard let unit = fitting.max(by: { $0.bytes < $1.bytes }), unit.bytes > 1 else { return String(bytes) }
        return "\(bytes / unit.bytes) \(unit.name)"
    }
}
