import MTProtoWire
package import ProxyPolicy

/// A user, or a change to one, as JSON: on the control socket and in files of `users import` and `users export`.
///
/// A key that is absent leaves what is (for a new user: the default), null removes a limit. Secrets and networks are
/// texts, times Unix seconds, sizes bytes, rates bytes per second.
package struct UserFields: Sendable, Equatable {
    package var name: String?
    package var secrets: Field<[String]> = .kept
    package var isEnabled: Field<Bool> = .kept
    package var adTag: Field<String> = .kept
    package var expires: Field<Int64> = .kept
    package var maximumConnections: Field<Int> = .kept
    package var maximumAddresses: Field<Int> = .kept
    package var addressWindowSeconds: Field<Int64> = .kept
    package var quota: Field<QuotaFields> = .kept
    package var rateUp: Field<Int> = .kept
    package var rateDown: Field<Int> = .kept
    package var allowed: Field<[String]> = .kept
    package var refused: Field<[String]> = .kept
    package var note: Field<String> = .kept

    package init(name: String? = nil) {
        self.name = name
    }

    /// All of a user; a limit that he does not have is null.
    package init(_ user: User, withSecrets: Bool = true) {
        name = user.name
        if withSecrets { secrets = .value(user.secrets.map(\.text)) }
        isEnabled = .value(user.isEnabled)
        adTag = Field(full: user.adTag?.text)
        expires = Field(full: user.expires)
        maximumConnections = Field(full: user.maximumConnections)
        maximumAddresses = Field(full: user.maximumAddresses)
        addressWindowSeconds = .value(user.addressWindowSeconds)
        quota = Field(full: user.quota.map(QuotaFields.init))
        rateUp = Field(full: user.rateUp)
        rateDown = Field(full: user.rateDown)
        allowed = .value(user.allowedNetworks.map(\.description))
        refused = .value(user.refusedNetworks.map(\.description))
        note = .value(user.note)
    }

    /// Nothing is changed by it.
    package var isEmpty: Bool { self == UserFields(name: name) }
}

/// A quota, or a change to one: what is absent stays.
package struct QuotaFields: Sendable, Equatable {
    package var bytes: UInt64?
    /// `none`, `day`, `week` or `month`.
    package var period: String?
    /// 1 (Monday) to 7 of a week, 1 to 31 of a month.
    package var day: Int?

    package init(bytes: UInt64? = nil, period: String? = nil, day: Int? = nil) {
        self.bytes = bytes
        self.period = period
        self.day = day
    }

    package init(_ quota: TrafficQuota) {
        self.init(bytes: quota.bytes, period: quota.period.word, day: quota.period.day)
    }
}

extension QuotaFields: Codable {
    private enum CodingKeys: String, CodingKey, CaseIterable {
        case bytes, period, day
    }

    package init(from decoder: any Decoder) throws {
        try decoder.refuseKeys(otherThan: CodingKeys.allCases.map(\.rawValue))
        let container = try decoder.container(keyedBy: CodingKeys.self)
        bytes = try container.decodeIfPresent(UInt64.self, forKey: .bytes)
        period = try container.decodeIfPresent(String.self, forKey: .period)
        day = try container.decodeIfPresent(Int.self, forKey: .day)
    }
}

extension UserFields: Codable {
    private enum Key: String, CodingKey, CaseIterable {
        case name, secrets, expires, quota, allow, refuse, note
        case isEnabled = "enabled"
        case adTag = "ad_tag"
        case maximumConnections = "max_connections"
        case maximumAddresses = "max_addresses"
        case addressWindow = "address_window"
        case rateUp = "rate_up"
        case rateDown = "rate_down"
    }

    package init(from decoder: any Decoder) throws {
        try decoder.refuseKeys(otherThan: Key.allCases.map(\.rawValue))
        let container = try decoder.container(keyedBy: Key.self)
        name = try container.decodeIfPresent(String.self, forKey: .name)
        secrets = try container.field(.secrets)
        isEnabled = try container.field(.isEnabled)
        adTag = try container.field(.adTag)
        expires = try container.field(.expires)
        maximumConnections = try container.field(.maximumConnections)
        maximumAddresses = try container.field(.maximumAddresses)
        addressWindowSeconds = try container.field(.addressWindow)
        quota = try container.field(.quota)
        rateUp = try container.field(.rateUp)
        rateDown = try container.field(.rateDown)
        allowed = try container.field(.allow)
        refused = try container.field(.refuse)
        note = try container.field(.note)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encodeIfPresent(name, forKey: .name)
        try container.encode(secrets, .secrets)
        try container.encode(isEnabled, .isEnabled)
        try container.encode(adTag, .adTag)
        try container.encode(expires, .expires)
        try container.encode(maximumConnections, .maximumConnections)
        try container.encode(maximumAddresses, .maximumAddresses)
        try container.encode(addressWindowSeconds, .addressWindow)
        try container.encode(quota, .quota)
        try container.encode(rateUp, .rateUp)
        try container.encode(rateDown, .rateDown)
        try container.encode(allowed, .allow)
        try container.encode(refused, .refuse)
        try container.encode(note, .note)
    }
}
