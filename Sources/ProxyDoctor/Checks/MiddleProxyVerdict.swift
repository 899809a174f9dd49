import MTProtoWire
import ProxyPolicy

/// What tries of middle proxies mean.
enum MiddleProxyVerdict {
    typealias Result = (target: MiddleProxyTarget, outcome: MiddleProxyProbe.Outcome)

    /// - Parameter window: `handshake.time_window`, s.
    static func findings(_ results: [(MiddleProxyTarget, MiddleProxyProbe.Outcome)], window: UInt32) -> [Finding] {
        // One that does not work is left out by the server; none that works is a failure.
        let isDead = results.allSatisfy { $0.1.trouble != nil }
        var findings = results.map { link($0.0, $0.1, isDead: isDead) }
        let skews = results.compactMap(\.1.skewSeconds).sorted()
        if !skews.isEmpty {
            // The one in the middle: a single middle proxy may be wrong itself.
            findings.append(ClockVerdict.finding(.middleProxyClock, nil, skew: skews[skews.count / 2], window: window))
        }
        return findings
    }

    private static func link(_ target: MiddleProxyTarget, _ outcome: MiddleProxyProbe.Outcome, isDead: Bool) -> Finding
    {
        let subject = target.description
        let parts = [("tcp", outcome.tcp), ("handshake", outcome.handshake), ("ping", outcome.ping)]
        let known = parts.compactMap { name, time in time.map { (name, $0) } }
        var measured = Dictionary(uniqueKeysWithValues: known.map { ("\($0.0)_ms", $0.1) })
        if let skew = outcome.skewSeconds { measured["skew_s"] = Double(skew) }
        let text = known.map { "\($0.0) \(Figures.time($0.1))" }.joined(separator: ", ")
        guard let trouble = outcome.trouble else { return .pass(.middleProxyLink, subject, text, measured: measured) }
        let remedy = remedy(trouble, outcome)
        return .trouble(
            isDead ? .fail : .warn, .middleProxyLink, subject, words(trouble) + (text.isEmpty ? "" : " (\(text))"),
            because: remedy.reason, advice: remedy.advice, commands: remedy.commands, measured: measured)
    }

    private static func words(_ trouble: MiddleProxyProbe.Trouble) -> String {
        switch trouble {
        case .route(let failure): failure.words
        case .refused: "closed right after the handshake"
        case .handshake(.clockSkew(let seconds)): RouteFailure.clockSkew(seconds).words
        case .handshake(.wrongSelector): "it works with another secret"
        case .handshake(let error): "handshake failed: \(error.code)"
        case .noPong: "the link stands, but no pong came"
        }
    }

    private static func remedy(_ trouble: MiddleProxyProbe.Trouble, _ outcome: MiddleProxyProbe.Outcome) -> Remedy {
        switch trouble {
        case .refused:
            let address = outcome.announced.map { "\($0)" } ?? "unknown"
            let socket = outcome.local.map { $0 == outcome.announced ? "" : " (sockets have \($0))" } ?? ""
            return Remedy(
                "The keys did not fit: our public address in them, \(address)\(socket), is wrong, or a NAT changes ports;"
                    + " else the secret is outdated.",
                "say under which address middle proxies see this machine (middle_proxy.public_address, middle_proxy.nat)",
                ["curl -4 https://api.ipify.org", "martlet run --public-address 203.0.113.5"])
        case .handshake(.clockSkew):
            return Remedy(
                "Middle proxies refuse links beyond 30 s.", "let NTP keep this machine's clock",
                ["timedatectl set-ntp true"])
        case .handshake(.wrongSelector):
            return Remedy(
                "Telegram's secret has changed, or the file is none of Telegram's.", "fetch it anew",
                ["curl -sS https://core.telegram.org/getProxySecret -o proxy-secret"])
        case .handshake:
            return Remedy("What answers there speaks otherwise.", "fetch Telegram's list anew, or look at your own one")
        case .route, .noPong:
            return Remedy(
                "Packets get lost on the way, or are refused.",
                "let connections out to its port; clients are served"
                    + " directly meanwhile, without the sponsored channel")
        }
    }
}
