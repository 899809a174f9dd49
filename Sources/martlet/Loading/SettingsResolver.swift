import MTProtoWire
import ProxyPolicy

/// Completes the settings: what one option says fills in what another left open.
struct SettingsResolver {
    let settings: Settings
    /// Which options were given, and where: errors name the source.
    let given: GivenValues
    private(set) var errors: [ConfigurationError] = []
    private(set) var notes: [String] = []

    init(settings: Settings, given: GivenValues) {
        self.settings = settings
        self.given = given
    }

    /// The configuration, with the given secrets; the kept one is added when there are none.
    mutating func resolve(stateDirectory: String?) -> ProxyConfiguration {
        var configuration = settings.configuration
        configuration.stateDirectory = settings.stateDirectory ?? stateDirectory ?? ""
        configuration.secrets = namedSecrets()
        resolveMask(&configuration)
        let limits = configuration.limits
        if let connections = limits.connections {
            configuration.limits.halfOpen = min(limits.halfOpen, connections)
        }
        let connect = configuration.connect
        if connect.headStartMilliseconds > connect.budgetMilliseconds {
            fail("routes.head_start", "is longer than routes.budget, so no second route would ever be tried")
        }
        return configuration
    }

    /// The secret in the form that the settings ask for: plain ones become FakeTLS secrets when a domain is given.
    func formed(_ secret: ProxySecret) -> ProxySecret {
        guard let domain = settings.fakeTLSDomain, secret.kind == .plain else { return secret }
        return ProxySecret(key: secret.key, kind: .fakeTLS(domain: domain))
    }

    /// What a secret without a name is called.
    static func name(forSecret index: Int, of count: Int) -> String {
        count == 1 ? "default" : "secret\(index + 1)"
    }

    private mutating func namedSecrets() -> [NamedSecret] {
        var result: [NamedSecret] = []
        for (index, entry) in settings.secrets.enumerated() {
            let name = entry.name ?? Self.name(forSecret: index, of: settings.secrets.count)
            let secret = formed(entry.secret)
            if result.contains(where: { $0.name == name }) {
                fail("secrets", "the name \(quoted(name)) is used twice", item: index)
            } else if let twin = result.first(where: { $0.secret.isIndistinguishable(from: secret) }) {
                fail("secrets", "\(quoted(name)) is the same secret as \(quoted(twin.name))", item: index)
            }
            result.append(NamedSecret(name: name, secret: secret))
        }
        return result
    }

    private mutating func resolveMask(_ configuration: inout ProxyConfiguration) {
        var mask = configuration.mask
        mask.host = mask.host ?? settings.fakeTLSDomain ?? mask.target?.host
        if mask.target == nil, let host = mask.host { mask.target = SocketTarget(host: host, port: 443) }
        configuration.mask = mask

        if mask.httpAnswer == .redirect, mask.host == nil {
            fail("mask.http", "redirect needs a site to redirect to", hint: "give mask.host")
        }
        if let target = mask.target, isOwnAddress(target, configuration.listen) {
            let key = given["mask.address"] == nil ? "mask.host" : "mask.address"
            fail(key, "\(quoted("\(target)")) is where martlet itself listens; strangers would go round in circles")
        }
        let bare = configuration.secrets.first { $0.secret.isFakeTLS && mask.host == nil }
        if let bare {
            notes.append(
                "secret \(quoted(bare.name)) names a site, but no mask.host is set: strangers meet silence"
            )
        }
    }

    private func isOwnAddress(_ target: SocketTarget, _ listen: ProxyConfiguration.Listen) -> Bool {
        guard target.port == listen.port, let address = IPAddress(target.host) else { return false }
        return address == listen.host || (listen.host.isUnspecified && (address.isLoopback || address.isUnspecified))
    }

    private mutating func fail(_ key: String, _ problem: String, hint: String? = nil, item: Int? = nil) {
        let value = given[key]
        let items = value?.items ?? []
        let source = item.flatMap { items.indices.contains($0) ? items[$0].source : nil } ?? value?.source
        errors.append(
            ConfigurationError(
                source: source ?? .file(path: "defaults", line: nil), key: key, problem: problem, hint: hint)
        )
    }
}

extension ProxySecret {
    var isFakeTLS: Bool {
        if case .fakeTLS = kind { true } else { false }
    }

    /// Whether no client could show which of the two it was given: the domain of a FakeTLS secret is not proven.
    fileprivate func isIndistinguishable(from other: ProxySecret) -> Bool {
        key == other.key && isFakeTLS == other.isFakeTLS
    }
}
