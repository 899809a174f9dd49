import ProxyPolicy

/// What new settings change, in keys of the configuration file. Users are told apart from it, by name.
struct ReloadDifference: Sendable, Equatable {
    /// Keys whose new value is in force after the reload.
    let changed: [String]
    /// Keys whose new value waits for a restart.
    let needsRestart: [String]

    init(from old: Settings, to new: Settings) {
        let effective = old.reloaded(with: new)
        changed = Self.keys(from: old, to: effective)
        needsRestart = Self.keys(from: effective, to: new)
    }

    private static func keys(from old: Settings, to new: Settings) -> [String] {
        // Secrets are users.
        let options = OptionTable.all.filter { $0.key != "secrets" && $0.render(old) != $0.render(new) }.map(\.key)
        return options + (old.listeners == new.listeners ? [] : [ListenerTable.definition.name])
    }
}

extension Settings {
    /// What is in force after a reload: the new settings, except for what only a start can change.
    func reloaded(with new: Settings) -> Settings {
        var result = new
        result.configuration = configuration.reloaded(with: new.configuration)
        result.listeners = listeners
        result.stateDirectory = stateDirectory
        return result
    }
}
