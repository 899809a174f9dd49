import MTProtoWire
package import ProxyPolicy

extension UserFields {
    /// Bounds on what one user may hold: a slip of the keyboard is told, and no user makes the others' lists slow.
    package enum Bounds {
        /// Every handshake may try every secret.
        package static let secrets = 1...16
        package static let networks = 256
        package static let noteBytes = 1_024
        package static let connections = 1...10_000_000
        package static let addresses = 1...1_000_000
        /// A minute to a month.
        package static let addressWindowSeconds: ClosedRange<Int64> = 60...2_678_400
        /// Below a thousand bytes per second no client gets through its key exchange in time.
        package static let rate = 1_000...1_000_000_000_000
        /// What a signed column holds without rounding.
        package static let quotaBytes: ClosedRange<UInt64> = 1...1 << 62
        /// The end of the year 9999.
        package static let expires: ClosedRange<Int64> = 1...253_402_300_799
    }

    /// A new user from the fields, everything else being as it is by default.
    package func newUser() throws(ControlError) -> User {
        guard let name else { throw ControlError(.invalid, "a user has no name", hint: "give \"name\"") }
        guard UserDirectory.isName(name) else {
            throw ControlError(
                .invalid, "\"\(Self.shown(name))\" is not a name for a user",
                hint: "use 1 to 64 letters, digits and - . _ @"
            )
        }
        let user = try applied(to: User(name: name, secrets: []))
        guard !user.secrets.isEmpty else {
            throw ControlError(.invalid, "user \"\(name)\" has no secret", hint: "give at least one")
        }
        return user
    }

    /// The user with the fields in force. The name is left alone.
    package func applied(to user: User, keepingSecrets: Bool = false) throws(ControlError) -> User {
        var result = user
        if let texts = given(secrets) {
            result.secrets = try parsedSecrets(texts, of: user, keepingSecrets ? user.secrets : [])
        }
        result.isEnabled = isEnabled.applied(to: user.isEnabled, default: true) ?? true
        switch adTag {
        case .kept: break
        case .removed: result.adTag = nil
        case .value(let text):
            guard let tag = AdTag(text) else { throw invalid(user, "ad_tag", "is not 32 hexadecimal digits") }
            result.adTag = tag
        }
        result.expires = try limit(expires, user.expires, Bounds.expires, user, "expires")
        result.maximumConnections = try limit(
            maximumConnections, user.maximumConnections, Bounds.connections, user, "max_connections")
        result.maximumAddresses = try limit(
            maximumAddresses, user.maximumAddresses, Bounds.addresses, user, "max_addresses")
        let standardWindow = User(name: "", secrets: []).addressWindowSeconds
        result.addressWindowSeconds =
            try limit(
                addressWindowSeconds, user.addressWindowSeconds, Bounds.addressWindowSeconds, user, "address_window")
            ?? standardWindow
        result.rateUp = try limit(rateUp, user.rateUp, Bounds.rate, user, "rate_up")
        result.rateDown = try limit(rateDown, user.rateDown, Bounds.rate, user, "rate_down")
        result.quota = try changedQuota(of: user)
        if let texts = given(allowed) { result.allowedNetworks = try networks(texts, user, "allow") }
        if let texts = given(refused) { result.refusedNetworks = try networks(texts, user, "refuse") }
        result.note = note.applied(to: user.note, default: "") ?? ""
        guard result.note.utf8.count <= Bounds.noteBytes else {
            throw invalid(user, "note", "is longer than \(Bounds.noteBytes) bytes")
        }
        return result
    }

    /// A list that was given; null is an empty one.
    private func given(_ field: Field<[String]>) -> [String]? {
        switch field {
        case .kept: nil
        case .removed: []
        case .value(let texts): texts
        }
    }

    private func parsedSecrets(
        _ texts: [String], of user: User, _ present: [ProxySecret]
    ) throws(ControlError) -> [ProxySecret] {
        var result = present
        for text in texts {
            do {
                let secret = try ProxySecret(parsing: text)
                if !result.contains(secret) { result.append(secret) }
            } catch {
                throw invalid(user, "secrets", error.message)
            }
        }
        guard Bounds.secrets.contains(result.count) else {
            throw invalid(
                user, "secrets",
                "are \(result.count); a user has \(Bounds.secrets.lowerBound) to \(Bounds.secrets.upperBound)")
        }
        return result
    }

    private func networks(_ texts: [String], _ user: User, _ key: String) throws(ControlError) -> [Network] {
        guard texts.count <= Bounds.networks else {
            throw invalid(user, key, "has more than \(Bounds.networks) networks")
        }
        var result: [Network] = []
        for text in texts {
            do {
                result.append(try Network(parsing: text))
            } catch {
                throw invalid(user, key, "\"\(Self.shown(text))\" \(error.problem)")
            }
        }
        return result
    }

    private func limit<Number: FixedWidthInteger & Sendable>(
        _ field: Field<Number>, _ current: Number?, _ bounds: ClosedRange<Number>, _ user: User, _ key: String
    ) throws(ControlError) -> Number? {
        if case .value(let number) = field, !bounds.contains(number) {
            throw invalid(
                user, key, "\(number) is out of range; expected \(bounds.lowerBound) to \(bounds.upperBound)")
        }
        return field.applied(to: current)
    }

    private func changedQuota(of user: User) throws(ControlError) -> TrafficQuota? {
        guard case .value(let change) = quota else { return quota == .removed ? nil : user.quota }
        guard let bytes = change.bytes ?? user.quota?.bytes else {
            throw invalid(user, "quota", "says when it starts anew, but not how much it is")
        }
        guard Bounds.quotaBytes.contains(bytes) else { throw invalid(user, "quota", "\(bytes) bytes is out of range") }
        let word = change.period ?? user.quota?.period.word ?? QuotaPeriod.never.word
        // A day belongs to its period: the present one does not outlive a change to another.
        let present = user.quota?.period
        let day = change.day ?? (present?.word == word ? present?.day : nil)
        guard let period = QuotaPeriod(word: word, day: day) else {
            throw invalid(
                user, "quota",
                "the period is none, day, week or month, and a day is 1 to 7 of a week or 1 to 31 of a month")
        }
        return TrafficQuota(bytes: bytes, period: period)
    }

    private func invalid(_ user: User, _ key: String, _ problem: String) -> ControlError {
        ControlError(.invalid, "user \"\(user.name)\": \(key): \(problem)")
    }

    /// What somebody else wrote, short and without characters that command a terminal.
    static func shown(_ text: String) -> String {
        let visible = text.unicodeScalars.map { scalar in
            scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) ? "?" : String(scalar)
        }
        return visible.prefix(80).joined() + (visible.count > 80 ? "…" : "")
    }
}
