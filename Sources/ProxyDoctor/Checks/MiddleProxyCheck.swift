import MTProtoWire
import ProxyEngine
import ProxyPolicy

/// Telegram's middle proxies, where somebody is to be served over them: secret, list, links, clocks.
struct MiddleProxyCheck {
    /// Middle proxies that are tried: Telegram has some tens, and they are asked by everybody who runs this.
    private static let sample = 5
    private static let longestDocument = 1 << 20

    let patient: Patient
    let addresses: Once<PublicAddresses>

    private var settings: MiddleProxyConfiguration { patient.configuration.middleProxy }

    func findings() async -> [Finding] {
        guard patient.usesMiddleProxies else {
            let why = settings.use == .never ? "off by configuration" : "nobody has an ad tag"
            return [.skipped(.middleProxyLists, nil, why)]
        }
        async let secretPart = load("secret", settings.secretFile, settings.secretURL, stored: "proxy-secret") {
            bytes in
            MiddleProxySecret(bytes: bytes).flatMap { bytes.first == UInt8(ascii: "<") ? nil : $0 }.map { .success($0) }
                ?? .failure(Unusable(problem: "\(bytes.count) bytes that are no secret"))
        }
        async let listPart = lists()
        let (secret, secretFinding) = await secretPart
        let (targets, listFindings) = await listPart
        let findings = [secretFinding] + listFindings
        guard let secret, !targets.isEmpty else {
            return findings + [.skipped(.middleProxyLink, nil, "without secret and list there are no links")]
        }
        return findings + (await links(secret, targets))
    }

    // MARK: Secret and lists

    private struct Unusable: Error { var problem: String }

    private func lists() async -> ([MiddleProxyTarget], [Finding]) {
        var parts: [(String, String?, String, String)] = []
        if settings.family != .ipv6 {
            parts.append(("list", settings.configFile, settings.configURL, "proxy-multi.conf"))
        }
        if settings.family != .ipv4 {
            parts.append(("list for IPv6", settings.configFileV6, settings.configURLV6, "proxy-multi-v6.conf"))
        }
        let loaded = await sideBySide(parts, atMost: 2) { name, file, url, stored in
            await load(name, file, url, stored: stored) { bytes -> Result<MiddleProxyList, Unusable> in
                do {
                    return .success(try MiddleProxyList(parsing: bytes, file: file ?? url))
                } catch {
                    return .failure(Unusable(problem: "\(error)"))
                }
            }
        }
        return (Self.sampled(loaded.compactMap(\.0)), loaded.map(\.1))
    }

    /// Some middle proxies of different data centers, each once.
    static func sampled(_ lists: [MiddleProxyList]) -> [MiddleProxyTarget] {
        var targets: [MiddleProxyTarget] = []
        for list in lists {
            let clusters = list.clusters.sorted { (abs($0.key), $0.key) < (abs($1.key), $1.key) }
            var own: [MiddleProxyTarget] = []
            for (_, cluster) in clusters {
                guard own.count < sample else { break }
                if let target = cluster.first(where: { !own.contains($0) }) { own.append(target) }
            }
            targets += own.filter { !targets.contains($0) }
        }
        return targets
    }

    /// One document: from its file, else fetched, else the copy of an earlier run.
    private func load<Value: Sendable>(
        _ name: String, _ file: String?, _ url: String, stored: String,
        read: @Sendable ([UInt8]) -> Result<Value, Unusable>
    ) async -> (Value?, Finding) {
        if let file {
            guard let bytes = SmallFile.bytes(file, limit: Self.longestDocument) else {
                return (nil, unusable(name, "\(file) cannot be read", ["ls -l \(file)"]))
            }
            switch read(bytes) {
            case .success(let value): return (value, .pass(.middleProxyLists, name, "read from \(file)"))
            case .failure(let error): return (nil, unusable(name, "\(file): \(error.problem)", ["head -c 200 \(file)"]))
            }
        }
        let why: String
        switch await WebPage.fetch(
            url, caFile: patient.configuration.connect.caFile, dial: patient.configuration.routes.dialOverrides,
            within: patient.timeout)
        {
        case .success(let page) where page.status == 200:
            switch read(page.body) {
            case .success(let value): return (value, .pass(.middleProxyLists, name, "fetched"))
            case .failure(let error): why = error.problem
            }
        case .success(let page): why = "the server answered \(page.status)"
        case .failure(let failure): why = "\(failure)"
        }
        let directory = patient.configuration.stateDirectory
        let copy = directory.isEmpty ? nil : SmallFile.bytes("\(directory)/\(stored)", limit: Self.longestDocument)
        guard let copy, case .success(let value) = read(copy) else {
            return (nil, unusable(name, "\(url): \(why)", []))
        }
        return (
            value,
            .trouble(
                .warn, .middleProxyLists, name, "not fetched; the copy of an earlier run serves",
                because: "\(url): \(why).",
                advice: "let connections to core.telegram.org out, or give files (docs/middle-proxy.md)",
                commands: ["curl -sSI \(url)"])
        )
    }

    private func unusable(_ name: String, _ why: String, _ commands: [String]) -> Finding {
        .trouble(
            .fail, .middleProxyLists, name, "not there", because: "\(why).",
            advice: "let connections to core.telegram.org out, or give files (docs/middle-proxy.md)",
            commands: commands.isEmpty ? ["curl -sSI https://core.telegram.org/getProxyConfig"] : commands)
    }

    // MARK: Links

    private func links(_ secret: MiddleProxySecret, _ targets: [MiddleProxyTarget]) async -> [Finding] {
        let known = OwnAddresses(settings)
        let (addresses, limit) = (addresses, patient.timeout)
        let group = settings.diffieHellmanPrime.flatMap { DiffieHellmanGroup(prime: $0) }
        let outcomes = await sideBySide(targets, atMost: Self.sample * 2) { target in
            await MiddleProxyProbe(
                target: target, secret: secret, diffieHellman: group,
                ownAddress: { local, remote in
                    if let own = known.global(of: local, towards: remote) { return own }
                    return await addresses.value.global(of: local)
                }, limit: limit
            ).run()
        }
        return MiddleProxyVerdict.findings(
            Array(zip(targets, outcomes)), window: patient.configuration.handshake.timeWindowSeconds)
    }
}
