import MTProtoWire

/// A configuration of another program, to be said in Martlet's words.
package struct ForeignConfiguration: Sendable {
    /// Bytes of a text that are read: ten thousand users take less than half of it.
    package static let maximumBytes = 4 << 20

    package var kind: ForeignKind
    package var text: String
    /// What the text is called in the result: a file's name, without its directory.
    package var name: String
    /// Absolute path: relative paths in the text start here.
    package var directory: String

    package init(kind: ForeignKind, text: String, name: String, directory: String) {
        self.kind = kind
        self.text = text
        self.name = name
        self.directory = directory
    }

    /// Martlet's configuration with the same meaning.
    ///
    /// - Throws: ``SwitchingError`` when the text is not what the kind says, or what the other program would refuse.
    package func translate() throws -> Translation {
        guard text.utf8.count <= Self.maximumBytes else {
            throw SwitchingError("the text is longer than \(Self.maximumBytes >> 20) MiB")
        }
        guard !text.utf8.contains(0) else { throw SwitchingError("the text has a zero byte in it and is no text") }
        let draft = Draft(directory: directory)
        let finished =
            switch kind {
            case .mtproxy: try MTProxyImporter.read(text, draft)
            case .tgWSProxy: try TgWSProxyImporter.read(text, draft)
            case .mtg: try MtgImporter.read(text, draft)
            case .telemt: try TelemtImporter.read(text, draft)
            case .teleproxy: try TeleproxyImporter.read(text, draft)
            case .mtprotoproxy: try MTProtoProxyImporter.read(text, draft)
            }
        return finished.translation(of: kind.rawValue, name: name)
    }
}

/// A foreign configuration in Martlet's words.
package struct Translation: Sendable, Equatable {
    /// What has no equivalent.
    package struct Left: Sendable, Equatable {
        /// As the other program calls it.
        package var name: String
        /// Follows "no equivalent, because".
        package var reason: String
    }

    /// A configuration file, with secrets.
    package var toml: String
    /// What was translated, by the other program's names and in the order in which it was met.
    package var translated: [String]
    /// What stands in the file as a comment.
    package var left: [Left]
    /// For people: what is different now, and what to look at. Shows no secret.
    package var notes: [String]
}
