import MTProtoWire
import ProxyEngine
import ProxyPolicy

/// The site that strangers see, and the names that FakeTLS clients ask for.
struct MaskCheck {
    let patient: Patient
    let addresses: Once<PublicAddresses>

    /// Names looked at: each takes some connections.
    private static let namesAtMost = 8

    func findings() async -> [Finding] {
        let configuration = patient.configuration
        let names = Self.names(configuration)
        guard let target = configuration.mask.target else {
            let why = names.isEmpty ? "no FakeTLS secret and no mask host" : nil
            return [why.map { .skipped(.maskHost, nil, $0) } ?? Self.silence]
        }
        let shown = names.prefix(Self.namesAtMost)
        let perName = await sideBySide(Array(shown), atMost: Self.namesAtMost) { name in
            await look(at: name, target)
        }
        let host = await reach(target)
        guard host.level != .fail else {
            // The rest of what is to be said of a host that cannot be reached is that it cannot be reached.
            return [host] + perName.flatMap { $0.filter { $0.id == .maskAddress } }
        }
        return [host] + perName.flatMap { $0 }
    }

    /// What TLS clients may ask for, each once.
    static func names(_ configuration: ProxyConfiguration) -> [String] {
        var names: [String] = []
        func add(_ name: String?) {
            if let name = name?.lowercased(), !names.contains(name) { names.append(name) }
        }
        add(configuration.mask.host)
        for secret in configuration.secrets.map(\.secret) + configuration.users.flatMap(\.secrets) {
            if case .fakeTLS(let domain) = secret.kind { add(domain) }
        }
        return names
    }

    private static let silence = Finding.trouble(
        .warn, .maskHost, "none, although secrets name a site",
        because: "Whoever looks who is there meets silence, which no web server shows.",
        advice: "show the site to strangers", commands: ["martlet run --mask-host www.example.com"])

    // MARK: The host

    private func reach(_ target: SocketTarget) async -> Finding {
        let subject = target.description
        let found: [IPAddress]
        switch await NameLookup.find(target.host, within: patient.timeout) {
        case .found(let addresses): found = addresses
        case .noSuchName, .noAnswer:
            return .trouble(
                .fail, .maskHost, subject, "the name has no address", because: "Strangers meet silence.",
                advice: "correct mask.host, or give the site's address (mask.address)",
                commands: ["getent ahosts \(target.host)"])
        }
        let own = await addresses.value.all
        let places = patient.configuration.allListeners.map(\.place)
        if let address = found.first(where: { MaskVerdict.isOurs($0, target.port, places, own) }) {
            return .trouble(
                .fail, .maskHost, subject, "\(address) is where martlet itself listens",
                because: "Strangers would go round in circles, each round costing two connections.",
                advice: "let a web server run on another port, and give it as mask.address",
                commands: ["martlet run --mask-address 127.0.0.1:8443"])
        }
        var watch = Stopwatch()
        do {
            try await Conversation.open(target, within: patient.timeout).close()
            let time = watch.lap()
            return .pass(.maskHost, subject, "can be reached in \(Figures.time(time))", measured: ["tcp_ms": time])
        } catch {
            return .trouble(
                .fail, .maskHost, subject, RouteFailure(classifying: error).words, because: "Strangers meet silence.",
                advice: "start the web server there, or correct mask.host or mask.address",
                commands: ["curl -v https://\(subject)/"])
        }
    }

    // MARK: A name

    private func look(at name: String, _ target: SocketTarget) async -> [Finding] {
        let configuration = patient.configuration
        let visit = TLSVisit(
            target: target, name: name, caFile: configuration.connect.caFile, limit: patient.timeout)
        async let certificate = visit.certificate()
        async let flight = visit.flight()
        let now = WallClock.seconds
        var findings = [
            MaskVerdict.certificate(name, await certificate, now: now), MaskVerdict.hello(name, await flight),
        ]
        findings.append(await address(of: name))
        return findings
    }

    /// Whether the name leads to this machine, as a web server's would.
    private func address(of name: String) async -> Finding {
        guard patient.configuration.isPublic else { return .skipped(.maskAddress, name, "clients are on this machine") }
        let own = await addresses.value
        let found = await NameLookup.find(name, within: patient.timeout)
        return MaskVerdict.address(name, found, own: Set(own.entries.compactMap(\.global)))
    }
}
