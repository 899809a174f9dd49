import MTProtoWire
import ProxyPolicy

/// What one table `[[users]]` says.
struct DeclaredUser: Sendable, Equatable {
    /// Everything that needs no completion.
    var user = User(name: "", secrets: [], origin: .declared)
    /// The two ways to write secrets.
    var secret: ProxySecret?
    var secrets: [ProxySecret] = []
    var quota: UInt64?
    var quotaPeriod = QuotaPeriodName.none
    var quotaDay: Int?

    var allSecrets: [ProxySecret] { (secret.map { [$0] } ?? []) + secrets }
}

/// `[[users]]`: people who may use the proxy, each with limits of his own.
enum UserTable {
    static let definition = TableDefinition(
        name: "users",
        summary: "Users with limits of their own, one table for each. Secrets above are users without any limit.",
        fields: identity + limits + quota + rates + places,
        required: [["name"], ["secret", "secrets"]],
        rows: \.users, new: DeclaredUser()
    )

    private typealias Field = FieldDefinition<DeclaredUser>

    private static let identity: [Field] = [
        .value(
            "name", \.user.name, .userName,
            "Name in logs and counters, unique; 64 letters, digits and any of - . _ @ at most.", example: "alice"
        ),
        .value(
            "secret", \.secret, .bareSecret, absence: nil,
            "Secret of this user: 32 hex digits, dd…, ee…, or the same in base64.",
            example: "dd101112131415161718191a1b1c1d1e1f"
        ),
        .list(
            "secrets", .bareSecret, "Several secrets, for example one for each device.",
            example: ["202122232425262728292a2b2c2d2e2f", "303132333435363738393a3b3c3d3e3f"], separators: ",;",
            load: { $0.secrets }, store: { $1.secrets = $0 ?? [] }
        ),
        .toggle("enabled", \.user.isEnabled, "Whether the user is let in."),
        .value(
            "ad_tag", \.user.adTag, .adTag, absence: nil, "Ad tag instead of middle_proxy.ad_tag.",
            example: "3f40462915a3e6026a4d790127b95ded"
        ),
        .value("note", \.user.note, .note, "For you to remember who this is.", example: "the phone of my aunt"),
    ]

    private static let limits: [Field] = [
        .value(
            "expires", \.user.expires, .moment(now: nil), absence: "never",
            "Last day on which the user is let in (to its end, UTC), or a time as RFC 3339 writes it.",
            example: "2030-12-31"
        ),
        .value(
            "max_connections", \.user.maximumConnections, UserForms.connections, absence: nil,
            "Connections at once.", example: "50"
        ),
        .value(
            "max_addresses", \.user.maximumAddresses, UserForms.addresses, absence: nil,
            "Different addresses (IPv6: /64) within address_window.", example: "3"
        ),
        .value(
            "address_window", \.user.addressWindowSeconds, UserForms.addressWindow,
            "How long an address counts after its last connection ended.", example: "1h"
        ),
    ]

    private static let quota: [Field] = [
        .value(
            "quota", \.quota, UserForms.quota, absence: nil,
            "Bytes, both directions together, that the user may move in a period.", example: "50 GB"
        ),
        .value(
            "quota_period", \.quotaPeriod, UserForms.quotaPeriod,
            "When the quota starts anew, at midnight UTC: day, week or month; none is never.", example: "month"
        ),
        .value(
            "quota_day", \.quotaDay, UserForms.quotaDay, absence: nil,
            "The day on which that week (1 is Monday) or month begins; a shorter month begins on its last day.",
            example: "1"
        ),
    ]

    private static let rates: [Field] = [
        .value(
            "rate_up", \.user.rateUp, UserForms.rate, absence: nil,
            "Speed of everything the user sends, per second, in bytes or bits.", example: "10 Mbit/s"
        ),
        .value(
            "rate_down", \.user.rateDown, UserForms.rate, absence: nil,
            "Speed of everything the user gets.", example: "5 MB/s"
        ),
    ]

    private static let places: [Field] = [
        .list(
            "allow", .network, "Networks from which alone the user may come.",
            example: ["198.51.100.0/24", "2001:db8::/32"],
            load: { $0.user.allowedNetworks }, store: { $1.user.allowedNetworks = $0 ?? [] }
        ),
        .list(
            "refuse", .network, "Networks from which the user may not come; goes before allow.",
            example: ["198.51.100.7"],
            load: { $0.user.refusedNetworks }, store: { $1.user.refusedNetworks = $0 ?? [] }
        ),
    ]
}
