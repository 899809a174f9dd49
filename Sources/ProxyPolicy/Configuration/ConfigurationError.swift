/// Why a text is not a value of the wanted type, in words that can follow the quoted value.
package struct InvalidValue: Error, Equatable, Sendable {
    /// Continues the sentence that begins with the value: "is not an IP address".
    package var problem: String
    /// The form that was expected, such as `DC:ADDRESS[:PORT]`.
    package var expected: String?
    /// One value that would have been accepted.
    package var example: String?

    package init(_ problem: String, expected: String? = nil, example: String? = nil) {
        self.problem = problem
        self.expected = expected
        self.example = example
    }
}

/// One thing that is wrong with the configuration: where it stands, which key, and how to put it right.
package struct ConfigurationError: Error, Equatable, Sendable {
    /// Where a value came from.
    package enum Source: Hashable, Sendable {
        /// A configuration file; `line` counts from 1 and is nil when the fault is the whole file's.
        case file(path: String, line: Int?)
        /// A command-line flag, with its dashes.
        case flag(String)
        /// An environment variable.
        case environment(String)
    }

    package var source: Source
    /// The key path in the file, such as `routes.dc_ip`; nil when the fault belongs to no key.
    package var key: String?
    /// What is wrong, as a sentence without a full stop.
    package var problem: String
    /// What would be right: the expected form, an example, or the nearest known name.
    package var hint: String?

    package init(source: Source, key: String? = nil, problem: String, hint: String? = nil) {
        self.source = source
        self.key = key
        self.problem = problem
        self.hint = hint
    }
}

extension ConfigurationError.Source: CustomStringConvertible {
    /// `martlet.toml:12`, `--dc-ip` or `MARTLET_DC_IP`.
    package var description: String {
        switch self {
        case .file(let path, let line): line.map { "\(path):\($0)" } ?? path
        case .flag(let name), .environment(let name): name
        }
    }
}

extension ConfigurationError: CustomStringConvertible {
    /// One line: `martlet.toml:12: routes.dc_ip: "2:foo" is not an IP address; expected …, for example …`.
    package var description: String {
        var text = "\(source): "
        if case .file = source, let key { text += "\(key): " }
        text += problem
        if let hint { text += "; \(hint)" }
        return text
    }
}
