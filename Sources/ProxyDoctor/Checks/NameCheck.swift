import MTProtoWire
import ProxyPolicy

/// The names that the configuration uses, and the resolver that they are asked of.
struct NameCheck {
    /// A name, and what for.
    struct Wanted: Hashable, Sendable {
        var name: String
        var purpose: String
        /// Without it somebody cannot be served as configured.
        var isNeeded: Bool
    }

    /// Names asked at once.
    private static let width = 16

    let patient: Patient

    func findings() async -> [Finding] {
        let names = Self.names(patient)
        guard !names.isEmpty else {
            return [.skipped(.resolver, "no names are used"), .skipped(.name, "no names are used")]
        }
        let limit = patient.timeout
        let results = await sideBySide(names, atMost: Self.width) { wanted -> (NameLookup.Outcome, Double) in
            var watch = Stopwatch()
            let outcome = await NameLookup.find(wanted.name, within: limit)
            return (outcome, watch.lap())
        }
        return Self.findings(names, results)
    }

    /// - Parameter results: of each name, with the time in ms.
    static func findings(_ names: [Wanted], _ results: [(NameLookup.Outcome, Double)]) -> [Finding] {
        let answers = results.filter { $0.0 != .noAnswer }
        let slowest = answers.map(\.1).max() ?? 0
        guard !answers.isEmpty else {
            return [
                .trouble(
                    .fail, .resolver, "does not answer",
                    because: "Not one of \(Figures.count(names.count, "name")) got an answer.",
                    advice: "look at the resolver's address, and whether UDP and TCP port 53 are let out",
                    commands: ["cat /etc/resolv.conf", "resolvectl status"]),
                .skipped(.name, "the resolver does not answer"),
            ]
        }
        var findings: [Finding] = [
            .pass(.resolver, "answers, within \(Figures.time(slowest))", measured: ["slowest_ms": slowest])
        ]
        var good = 0
        for (wanted, (outcome, time)) in zip(names, results) {
            switch outcome {
            case .found: good += 1
            case .noSuchName, .noAnswer:
                let value = outcome == .noAnswer ? "no answer" : "has no address"
                findings.append(
                    .trouble(
                        wanted.isNeeded ? .fail : .warn, .name, wanted.name, value,
                        because: "It is used for \(wanted.purpose).",
                        advice: "correct the name or make its record", commands: ["getent ahosts \(wanted.name)"],
                        measured: ["ms": time]))
            }
        }
        if good > 0 { findings.append(.pass(.name, nil, "\(good) of \(names.count) have addresses")) }
        return findings
    }

    /// Names that are looked up by somebody when the server runs.
    static func names(_ patient: Patient) -> [Wanted] {
        let configuration = patient.configuration
        let routes = configuration.routes
        var wanted: [Wanted] = []
        func add(_ name: String?, _ purpose: String, needed: Bool = false) {
            guard let name, IPAddress(name) == nil, routes.dialOverrides[name.lowercased()] == nil else { return }
            if !wanted.contains(where: { $0.name == name }) {
                wanted.append(Wanted(name: name, purpose: purpose, isNeeded: needed))
            }
        }
        add(configuration.mask.target?.host, "the site that strangers are shown", needed: true)
        for worker in routes.workers { add(worker, "a route over your Worker") }
        if routes.usesCloudflareDomains {
            for domain in routes.ownDomains where routes.dialOverrides[domain.lowercased()] == nil {
                for number in 1...5 { add("kws\(number).\(domain)", "a route over your domain") }
            }
        }
        if patient.usesMiddleProxies {
            let settings = configuration.middleProxy
            if settings.secretFile == nil { add(host(of: settings.secretURL), "Telegram's secret for middle proxies") }
            if settings.configFile == nil { add(host(of: settings.configURL), "Telegram's list of middle proxies") }
        }
        for list in configuration.limits.blockLists + configuration.limits.allowLists {
            add(host(of: list), "a list of networks")
        }
        add(host(of: patient.clockPage), "the time")
        return wanted
    }

    /// nil for whatever is no URL.
    private static func host(of url: String) -> String? {
        guard let start = url.firstRange(of: "://")?.upperBound else { return nil }
        let authority = url[start...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard let target = try? SocketTarget(parsing: String(authority), defaultPort: 443) else { return nil }
        return target.host
    }
}
