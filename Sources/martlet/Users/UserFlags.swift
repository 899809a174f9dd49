import ArgumentParser
import MTProtoWire
import ProxyPolicy
import ProxyStore

/// Whether a user is let in, as flags.
enum EnablingFlag: String, EnumerableFlag {
    case enabled, disabled
}

/// What `users add` and `users set` say about a user.
struct UserFlags: ParsableArguments {
    @ArgumentParser.Option(
        name: .customLong("secret"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Secret: 32 hex digits, dd…, ee…, or the same in base64. (repeatable)", valueName: "SECRET")
    )
    var secrets: [String] = []

    @ArgumentParser.Option(
        name: .customLong("domain"),
        help: ArgumentHelp("Make a new FakeTLS secret (ee…) for this site. (repeatable)", valueName: "DOMAIN")
    )
    var domains: [String] = []

    @ArgumentParser.Flag(name: .customLong("dd"), help: "Make a new secret for padded packets (dd…).")
    var makesPadded = false

    @ArgumentParser.Option(
        name: .customLong("ad-tag"), help: ArgumentHelp("Ad tag instead of the general one.", valueName: "TAG"))
    var adTag: String?

    @ArgumentParser.Option(
        name: .customLong("expires"),
        help: ArgumentHelp(
            "Last day (2030-12-31, to its end in UTC), a time (2030-12-31T18:00:00Z), or a span (+30d, +12h).",
            valueName: "DATE")
    )
    var expires: String?

    @ArgumentParser.Option(
        name: .customLong("max-connections"), help: ArgumentHelp("Connections at once.", valueName: "COUNT"))
    var maximumConnections: String?

    @ArgumentParser.Option(
        name: .customLong("max-addresses"),
        help: ArgumentHelp("Different addresses (IPv6: /64) within --address-window.", valueName: "COUNT"))
    var maximumAddresses: String?

    @ArgumentParser.Option(
        name: .customLong("address-window"),
        help: ArgumentHelp("How long an address counts after its last connection. (default: 1h)", valueName: "TIME"))
    var addressWindow: String?

    @ArgumentParser.Option(
        name: .customLong("quota"),
        help: ArgumentHelp("Bytes, both directions together, such as 50GB or 10GiB.", valueName: "BYTES"))
    var quota: String?

    @ArgumentParser.Option(
        name: .customLong("quota-period"),
        help: ArgumentHelp("When the quota starts anew: none, day, week or month (UTC).", valueName: "PERIOD"))
    var quotaPeriod: String?

    @ArgumentParser.Option(
        name: .customLong("quota-day"),
        help: ArgumentHelp("The week's (1 is Monday) or month's first day.", valueName: "DAY"))
    var quotaDay: String?

    @ArgumentParser.Option(
        name: .customLong("rate-up"),
        help: ArgumentHelp("Speed of what the user sends, such as 2MB/s or 10Mbit/s.", valueName: "RATE"))
    var rateUp: String?

    @ArgumentParser.Option(
        name: .customLong("rate-down"), help: ArgumentHelp("Speed of what the user gets.", valueName: "RATE"))
    var rateDown: String?

    @ArgumentParser.Option(
        name: .customLong("allow"),
        help: ArgumentHelp("Network from which alone the user may come. (repeatable)", valueName: "NETWORK"))
    var allowed: [String] = []

    @ArgumentParser.Option(
        name: .customLong("refuse"),
        help: ArgumentHelp("Network from which the user may not come. (repeatable)", valueName: "NETWORK"))
    var refused: [String] = []

    @ArgumentParser.Flag(help: "Whether the user is let in.")
    var enabling: EnablingFlag?

    @ArgumentParser.Option(
        name: .customLong("note"), help: ArgumentHelp("For you to remember who this is.", valueName: "TEXT"))
    var note: String?
}

/// Reads the flags: texts become what the control socket understands, mistakes become messages.
struct UserFlagReader {
    /// The word that takes a limit away.
    static let absence = "none"

    let flags: UserFlags
    let loaded: LoadedConfiguration
    /// Unix time in seconds, where spans like `+30d` start.
    let now: Int64
    private(set) var problems: [String] = []
    private(set) var notes: [String] = []

    init(_ flags: UserFlags, _ loaded: LoadedConfiguration, now: Int64) {
        self.flags = flags
        self.loaded = loaded
        self.now = now
    }

    /// - Parameter makesSecret: whether a secret is made when none was asked for.
    /// - Throws: an exit code, after everything that is wrong was written to stderr.
    static func fields(
        _ flags: UserFlags, _ loaded: LoadedConfiguration, name: String, makesSecret: Bool, now: Int64
    ) throws(ExitCode) -> UserFields {
        var reader = UserFlagReader(flags, loaded, now: now)
        let fields = reader.read(name: name, makesSecret: makesSecret)
        Complaint.note(reader.notes)
        guard reader.problems.isEmpty else {
            Complaint.write(reader.problems)
            throw ExitStatus.usage.code
        }
        return fields
    }

    private mutating func read(name: String, makesSecret: Bool) -> UserFields {
        var fields = UserFields(name: name)
        let secrets = secrets(makesOne: makesSecret)
        if !secrets.isEmpty { fields.secrets = .value(secrets.map(\.text)) }
        fields.isEnabled = Field(given: flags.enabling.map { $0 == .enabled })
        fields.adTag = value("--ad-tag", flags.adTag, .adTag) { $0.text }
        fields.expires = value("--expires", flags.expires, .moment(now: now)) { $0 }
        if case .value(let moment) = fields.expires, moment <= now {
            notes.append("--expires is in the past: the user is not let in")
        }
        fields.maximumConnections = value(
            "--max-connections", flags.maximumConnections, UserForms.connections
        ) { $0 }
        fields.maximumAddresses = value("--max-addresses", flags.maximumAddresses, UserForms.addresses) { $0 }
        fields.addressWindowSeconds = value("--address-window", flags.addressWindow, UserForms.addressWindow) { $0 }
        fields.quota = quota()
        fields.rateUp = value("--rate-up", flags.rateUp, UserForms.rate) { $0 }
        fields.rateDown = value("--rate-down", flags.rateDown, UserForms.rate) { $0 }
        fields.allowed = networks("--allow", flags.allowed)
        fields.refused = networks("--refuse", flags.refused)
        fields.note = Field(given: flags.note)
        return fields
    }

    private mutating func secrets(makesOne: Bool) -> [ProxySecret] {
        let resolver = SettingsResolver(settings: loaded.settings, given: loaded.given, rows: loaded.rows)
        var result: [ProxySecret] = []
        for text in flags.secrets {
            if let secret = parsed("--secret", text, .bareSecret) { result.append(resolver.formed(secret)) }
        }
        var generator = SystemRandomNumberGenerator()
        for text in flags.domains {
            guard let domain = parsed("--domain", text, .secretDomain) else { continue }
            result.append(.generate(.fakeTLS(domain: domain), using: &generator))
        }
        if flags.makesPadded { result.append(.generate(.padded, using: &generator)) }
        if makesOne, flags.secrets.isEmpty, result.isEmpty {
            let isMasked = loaded.settings.fakeTLSDomain != nil
            result.append(resolver.formed(.generate(isMasked ? .plain : .padded, using: &generator)))
        }
        return result
    }

    private mutating func quota() -> Field<QuotaFields> {
        if flags.quota == Self.absence {
            if flags.quotaPeriod != nil || flags.quotaDay != nil {
                problems.append("--quota \(Self.absence) cannot stand beside --quota-period and --quota-day")
            }
            return .removed
        }
        guard flags.quota != nil || flags.quotaPeriod != nil || flags.quotaDay != nil else { return .kept }
        return .value(
            QuotaFields(
                bytes: flags.quota.flatMap { parsed("--quota", $0, UserForms.quota) },
                period: flags.quotaPeriod.flatMap { parsed("--quota-period", $0, UserForms.quotaPeriod) }?.rawValue,
                day: flags.quotaDay.flatMap { parsed("--quota-day", $0, UserForms.quotaDay) }
            ))
    }

    private mutating func networks(_ flag: String, _ texts: [String]) -> Field<[String]> {
        if texts.isEmpty { return .kept }
        if texts == [Self.absence] { return .removed }
        return .value(texts.compactMap { parsed(flag, $0, .network)?.description })
    }

    private mutating func value<Value, Other>(
        _ flag: String, _ text: String?, _ form: ValueForm<Value>, _ convert: (Value) -> Other
    ) -> Field<Other> {
        guard let text else { return .kept }
        if text == Self.absence { return .removed }
        return Field(given: parsed(flag, text, form).map(convert))
    }

    private mutating func parsed<Value>(_ flag: String, _ text: String, _ form: ValueForm<Value>) -> Value? {
        var context = ValueContext(directory: "/")
        do throws(InvalidValue) {
            let value = try form.parse(text, &context)
            notes += context.notes.map { "\(flag): \($0)" }
            return value
        } catch {
            let hints = [error.expected.map { "expected \($0)" }, error.example.map { "for example \($0)" }]
            let hint = hints.compactMap { $0 }.joined(separator: ", ")
            let shown = form.isSecret ? "the secret" : quoted(text)
            problems.append("\(flag): \(shown) \(error.problem)\(hint.isEmpty ? "" : "; \(hint)")")
            return nil
        }
    }
}
