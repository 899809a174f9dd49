import ArgumentParser
import ProxyPolicy

/// The flags of one section of the option table.
///
/// The argument parser learns a type's flags from a reflection of it. This type's reflection is made from the option
/// table, so that names, help texts and completions of flags come from there like everything else about an option.
struct SectionFlags<Section: OptionSection>: ParsableArguments, CustomReflectable {
    /// What was given on the command line, by option key.
    private(set) var values: GivenValues = [:]

    init() {}

    var customMirror: Mirror {
        let flags = Section.options.flatMap { ParsedFlags.byKey[$0.key] ?? [] }
        return Mirror(self, children: flags.map { (label: $0.label, value: $0.flag as Any) })
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: FlagKey.self)
        for option in Section.options {
            if option.shape == .toggle {
                let flag = try container.decode(Flag<Bool?>.self, forKey: FlagKey(option.flag))
                guard let isOn = flag.wrappedValue else { continue }
                add(option, [isOn ? "true" : "false"], flag: isOn ? option.flag : "no-\(option.flag)")
                continue
            }
            let texts = try container.decode(Option<[String]>.self, forKey: FlagKey(option.flag)).wrappedValue
            if !texts.isEmpty {
                add(option, texts.flatMap { option.texts(from: $0) }, flag: option.flag)
            }
            guard let shorthand = option.shorthand else { continue }
            let count = try container.decode(Flag<Int>.self, forKey: FlagKey(shorthand.flag)).wrappedValue
            // The long form says more exactly what is wanted.
            if count > 0, texts.isEmpty {
                add(option, [shorthand.values[min(count, shorthand.values.count) - 1]], flag: shorthand.flag)
            }
        }
    }

    private mutating func add(_ option: OptionDefinition, _ texts: [String], flag: String) {
        let source = ConfigurationError.Source.flag("--\(flag)")
        let texts = option.isList ? texts : Array(texts.suffix(1))
        values[option.key] = GivenValue(
            items: texts.map { GivenValue.Item(text: $0, source: source) }, source: source, directory: "/"
        )
    }
}

/// A flag's name as the argument parser's key.
private struct FlagKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ flag: String) {
        stringValue = flag.replacing("-", with: "_")
    }

    init?(stringValue: String) {
        self.stringValue = stringValue
    }

    init?(intValue: Int) {
        nil
    }
}

/// Every option's flags as the argument parser declares them. It reflects a type several times for one command line,
/// so they are made once.
private enum ParsedFlags {
    struct Entry: Sendable {
        let label: String
        let flag: any Sendable
    }

    static let byKey: [String: [Entry]] = Dictionary(
        OptionTable.all.map { option in
            var entries = [Entry(label: FlagKey(option.flag).stringValue, flag: option.parsedFlag)]
            if let shorthand = option.shorthand {
                entries.append(
                    Entry(label: FlagKey(shorthand.flag).stringValue, flag: shorthand.parsedFlag(for: option)))
            }
            return (option.key, entries)
        },
        uniquingKeysWith: { first, _ in first }
    )
}

extension OptionDefinition {
    /// The flag as the argument parser declares one.
    fileprivate var parsedFlag: any Sendable {
        if shape == .toggle {
            return Flag<Bool?>(
                name: .customLong(flag), inversion: .prefixedNo, exclusivity: .chooseLast,
                help: ArgumentHelp(stringLiteral: help)
            )
        }
        // A secret in base64url may begin with a hyphen.
        return Option<[String]>(
            wrappedValue: [], name: .customLong(flag), parsing: isSecret ? .unconditionalSingleValue : .singleValue,
            help: ArgumentHelp(help, valueName: placeholder)
        )
    }

    /// The summary, the default, and the names in the other sources.
    private var help: String {
        var facts: [String] = []
        if isList { facts.append("repeatable") }
        if let texts = defaultTexts, !texts.isEmpty {
            facts.append("default: \(texts.count > 6 ? "built in" : texts.joined(separator: " "))")
        }
        facts.append(key)
        facts.append(variable)
        return "\(summary) (\(facts.joined(separator: "; ")))"
    }
}

extension OptionDefinition.Shorthand {
    fileprivate func parsedFlag(for option: OptionDefinition) -> any Sendable {
        Flag<Int>(
            name: [.customShort(short), .customLong(flag)],
            help: ArgumentHelp("\(summary) (\(OptionDefinition.variable(for: flag)))")
        )
    }
}
