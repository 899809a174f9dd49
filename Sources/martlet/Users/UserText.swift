import MTProtoWire
import ProxyPolicy
import ProxyStore

/// Users as a person reads them.
struct UserText {
    /// Unix time in seconds.
    let now: Int64

    func list(_ users: [UserReport], withSecrets: Bool) -> String {
        var header = ["NAME", "STATE", "CONNECTIONS", "ADDRESSES", "UP", "DOWN", "QUOTA", "EXPIRES", "NOTE"]
        if withSecrets { header.append("SECRETS") }
        var table = TextTable(header: header, trailing: [2, 3, 4, 5])
        for report in users {
            let fields = report.user
            var row = [
                report.name, state(report), used(report.live?.connections, of: fields.maximumConnections),
                used(report.live?.addresses, of: fields.maximumAddresses), UserAmounts.bytes(report.usage.up),
                UserAmounts.bytes(report.usage.down), quota(report) ?? "-",
                fields.expires.shown.map { CalendarText.print($0) } ?? "-",
                firstLine(fields.note.shown ?? ""),
            ]
            if withSecrets { row.append((fields.secrets.shown ?? []).joined(separator: ",")) }
            table.add(row)
        }
        return table.text
    }

    func show(_ report: UserReport, links: [ProxyLink]) -> String {
        let fields = report.user
        let window = DurationText.print((fields.addressWindowSeconds.shown ?? 0) * 1_000)
        let facts: [(String, String?)] = [
            ("note", fields.note.shown.flatMap { $0.isEmpty ? nil : LogText.withoutControls($0) }),
            ("expires", fields.expires.shown.map { UserAmounts.moment($0, now: now) } ?? "never"),
            ("connections", limited(report.live?.connections, "open", by: fields.maximumConnections)),
            (
                "addresses",
                limited(report.live?.addresses, "seen", by: fields.maximumAddresses)
                    + (fields.maximumAddresses.shown == nil ? "" : " within \(window)")
            ),
            ("quota", quotaInFull(report)),
            ("rate up", rate(fields.rateUp)),
            ("rate down", rate(fields.rateDown)),
            ("allowed from", networks(fields.allowed) ?? "everywhere"),
            ("refused from", networks(fields.refused) ?? "nowhere"),
            ("ad tag", fields.adTag.shown ?? "the general one"),
            (
                "moved",
                "\(UserAmounts.bytes(report.usage.up)) up, \(UserAmounts.bytes(report.usage.down)) down, "
                    + "\(report.usage.sessions) sessions"
            ),
        ]
        var table = TextTable(header: ["  state", describedState(report)], trailing: [])
        for (label, text) in facts { if let text { table.add(["  \(label)", text]) } }
        let places = links.map { "  \($0.app)\n  \($0.web)" }
        return ([report.name, table.text] + (places.isEmpty ? [] : ["Links:"]) + places).joined(separator: "\n")
    }

    private func state(_ report: UserReport) -> String {
        let word = report.state.rawValue.replacing("_", with: " ")
        return report.origin == .declared ? "\(word), declared" : word
    }

    private func describedState(_ report: UserReport) -> String {
        guard let other = report.shadowedBy else { return state(report) }
        let reason = other == report.name ? "the configuration declares a user of this name" : "\(other) has his secret"
        return "\(state(report)): \(reason)"
    }

    /// `2 of 10`; a stopped server has nobody.
    private func used(_ count: Int?, of limit: Field<Int>) -> String {
        guard let limit = limit.shown else { return count.map(String.init) ?? "-" }
        return "\(count.map(String.init) ?? "-") of \(limit)"
    }

    private func quota(_ report: UserReport) -> String? {
        guard let bytes = report.user.quota.shown?.bytes else { return nil }
        let text = "\(UserAmounts.bytes(report.usage.quotaUsed)) of \(UserAmounts.bytes(bytes))"
        guard let period = report.user.quota.shown?.period, period != "none" else { return text }
        return "\(text) a \(period)"
    }

    private func quotaInFull(_ report: UserReport) -> String {
        guard let text = quota(report), let quota = report.user.quota.shown else { return Self.noLimit }
        guard let day = quota.day else { return text }
        return "\(text), which begins on day \(day)"
    }

    private static let noLimit = "no limit"

    /// `2 open, at most 10`; the first half while a server runs.
    private func limited(_ count: Int?, _ word: String, by limit: Field<Int>) -> String {
        let bound = limit.shown.map { "at most \($0)" } ?? Self.noLimit
        return count.map { "\($0) \(word), \(bound)" } ?? bound
    }

    private func rate(_ field: Field<Int>) -> String {
        field.shown.flatMap { UserForms.rate.print($0) } ?? Self.noLimit
    }

    private func networks(_ field: Field<[String]>) -> String? {
        guard let networks = field.shown, !networks.isEmpty else { return nil }
        return networks.joined(separator: ", ")
    }

    private static let longestNote = 40

    private func firstLine(_ note: String) -> String {
        let line = note.split(separator: "\n", omittingEmptySubsequences: false).first.map(String.init) ?? ""
        let text = LogText.withoutControls(line)
        return text.count > Self.longestNote ? "\(text.prefix(Self.longestNote - 1))…" : text
    }
}

extension Field {
    /// The value, if there is one.
    var shown: Value? {
        if case .value(let value) = self { value } else { nil }
    }
}

/// A user with his links, as JSON.
struct UserWithLinks: Encodable {
    private struct Link: Encodable {
        var kind: String
        var server: String
        var port: Int
        var secret: String
        var tg: String
        var web: String
    }

    private enum Key: String, CodingKey {
        case links
    }

    let report: UserReport
    private let links: [Link]

    init(_ report: UserReport, links: [ProxyLink]) {
        self.report = report
        self.links = links.map {
            Link(kind: $0.kind, server: $0.server, port: $0.port, secret: $0.secret, tg: $0.app, web: $0.web)
        }
    }

    func encode(to encoder: any Encoder) throws {
        try report.encode(to: encoder)
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(links, forKey: .links)
    }
}

extension ProxyLink {
    /// The links of a user's secrets; none where the port is only known once the server listens.
    static func all(of report: UserReport, _ configuration: ProxyConfiguration) -> [ProxyLink] {
        guard configuration.link.port ?? configuration.listen.port != 0 else { return [] }
        var one = configuration
        one.secrets = (report.user.secrets.shown ?? []).compactMap { text in
            (try? ProxySecret(parsing: text)).map { NamedSecret(name: report.name, secret: $0) }
        }
        one.users = []
        return all(for: one)
    }
}
