import ProxyPolicy

/// What a value's text may refer to besides itself, and what its parser has to say without refusing it.
struct ValueContext {
    /// Relative paths start here: the configuration file's directory, or the working directory.
    var directory: String
    /// The user's home directory, for a leading `~/`.
    var home: String?
    /// Remarks for people about values that were put right rather than refused.
    var notes: [String] = []
}

/// How one kind of value is written: its text form, read and printed.
///
/// Flags, environment variables and the configuration file all give texts to the same form, so that a value means the
/// same wherever it stands.
struct ValueForm<Value: Sendable>: Sendable {
    typealias Parse = @Sendable (String, inout ValueContext) throws(InvalidValue) -> Value

    /// The word for the value in help texts: `PORT`.
    let placeholder: String
    /// Written without quotes in TOML.
    var isNumber = false
    /// Never quoted in messages.
    var isSecret = false
    let parse: Parse
    /// The text that parses to the same value; nil for an absent value, which has none.
    let print: @Sendable (Value) -> String?
}

extension ValueForm {
    /// The same text for an optional value, where `word` stands for its absence.
    func optional(absence word: String?) -> ValueForm<Value?> {
        ValueForm<Value?>(
            placeholder: placeholder,
            isNumber: isNumber,
            isSecret: isSecret,
            parse: { text, context throws(InvalidValue) in
                if let word, text == word { return nil }
                return try parse(text, &context)
            },
            print: { value in
                guard let value else { return word }
                return print(value)
            }
        )
    }
}

extension ValueForm where Value == Bool {
    static var bool: Self {
        Self(placeholder: "BOOL", isNumber: true) { text, _ throws(InvalidValue) in
            switch text.lowercased() {
            case "true", "yes", "on", "1": return true
            case "false", "no", "off", "0": return false
            default: throw InvalidValue("is neither true nor false", expected: "true or false")
            }
        } print: {
            $0 ? "true" : "false"
        }
    }
}

extension ValueForm where Value == Int {
    /// A whole number within bounds; text outside them is refused.
    static func integer(_ bounds: ClosedRange<Int>, placeholder: String) -> Self {
        Self(placeholder: placeholder, isNumber: true) { text, _ throws(InvalidValue) in
            let number = try wholeNumber(text, bounds)
            guard bounds.contains(number) else {
                throw InvalidValue("is out of range", expected: words(for: bounds))
            }
            return number
        } print: {
            String($0)
        }
    }

    /// A whole number that is raised to the lower bound with a remark, as people who come from tg-ws-proxy expect.
    static func raised(to bounds: ClosedRange<Int>, placeholder: String, unit: String = "") -> Self {
        Self(placeholder: placeholder, isNumber: true) { text, context throws(InvalidValue) in
            let number = try wholeNumber(text, bounds)
            guard number <= bounds.upperBound else {
                throw InvalidValue("is out of range", expected: words(for: bounds))
            }
            guard number < bounds.lowerBound else { return number }
            context.notes.append("\(number) was raised to \(bounds.lowerBound)\(unit), the smallest value")
            return bounds.lowerBound
        } print: {
            String($0)
        }
    }

    private static func words(for bounds: ClosedRange<Int>) -> String {
        "a number from \(bounds.lowerBound) to \(bounds.upperBound)"
    }

    private static func wholeNumber(_ text: String, _ bounds: ClosedRange<Int>) throws(InvalidValue) -> Int {
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text) else {
            throw InvalidValue("is not a whole number", expected: words(for: bounds))
        }
        return number
    }
}

extension ValueForm where Value: CaseIterable & RawRepresentable, Value.RawValue == String {
    /// One of a type's words.
    static func word(placeholder: String) -> Self {
        Self(placeholder: placeholder) { text, _ throws(InvalidValue) in
            guard let value = Value(rawValue: text.lowercased()) else {
                let words = Value.allCases.map(\.rawValue)
                let nearest = NearestName.find(text.lowercased(), in: words)
                throw InvalidValue(
                    "is not one of \(words.joined(separator: ", "))",
                    expected: nearest.map { "did you mean \($0)?" }
                )
            }
            return value
        } print: {
            $0.rawValue
        }
    }
}

extension ValueForm where Value == Int64 {
    /// A span of time in milliseconds: `10s`, `500ms`, `2m`, `1h`, `1d`, or a plain number of seconds.
    static func duration(_ bounds: ClosedRange<Int64>) -> Self {
        Self(placeholder: "TIME") { text, _ throws(InvalidValue) in
            guard let milliseconds = DurationText.parse(text) else {
                throw InvalidValue("is not a span of time", expected: "a number with ms, s, m, h or d", example: "10s")
            }
            guard bounds.contains(milliseconds) else {
                let range = "\(DurationText.print(bounds.lowerBound)) to \(DurationText.print(bounds.upperBound))"
                throw InvalidValue("is out of range", expected: range)
            }
            return milliseconds
        } print: {
            DurationText.print($0)
        }
    }
}

extension ValueForm {
    /// The same text for a value in another unit.
    func converted<Other: Sendable>(
        _ convert: @escaping @Sendable (Value) -> Other,
        back: @escaping @Sendable (Other) -> Value
    ) -> ValueForm<Other> {
        ValueForm<Other>(
            placeholder: placeholder,
            isNumber: isNumber,
            isSecret: isSecret,
            parse: { text, context throws(InvalidValue) in convert(try parse(text, &context)) },
            print: { print(back($0)) }
        )
    }
}

/// Spans of time as people write them.
enum DurationText {
    private static let units: [(suffix: String, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// Milliseconds; nil when the text is no span of time or too long to count.
    static func parse(_ text: String) -> Int64? {
        let unit = units.first { text.hasSuffix($0.suffix) }
        let number = text.dropLast(unit?.suffix.utf8.count ?? 0)
        guard number.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }),
            number.utf8.first != UInt8(ascii: "."), number.utf8.last != UInt8(ascii: "."),
            let value = Double(number)
        else { return nil }
        return Int64(exactly: (value * Double(unit?.milliseconds ?? 1_000)).rounded())
    }

    /// The shortest exact text.
    static func print(_ milliseconds: Int64) -> String {
        let unit = units.last { milliseconds != 0 && milliseconds % $0.milliseconds == 0 } ?? ("s", 1_000)
        return "\(milliseconds / unit.milliseconds)\(unit.suffix)"
    }
}
