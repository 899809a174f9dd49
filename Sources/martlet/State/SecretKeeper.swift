import MTProtoWire
import ProxyPolicy

extension LoadedConfiguration {
    /// The configuration with at least one secret: the given ones, those of declared users, or the one that is kept in
    /// the state directory.
    func withSecrets() throws(StateError) -> (configuration: ProxyConfiguration, notes: [String]) {
        guard !declaresUsers else { return (configuration, []) }
        let store = SecretStore(directory: configuration.stateDirectory)
        var generator = SystemRandomNumberGenerator()
        let kept = try store.obtain(using: &generator)
        let resolver = SettingsResolver(settings: settings, given: given, rows: rows)
        var complete = configuration
        complete.secrets = [NamedSecret(name: "default", secret: resolver.formed(kept.secret))]
        let news = kept.isNew ? ["a new secret was made and is kept in \(store.path)"] : []
        return (complete, news + kept.notes)
    }
}
