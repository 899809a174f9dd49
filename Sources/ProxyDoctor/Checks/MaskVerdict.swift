import MTProtoWire
import ProxyPolicy

/// What is seen of a mask host, and what it means for those who hide behind it.
enum MaskVerdict {
    /// Fewer days left, and somebody forgot to renew.
    private static let fewDays = 7
    private static let day: Int64 = 86_400

    static func isOurs(_ address: IPAddress, _ port: Int, _ places: [ListenPlace], _ own: Set<IPAddress>) -> Bool {
        places.contains { place in
            guard case .tcp(let host, port) = place else { return false }
            return host == address || (host.isUnspecified && (own.contains(address) || address.isLoopback))
        }
    }

    // MARK: Certificate

    static func certificate(
        _ name: String, _ result: Result<TLSVisit.Certificate, ProbeFailure>, now: Int64
    ) -> Finding {
        switch result {
        case .failure(let failure):
            return .trouble(
                .fail, .maskCertificate, name, failure.words, because: "Strangers get no TLS from the site.",
                advice: "look at the web server's TLS settings",
                commands: ["openssl s_client -connect \(name):443 -servername \(name) </dev/null"])
        case .success(let certificate): return certificateFinding(name, certificate, now)
        }
    }

    private static func certificateFinding(_ name: String, _ certificate: TLSVisit.Certificate, _ now: Int64) -> Finding
    {
        let days = (certificate.notAfter - now) / day
        let measured = ["days_left": Double(days)]
        func wrong(_ value: String, _ because: String, _ advice: String, _ commands: [String] = []) -> Finding {
            .trouble(
                .fail, .maskCertificate, name, value, because: because, advice: advice, commands: commands,
                measured: measured)
        }
        guard now <= certificate.notAfter else {
            return wrong(
                "expired \(Figures.span(seconds: Int(now - certificate.notAfter))) ago",
                "Browsers refuse the site, which no site that is used lets happen.", "renew it",
                ["certbot renew", "systemctl reload nginx"])
        }
        guard now >= certificate.notBefore else {
            return wrong(
                "not valid yet, for \(Figures.span(seconds: Int(certificate.notBefore - now)))",
                "Either it was made for later, or this machine's clock is behind.", "look at the clock", ["timedatectl"]
            )
        }
        switch certificate.fault {
        case .otherName:
            return wrong(
                "belongs to another name", "A site that shows it for \(name) is none that people visit.",
                "get a certificate for \(name), or name the site that is really there (mask.host, mask.fake_tls_domain)",
                ["certbot certonly -d \(name)"])
        case .untrusted:
            return wrong(
                "signed by nobody whom this machine trusts",
                "It signed itself, its chain is incomplete, or this machine lacks the roots (routes.ca_file).",
                "get one that browsers accept, and let the server send its whole chain",
                ["certbot certonly -d \(name)", "apt-get install ca-certificates"])
        case nil: break
        }
        guard certificate.isTLS13 else {
            return .trouble(
                .warn, .maskCertificate, name, "valid for \(days) days, but TLS 1.2 at most",
                because: "FakeTLS always shows TLS 1.3: who compares notices.",
                advice: "turn TLS 1.3 on, or choose another site",
                commands: ["ssl_protocols TLSv1.2 TLSv1.3;   # nginx"],
                measured: measured)
        }
        guard days >= fewDays else {
            return .trouble(
                .warn, .maskCertificate, name, "valid for \(Figures.count(Int(days), "day"))",
                because: "It ends soon, and nothing has renewed it.", advice: "renew it", commands: ["certbot renew"],
                measured: measured)
        }
        return .pass(.maskCertificate, name, "valid for \(days) days, TLS 1.3", measured: measured)
    }

    // MARK: Shape of the answer

    /// Whether what we answer our clients can look like what the site answers a client's hello.
    static func hello(_ name: String, _ flight: ServerFlight?) -> Finding {
        guard let flight, let hello = flight.hello else {
            let value = flight?.alert != nil ? "refuses a hello like that of Telegram's apps" : "no ServerHello"
            return .trouble(
                .warn, .maskHello, name, value, because: "A site that does not answer such a hello cannot be imitated.",
                advice: "choose another site (mask.host, mask.fake_tls_domain)")
        }
        let records = flight.applicationRecords
        let flightBytes = records.reduce(0, +)
        let measured = [
            "version": Double(hello.version), "suite": Double(hello.suite), "group": Double(hello.group ?? 0),
            "records": Double(records.count), "first_record_bytes": Double(records.first ?? 0),
            "flight_bytes": Double(flightBytes),
        ]
        let differences = differences(hello, records)
        let value = text(hello, records)
        guard let first = differences.first else { return .pass(.maskHello, name, value, measured: measured) }
        let rest = differences.dropFirst().map { " \($0)" }.joined()
        return .trouble(
            .warn, .maskHello, name, value, because: first + rest,
            advice: "who compares our answer with the site's can tell them apart: choose a site without these traits,"
                + " best a web server of your own",
            commands: ["martlet doctor --only mask.hello --fake-tls-domain OTHER.SITE"], measured: measured)
    }

    private static func text(_ hello: ServerFlight.Hello, _ records: [Int]) -> String {
        let group =
            switch hello.group {
            case ProbeHello.x25519: "X25519"
            case ProbeHello.hybridGroup: "X25519MLKEM768"
            case let other?: "group \(hex(other))"
            case nil: "no key share"
            }
        let version = hello.version == 0x0304 ? "TLS 1.3" : "version \(hex(hello.version))"
        let flight =
            switch records.count {
            case 0: "no encrypted record"
            case 1: "one record of \(records[0]) bytes"
            default: "\(records.count) records, \(records.reduce(0, +)) bytes"
            }
        return "\(version), suite \(hex(hello.suite)), \(group), \(flight)"
    }

    /// In the order of how easily they are noticed.
    private static func differences(_ hello: ServerFlight.Hello, _ records: [Int]) -> [String] {
        var found: [String] = []
        if hello.version != 0x0304 { found.append("It answers with an older TLS; FakeTLS always shows 1.3.") }
        if hello.isRetry { found.append("It asks for another key share first, which a client of ours would not take.") }
        if hello.suite != ProbeHello.firstSuite, hello.version == 0x0304 {
            found.append("It chooses suite \(hex(hello.suite)); we answer with the client's first, 0x1301.")
        }
        if hello.group == ProbeHello.hybridGroup {
            found.append("It chooses the post-quantum group X25519MLKEM768; we answer with X25519.")
        } else if hello.group != ProbeHello.x25519, !hello.isRetry, hello.version == 0x0304 {
            found.append("It chooses another group than X25519, which we answer with.")
        }
        if records.count > 1 {
            found.append(
                "It sends its certificate in \(records.count) records; clients take exactly one from us.")
        }
        if let longest = records.max(), longest > TLSRecordWriter.maximumPayloadLength {
            found.append("Its record of \(longest) bytes is longer than any of ours.")
        }
        return found
    }

    private static func hex(_ number: UInt16) -> String {
        let digits = String(number, radix: 16)
        return "0x" + String(repeating: "0", count: max(4 - digits.count, 0)) + digits
    }

    // MARK: Name and address

    /// - Parameter own: the addresses under which the world sees this machine.
    static func address(_ name: String, _ found: NameLookup.Outcome, own: Set<IPAddress>) -> Finding {
        guard case .found(let addresses) = found else {
            return .trouble(
                .warn, .maskAddress, name,
                found == .noAnswer ? "the resolver does not answer" : "the name has no address",
                because: "Clients that ask a machine for a name which does not exist stand out.",
                advice: "make an A record that leads here, or use a name that does",
                commands: ["getent ahosts \(name)"])
        }
        guard !own.isEmpty else { return .skipped(.maskAddress, name, "our public address is not known") }
        let texts = addresses.prefix(4).map(\.description).joined(separator: ", ")
        // A record of a family in which this machine has no address leads elsewhere, too.
        let strangers = addresses.filter { !own.contains($0) }
        guard strangers.isEmpty else {
            let mine = own.map(\.description).sorted().joined(separator: ", ")
            let isAll = strangers.count == addresses.count
            return .trouble(
                .warn, .maskAddress, name, "leads to \(texts)",
                because: isAll
                    ? "This machine is \(mine): one DNS look-up shows that the name does not belong to it."
                    : "This machine is \(mine), and not all of these: some clients go elsewhere.",
                advice: "use a domain of your own whose A and AAAA records lead here",
                commands: ["getent ahosts \(name)"])
        }
        return .pass(.maskAddress, name, "leads here (\(texts))")
    }
}
