import MTProtoWire

/// The file.
extension Draft {
    /// In the order in which people look for things.
    private static let sections = [
        "", "listen", "link", "mask", "handshake", "limits", "routes", "cloudflare", "pool", "middle_proxy", "relay",
        "log", "admin",
    ]
    /// A longer value tells nobody more.
    private static let longestValue = 200

    func translation(of program: String, name: String) -> Translation {
        Translation(
            toml: text(program, name), translated: translated,
            left: left.map { Translation.Left(name: Self.shown($0.name), reason: $0.reason) }, notes: notes
        )
    }

    private func text(_ program: String, _ name: String) -> String {
        var blocks = [
            """
            # Configuration of martlet, made from \(Self.shown(name)) of \(program).
            # Behind each line stands the name that it has there; `martlet config print --defaults` explains every key.
            """
        ]
        for section in Self.sections {
            guard let entries = lines[section], !entries.isEmpty else { continue }
            blocks.append((section.isEmpty ? "" : "[\(section)]\n") + Self.assignments(entries))
        }
        blocks +=
            bareSecrets + users.filter { !isBare($0) }.map(block)
            + listeners.map { "[[listeners]]\n" + Self.assignments($0) }
        if !notes.isEmpty {
            blocks.append((["# To know:"] + notes.map { "# - \(Self.shown($0))" }).joined(separator: "\n"))
        }
        if !left.isEmpty {
            blocks.append((["# What martlet has no equivalent of:"] + left.map(Self.comment)).joined(separator: "\n"))
        }
        return blocks.joined(separator: "\n\n") + "\n"
    }

    /// Users without limits stand as plain secrets.
    private var bareSecrets: [String] {
        let bare = users.filter(isBare)
        guard !bare.isEmpty else { return [] }
        let entries = bare.map {
            "\(TOMLLiteral.quoted($0.name)) = \(TOMLLiteral.quoted($0.secrets.first?.text ?? ""))"
        }
        return ["[secrets]\n" + entries.joined(separator: "\n")]
    }

    /// A name with @ in it is not one for the table of secrets.
    private func isBare(_ user: DraftUser) -> Bool {
        user.fields.isEmpty && user.secrets.count == 1 && !user.name.contains("@")
    }

    private func block(_ user: DraftUser) -> String {
        let secrets = user.secrets.map(\.text)
        let secret: Line =
            secrets.count == 1
            ? Line(key: "secret", value: .text(secrets[0]), origin: "")
            : Line(key: "secrets", value: .list(secrets), origin: "")
        return "[[users]]\n"
            + Self.assignments([Line(key: "name", value: .text(user.name), origin: ""), secret] + user.fields)
    }

    private static func assignments(_ entries: [Line]) -> String {
        entries.map { entry in
            let origin = entry.origin.isEmpty ? "" : "  # \(shown(entry.origin))"
            return "\(entry.key) = \(entry.value.written)\(origin)"
        }.joined(separator: "\n")
    }

    private static func comment(_ entry: (name: String, value: String?, reason: String)) -> String {
        let value = entry.value.map { " = \(shown($0))" } ?? ""
        return "# \(shown(entry.name))\(value): no equivalent, because \(entry.reason)"
    }

    /// One line of printable characters: what another file holds must not begin a line of ours.
    static func shown(_ text: String) -> String {
        let printable = text.unicodeScalars.map { scalar -> Character in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate: " "
            default: Character(scalar)
            }
        }
        return printable.count <= longestValue ? String(printable) : String(printable.prefix(longestValue)) + "…"
    }
}
