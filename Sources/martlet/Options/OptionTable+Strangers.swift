import ProxyPolicy

/// What happens to connections that are no client's.
enum StrangerOptions: OptionSection {
    static let title = "FakeTLS and strangers"

    private static let handshakeTime: ClosedRange<Int64> = 100...600_000

    static let options: [OptionDefinition] = [
        .value(
            "mask.fake_tls_domain", flag: "fake-tls-domain", \.fakeTLSDomain, .secretDomain, absence: nil,
            "Make FakeTLS secrets for this domain of all secrets without a form of their own (32 hex digits, or the"
                + " kept one), and show its site to strangers.",
            example: "www.example.com"
        ),
        .value(
            "mask.host", flag: "mask-host", \.configuration.mask.host, .domain, absence: nil,
            "Site that strangers are shown; without it they meet silence.", example: "www.example.com"
        ),
        .value(
            "mask.address", flag: "mask-address", \.configuration.mask.target, .socketTarget, absence: nil,
            "Where that site is dialled; without it port 443 of its name.", example: "127.0.0.1:8443"
        ),
        .value(
            "mask.http", flag: "mask-http", \.configuration.mask.httpAnswer, .word(placeholder: "ANSWER"),
            "What a plain HTTP request gets: pipe hands it to the site, redirect answers 301 to the site.",
            example: "redirect"
        ),
        .value(
            "handshake.timeout", flag: "handshake-timeout", \.configuration.handshake.timeoutMilliseconds,
            .duration(handshakeTime), "Time for a client to prove itself.", example: "15s"
        ),
        .value(
            "handshake.time_window", flag: "time-window", \.configuration.handshake.timeWindowSeconds,
            ValueForm<Int64>.duration(1_000...86_400_000)
                .converted({ UInt32(clamping: $0 / 1_000) }, back: { Int64($0) * 1_000 }),
            "How far the clock of a FakeTLS client may be off, either way.", example: "5m"
        ),
        .value(
            "handshake.replay_life", flag: "replay-life", \.configuration.handshake.replayLifeSeconds,
            ValueForm<Int64>.duration(1_000...604_800_000).converted({ $0 / 1_000 }, back: { $0 * 1_000 }),
            "How long a client's first bytes are remembered, so that nobody can play them back.", example: "6h"
        ),
    ]
}
