import ProxyPolicy

/// The clock, by what a web server says.
struct WebClock {
    let patient: Patient

    func findings() async -> [Finding] {
        let configuration = patient.configuration
        let before = WallClock.seconds
        let result = await WebPage.fetch(
            patient.clockPage, caFile: configuration.connect.caFile, dial: configuration.routes.dialOverrides,
            verifies: false, headOnly: true, within: patient.timeout)
        switch result {
        case .failure(let failure): return [unknown("\(patient.clockPage): \(failure)")]
        case .success(let page):
            guard let date = page.date else { return [unknown("\(patient.clockPage) tells no time")] }
            let skew = ClockVerdict.skew(of: date, between: before, and: WallClock.seconds)
            return [ClockVerdict.finding(.webClock, nil, skew: skew, window: configuration.handshake.timeWindowSeconds)]
        }
    }

    private func unknown(_ why: String) -> Finding {
        .trouble(
            .warn, .webClock, "not known", because: "\(why).",
            advice: "look at the clock yourself, or give another page with --clock-url", commands: ["timedatectl"])
    }
}

/// What a difference of clocks means.
enum ClockVerdict {
    /// More than this is a clock that nobody keeps right.
    static let warnAbove = 5
    /// What middle proxies take at most (observed), s.
    static let failAbove = 30

    /// Their clock minus ours, s. They read theirs somewhere between our two readings, and cut off the fraction.
    static func skew(of time: Int64, between before: Int64, and after: Int64) -> Int {
        let nearest = min(max(time, before - 1), max(after, before))
        return Int(clamping: time - nearest)
    }

    /// - Parameters:
    ///   - skew: their clock minus ours, s.
    ///   - window: how far a client's clock may be off (`handshake.time_window`), s.
    static func finding(_ id: CheckID, _ subject: String?, skew: Int, window: UInt32) -> Finding {
        let measured = ["skew_s": Double(skew)]
        let amount = abs(skew)
        let value = amount == 0 ? "right" : "\(Figures.span(seconds: amount)) \(skew > 0 ? "behind" : "ahead")"
        let limit = min(failAbove, Int(window))
        guard amount > min(warnAbove, limit) else { return .pass(id, subject, value, measured: measured) }
        let reason =
            amount > limit
            ? "Middle proxies refuse links beyond \(failAbove) s, and FakeTLS clients are strangers beyond \(window) s."
            : "It is off already; beyond \(limit) s links and clients are refused."
        return .trouble(
            amount > limit ? .fail : .warn, id, subject, value, because: reason,
            advice: "let NTP keep this machine's clock", commands: ["timedatectl set-ntp true", "chronyc makestep"],
            measured: measured)
    }
}
