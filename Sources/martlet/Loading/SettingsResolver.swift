import MTProtoWire
import ProxyPolicy

/// Completes the settings: what one option says fills in what another left open.
struct SettingsResolver {
    let settings: Settings
    /// Which options were given, and where: errors name the source.
    let given: GivenValues
    let rows: GivenRows
    private(set) var errors: [ConfigurationError] = []
    private(set) var notes: [String] = []

    init(settings: Settings, given: GivenValues, rows: GivenRows) {
        self.settings = settings
        self.given = given
        self.rows = rows
    }

    /// The configuration, with the given secrets and users; the kept secret is added when there are none.
    mutating func resolve(stateDirectory: String?) -> ProxyConfiguration {
        var configuration = settings.configuration
        configuration.stateDirectory = settings.stateDirectory ?? stateDirectory ?? ""
        resolveUsers(&configuration)
        resolveListeners(&configuration)
        resolveMask(&configuration)
        resolveMiddleProxy(configuration)
        resolveAdmin(configuration)
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

    private mutating func resolveMask(_ configuration: inout ProxyConfiguration) {
        var mask = configuration.mask
        mask.host = mask.host ?? settings.fakeTLSDomain ?? mask.target?.host
        if mask.target == nil, let host = mask.host { mask.target = SocketTarget(host: host, port: 443) }
        configuration.mask = mask

        if mask.httpAnswer == .redirect, mask.host == nil {
            fail("mask.http", "redirect needs a site to redirect to", hint: "give mask.host")
        }
        if let target = mask.target, configuration.places.contains(where: { $0.isReached(by: target) }) {
            let key = given["mask.address"] == nil ? "mask.host" : "mask.address"
            fail(key, "\(quoted("\(target)")) is where martlet itself listens; strangers would go round in circles")
        }
        guard mask.host == nil else { return }
        if let bare = configuration.secrets.first(where: { $0.secret.isFakeTLS }) {
            notes.append("secret \(quoted(bare.name)) names a site, but no mask.host is set: strangers meet silence")
        } else if let user = configuration.users.first(where: { $0.secrets.contains(where: \.isFakeTLS) }) {
            notes.append(
                "a secret of \(quoted(user.name)) names a site, but no mask.host is set: strangers meet silence"
            )
        }
    }

    private mutating func resolveMiddleProxy(_ configuration: ProxyConfiguration) {
        let middleProxy = configuration.middleProxy
        if middleProxy.use == .never {
            let tagged = configuration.users.first { $0.adTag != nil }.map { "that of \(quoted($0.name))" }
            if let tag = middleProxy.adTag == nil ? tagged : "middle_proxy.ad_tag" {
                notes.append("middle_proxy.use is never: no ad tag has an effect, not even \(tag)")
            }
        }
        var locals: Set<IPAddress> = []
        for (index, rule) in middleProxy.natRules.enumerated() where !locals.insert(rule.local).inserted {
            fail("middle_proxy.nat", "\(rule.local) is translated twice", item: index)
        }
        for (file, url) in [
            ("secret_file", "secret_url"), ("config_file", "config_url"), ("config_v6_file", "config_v6_url"),
        ]
        where given["middle_proxy.\(file)"] != nil && given["middle_proxy.\(url)"] != nil {
            notes.append("middle_proxy.\(url) has no effect beside middle_proxy.\(file)")
        }
    }

    mutating func fail(_ key: String, _ problem: String, hint: String? = nil, item: Int? = nil) {
        let value = given[key]
        let items = value?.items ?? []
        let source = item.flatMap { items.indices.contains($0) ? items[$0].source : nil } ?? value?.source
        errors.append(
            ConfigurationError(
                source: source ?? .file(path: "defaults", line: nil), key: key, problem: problem, hint: hint)
        )
    }

    /// The same for a table that may stand several times; without a field, or where it was not given, the table is named.
    mutating func fail(_ place: RowPlace, _ field: String?, _ problem: String, hint: String? = nil) {
        let key = field.map { "\(place.table).\($0)" } ?? place.table
        errors.append(
            ConfigurationError(
                source: source(of: place, field) ?? .file(path: "defaults", line: nil), key: key, problem: problem,
                hint: hint
            )
        )
    }

    mutating func note(_ text: String) {
        notes.append(text)
    }

    mutating func note(_ place: RowPlace, _ field: String, _ text: String) {
        let source = source(of: place, field).map { "\($0): " } ?? ""
        notes.append("\(source)\(place.table).\(field) \(text)")
    }

    /// Whether a table says something about a field.
    func isGiven(_ place: RowPlace, _ field: String) -> Bool { row(place)?.values[field] != nil }

    private func row(_ place: RowPlace) -> GivenRow? {
        guard let rows = rows[place.table], rows.indices.contains(place.index) else { return nil }
        return rows[place.index]
    }

    private func source(of place: RowPlace, _ field: String?) -> ConfigurationError.Source? {
        guard let row = row(place) else { return nil }
        return field.flatMap { row.values[$0]?.source } ?? row.source
    }
}

/// One of several tables of a kind.
struct RowPlace {
    /// Its name: `users`.
    var table: String
    var index: Int
}

extension ProxySecret {
    var isFakeTLS: Bool {
        if case .fakeTLS = kind { true } else { false }
    }
}
