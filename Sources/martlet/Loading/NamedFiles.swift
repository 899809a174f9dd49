import ProxyPolicy

/// Files that the configuration names must be there before anything starts.
struct NamedFiles {
    let configuration: ProxyConfiguration
    let given: GivenValues

    /// The longest file that is read for this: more than any list of networks has.
    private static let longestFile = 64 << 20

    var errors: [ConfigurationError] {
        let middleProxy = configuration.middleProxy
        let limits = configuration.limits
        return [certificateError].compactMap { $0 }
            + unreadable([middleProxy.secretFile].compactMap { $0 }, "middle_proxy.secret_file")
            + unreadable([middleProxy.configFile].compactMap { $0 }, "middle_proxy.config_file")
            + unreadable([middleProxy.configFileV6].compactMap { $0 }, "middle_proxy.config_v6_file")
            + unreadable(limits.blockLists, "limits.block") + unreadable(limits.allowLists, "limits.allow")
    }

    private var certificateError: ConfigurationError? {
        let key = "routes.ca_file"
        guard let path = configuration.connect.caFile, let source = given[key]?.source else { return nil }
        switch FileText.read(path, limit: 16 << 20) {
        case .success(let text) where text.contains("-----BEGIN CERTIFICATE-----"): return nil
        case .success:
            return ConfigurationError(source: source, key: key, problem: "\(quoted(path)) holds no PEM certificate")
        case .failure(let error): return cannotRead(path, key, source, "\(error)")
        }
    }

    /// An error for every file that cannot be read; pages are fetched later.
    private func unreadable(_ places: [String], _ key: String) -> [ConfigurationError] {
        guard let value = given[key] else { return [] }
        return places.enumerated().compactMap { index, path in
            guard !path.contains("://") else { return nil }
            let source = value.items.indices.contains(index) ? value.items[index].source : value.source
            switch FileText.read(path, limit: Self.longestFile) {
            // Telegram's secret is no text.
            case .success, .failure(.notText): return nil
            case .failure(let error): return cannotRead(path, key, source, "\(error)")
            }
        }
    }

    private func cannotRead(_ path: String, _ key: String, _ source: ConfigurationError.Source, _ reason: String)
        -> ConfigurationError
    {
        ConfigurationError(source: source, key: key, problem: "\(quoted(path)) cannot be read: \(reason)")
    }
}
