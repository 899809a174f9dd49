/// A value as it is written into a configuration file.
enum TOMLLiteral: Sendable, Equatable {
    case text(String)
    case number(Int)
    case truth(Bool)
    case list([String])

    var written: String {
        switch self {
        case .text(let text): Self.quoted(text)
        case .number(let number): String(number)
        case .truth(let isTrue): isTrue ? "true" : "false"
        case .list(let texts): "[\(texts.map(Self.quoted).joined(separator: ", "))]"
        }
    }

    /// A basic string of TOML.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value):
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// A span of time, in the largest unit that holds it exactly.
    static func time(milliseconds: Int64) -> TOMLLiteral {
        if milliseconds % 1_000 != 0 { return .text("\(milliseconds)ms") }
        return .text("\(milliseconds / 1_000)s")
    }
}
