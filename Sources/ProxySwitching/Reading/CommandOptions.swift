/// One option of a program's command line.
struct CommandOption: Sendable {
    enum Argument: Sendable {
        case none, required
        /// Only directly behind the option: `-d1`, `--daemonize=1`.
        case optional
    }

    /// Without dashes; nil for one that has a short form alone.
    var long: String?
    var short: Character?
    var argument: Argument

    /// With the dashes that people know it by.
    var name: String { long.map { "--\($0)" } ?? short.map { "-\($0)" } ?? "" }
}

/// Splits arguments into options and the rest by the rules of `getopt_long`: short options in bundles, `--option=value`,
/// `--option value`, prefixes that fit one option alone, options behind positional arguments, `--` before the rest.
struct CommandLineReader: Sendable {
    struct Given: Sendable, Equatable {
        /// The option's long name without dashes, or its short form.
        var option: String
        var value: String?
        /// As it was written.
        var spelling: String
    }

    struct Fault: Error, Equatable, CustomStringConvertible {
        var description: String
    }

    var options: [CommandOption]
    /// An option that nobody knows: nil refuses it, else it is reported with the value that seems to belong to it.
    var takesUnknown = false

    private(set) var given: [Given] = []
    private(set) var positional: [String] = []
    private(set) var unknown: [Given] = []

    init(_ options: [CommandOption], takesUnknown: Bool = false) {
        self.options = options
        self.takesUnknown = takesUnknown
    }

    mutating func read(_ words: [String]) throws(Fault) {
        var rest = words[...]
        while let word = rest.popFirst() {
            if word == "--" {
                positional += rest
                return
            }
            if word.hasPrefix("--") {
                try readLong(word, &rest)
            } else if word.hasPrefix("-"), word != "-" {
                try readShort(word, &rest)
            } else {
                positional.append(word)
            }
        }
    }

    private mutating func readLong(_ word: String, _ rest: inout ArraySlice<String>) throws(Fault) {
        let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = parts.first.map(String.init) ?? ""
        let value = parts.count == 2 ? String(parts[1]) : nil
        let exact = options.first { $0.long == name }
        let fitting = exact.map { [$0] } ?? options.filter { $0.long?.hasPrefix(name) ?? false }
        guard let option = fitting.first, !name.isEmpty else {
            try readUnknown("--\(name)", value, &rest)
            return
        }
        guard fitting.count == 1 else {
            let names = fitting.map(\.name).joined(separator: ", ")
            throw Fault(description: "option '--\(Draft.shown(name))' is ambiguous: \(names)")
        }
        switch (option.argument, value) {
        case (.none, .some): throw Fault(description: "option '\(option.name)' takes no argument")
        case (.required, nil):
            guard let next = rest.popFirst() else {
                throw Fault(description: "option '\(option.name)' needs an argument")
            }
            add(option, next, option.name)
        default: add(option, value, option.name)
        }
    }

    private mutating func readShort(_ word: String, _ rest: inout ArraySlice<String>) throws(Fault) {
        var letters = word.dropFirst()
        while let letter = letters.popFirst() {
            guard let option = options.first(where: { $0.short == letter }) else {
                try readUnknown("-\(letter)", letters.isEmpty ? nil : String(letters), &rest)
                return
            }
            switch option.argument {
            case .none: add(option, nil, "-\(letter)")
            case .optional:
                let value = letters.hasPrefix("=") ? letters.dropFirst() : letters
                add(option, letters.isEmpty ? nil : String(value), "-\(letter)")
                return
            case .required:
                guard let value = letters.isEmpty ? rest.popFirst() : String(letters) else {
                    throw Fault(description: "option '-\(letter)' needs an argument")
                }
                add(option, value, "-\(letter)")
                return
            }
        }
    }

    private mutating func readUnknown(_ name: String, _ value: String?, _ rest: inout ArraySlice<String>) throws(Fault)
    {
        guard takesUnknown else { throw Fault(description: "unrecognized option '\(Draft.shown(name))'") }
        var value = value
        // What follows an unknown option is most likely its value; the last word of all may be the program's file.
        if value == nil, rest.count > 1, let next = rest.first, !next.hasPrefix("-") { value = rest.popFirst() }
        unknown.append(Given(option: name, value: value, spelling: name))
    }

    private mutating func add(_ option: CommandOption, _ value: String?, _ spelling: String) {
        given.append(
            Given(option: option.long ?? option.short.map(String.init) ?? "", value: value, spelling: spelling))
    }
}
