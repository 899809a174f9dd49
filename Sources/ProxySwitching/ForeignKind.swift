/// The programs whose configurations can be taken over.
package enum ForeignKind: String, Sendable, CaseIterable {
    /// Telegram's MTProxy in C: a command line, a script, or a systemd unit.
    case mtproxy
    /// tg-ws-proxy: the tray's `config.json`, a command line, a file of environment variables or a compose file.
    case tgWSProxy = "tg-ws-proxy"
    /// mtg 2 in Go: its TOML file, or `mtg simple-run`.
    case mtg
    /// telemt: its TOML file.
    case telemt
    /// teleproxy: its TOML file, a command line, or environment variables.
    case teleproxy
    /// mtprotoproxy in Python: its `config.py`.
    case mtprotoproxy

    /// The programs' names, as command lines have them.
    var programs: [String] {
        switch self {
        case .mtproxy: ["mtproto-proxy"]
        case .tgWSProxy: ["tg-ws-proxy", "tg_ws_proxy.py", "tg-ws-proxy-rs"]
        case .mtg: ["mtg", "mtg-multi"]
        case .telemt: ["telemt"]
        case .teleproxy: ["teleproxy"]
        case .mtprotoproxy: ["mtprotoproxy.py"]
        }
    }

    /// The kind of a text by what stands in it; nil when nothing does.
    package static func guess(_ text: String) -> ForeignKind? {
        let lines = text.split(whereSeparator: \.isNewline).map { line in
            let start = line.drop { $0 == " " || $0 == "\t" }
            return start.hasPrefix("export ") ? start.dropFirst("export ".count) : start
        }
        for kind in allCases where lines.contains(where: { $0.first != "#" && mentions(kind, $0) }) { return kind }
        if lines.first(where: { !$0.isEmpty })?.first == "{" { return .tgWSProxy }
        let signs: [(ForeignKind, [String])] = [
            (.telemt, ["[access.users]", "[censorship]", "[general]", "[general.modes]"]),
            (.mtg, ["bind-to"]),
            (.teleproxy, ["[[secret]]", "stats_port", "EE_DOMAIN", "SECRET_1", "SECRET="]),
            (.mtprotoproxy, ["USERS"]),
            (.tgWSProxy, ["TG_", "- TG_", "\"TG_", "- \"TG_"]),
            (.mtproxy, ["-"]),
        ]
        return signs.first { sign in lines.contains { line in sign.1.contains { line.hasPrefix($0) } } }?.0
    }

    /// Whether a line names the program, as a word or as the end of a path.
    private static func mentions(_ kind: ForeignKind, _ line: Substring) -> Bool {
        // `name = "mtg"` of some table is no command.
        guard !line.contains(" = ") else { return false }
        let words = line.split { " \t\"'=,[]".contains($0) }
        return words.contains { word in
            let name = word.split(separator: "/").last.map(String.init) ?? ""
            return kind.programs.contains(name)
        }
    }
}
