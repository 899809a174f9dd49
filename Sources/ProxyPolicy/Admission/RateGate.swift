/// How many connections are accepted per second: a token bucket that shuts when it is empty and opens again only when it
/// is half full, so that the gate is moved twice a second at most and not for every connection.
///
/// Times are ms of a clock that never runs backwards.
package struct RateGate: Sendable {
    private let perSecond: Int64
    /// Thousandths of a token; the rate per second is then that per millisecond.
    private let full: Int64
    private var thousandths: Int64
    private var time: Int64?
    private var isShut = false

    /// - Parameter perSecond: at least 1; as many may come at once.
    package init(perSecond: Int) {
        // Nobody accepts a thousand million connections a second, and the thousandths of that fit.
        self.perSecond = Int64(min(max(perSecond, 1), 1_000_000_000))
        full = self.perSecond * 1_000
        thousandths = full
    }

    /// - Returns: false while the gate is shut; see ``nextOpening(now:)``.
    package mutating func take(now: Int64) -> Bool {
        thousandths = filled(now)
        time = now
        if isShut {
            guard thousandths >= opening else { return false }
            isShut = false
        }
        thousandths -= 1_000
        isShut = thousandths < 1_000
        return true
    }

    /// When ``take(now:)`` will succeed: `now` if it would at once.
    package func nextOpening(now: Int64) -> Int64 {
        let missing = opening - filled(now)
        guard isShut, missing > 0 else { return now }
        return now &+ (missing + perSecond - 1) / perSecond
    }

    /// How many may come at once, were the gate open.
    package func left(now: Int64) -> Int { Int(filled(now) / 1_000) }

    private var opening: Int64 { max(full / 2, 1_000) }

    private func filled(_ now: Int64) -> Int64 {
        guard let time else { return thousandths }
        // An empty bucket is full after a second.
        let elapsed = min(max(now &- time, 0), 1_000)
        return min(thousandths + elapsed * perSecond, full)
    }
}
