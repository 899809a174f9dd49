/// The command that starts a program, found in a script, a unit or a bare line.
struct FoundCommand: Sendable {
    /// What follows the program's name.
    var arguments: [String]
    /// Where it begins.
    var line: Int
    /// Of a unit: where the program runs.
    var workingDirectory: String?
    /// Of a unit: the other settings of the service.
    var neighbours: [(name: String, value: String)] = []

    /// Nil when no command of the text starts one of the programs.
    ///
    /// - Throws: ``SwitchingError`` when the command has a part that only running it could tell.
    static func find(in text: String, programs: [String]) throws -> FoundCommand? {
        if let unit = UnitFile(text) { return try unit.command(programs) }
        var reader = ShellReader(text)
        while let command = try reader.next() {
            if let found = try FoundCommand(command, programs) { return found }
        }
        return nil
    }

    /// The arguments behind the program's name; a line that begins with an option has no name.
    init?(_ command: ShellReader.Command, _ programs: [String]) throws {
        let names = command.words.map { $0.text.split(separator: "/").last.map(String.init) ?? "" }
        // Before `docker run … image` the same word may be a container's name, and an image has a version behind it.
        let isContainer = names.first.map { ["docker", "podman", "sudo"].contains($0) } ?? false
        let places = names.indices.filter { index in
            let name = isContainer ? names[index].split(separator: ":").first.map(String.init) ?? "" : names[index]
            return programs.contains(name)
        }
        let first: Int
        if let place = isContainer ? places.last : places.first {
            first = place + 1
        } else if command.words.first?.text.hasPrefix("-") == true {
            first = 0
        } else {
            return nil
        }
        let words = command.words[first...]
        if let problem = words.compactMap(\.problem).first {
            throw SwitchingError(
                "a part of the command is \(problem)", expected: "the value itself in that place", line: command.line)
        }
        arguments = words.map(\.text)
        line = command.line
    }
}

/// The settings of a systemd unit.
struct UnitFile: Sendable {
    private var settings: [(section: String, name: String, value: String, line: Int)] = []

    /// Nil when the text is no unit: it has no `ExecStart=`.
    init?(_ text: String) {
        var section = ""
        var pending: (name: String, value: String, line: Int)?
        for (index, raw) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            var content = Substring(raw)
            while content.last?.isWhitespace == true { content.removeLast() }
            while content.first?.isWhitespace == true { content.removeFirst() }
            if content.first == "#" || content.first == ";" { continue }
            let continues = content.hasSuffix("\\")
            if continues { content.removeLast() }
            if var open = pending {
                open.value += " \(content)"
                pending = open
            } else if content.hasPrefix("["), content.hasSuffix("]") {
                section = String(content.dropFirst().dropLast())
            } else if let mark = content.firstIndex(of: "="), mark != content.startIndex {
                let name = content[..<mark].filter { !$0.isWhitespace }
                pending = (name, content[content.index(after: mark)...].drop { $0.isWhitespace }.description, index + 1)
            }
            if !continues, let done = pending {
                settings.append((section, done.name, done.value, done.line))
                pending = nil
            }
        }
        if let open = pending { settings.append((section, open.name, open.value, open.line)) }
        guard settings.contains(where: { $0.name == "ExecStart" }) else { return nil }
    }

    func command(_ programs: [String]) throws -> FoundCommand? {
        let service = settings.filter { $0.section == "Service" || $0.section.isEmpty }
        var variables: [String: String] = [:]
        for setting in service where setting.name == "Environment" {
            var reader = ShellReader(setting.value)
            _ = try reader.next()
            variables.merge(reader.variables) { $1 }
        }
        for setting in service where setting.name == "ExecStart" {
            let value = setting.value.drop { "@-:+!|".contains($0) }
            var reader = ShellReader(String(value), manner: .unit, line: setting.line, variables: variables)
            guard let command = try reader.next(), var found = try FoundCommand(command, programs) else { continue }
            found.workingDirectory = service.last { $0.name == "WorkingDirectory" }?.value
            found.neighbours = service.filter { $0.name != "ExecStart" }.map { ($0.name, $0.value) }
            return found
        }
        return nil
    }
}
