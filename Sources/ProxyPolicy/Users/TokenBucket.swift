/// Shapes a stream of bytes to a rate: says how long to wait, and never what to drop.
///
/// Bytes are taken after they were read, so a take may leave a debt; nobody takes more until it is paid. Several sessions
/// may share a bucket: each waits for the debt of all.
package struct TokenBucket: Sendable {
    /// What may be taken at once after a silence: a quarter of a second's worth, short enough that the rate shows in a
    /// second's measurement and long enough that waits are few.
    package static let burstMilliseconds: Int64 = 250
    /// 1 TiB per second: faster is not shaped. Keeps all products below far from the end of their type.
    private static let maximumRate: Int64 = 1 << 40
    /// The greatest debt: a month's worth of the slowest rates, and no sum overflows.
    private static let maximumDebt: Int64 = 1 << 60

    /// Bytes per second, which are thousandths of a byte per millisecond.
    private let rate: Int64
    /// What may be taken, in thousandths of a byte, so that slow rates lose nothing to rounding; below 0: a debt.
    private var level: Int64
    private var last: Int64

    /// - Parameters:
    ///   - bytesPerSecond: at least 1.
    ///   - now: ms of a clock that never runs backwards.
    package init(bytesPerSecond: Int, now: Int64) {
        rate = min(max(Int64(bytesPerSecond), 1), Self.maximumRate)
        level = rate * Self.burstMilliseconds
        last = now
    }

    /// Takes bytes that were moved. Taking none only asks.
    ///
    /// - Returns: ms to wait before more may be taken; 0: at once.
    package mutating func take(_ bytes: Int, now: Int64) -> Int64 {
        refill(now)
        let cost = min(Int64(max(bytes, 0)), Self.maximumRate) * 1_000
        level = max(level - cost, -Self.maximumDebt)
        return level < 0 ? (-level + rate - 1) / rate : 0
    }

    private mutating func refill(_ now: Int64) {
        let (elapsed, isOverflow) = now.subtractingReportingOverflow(last)
        guard elapsed > 0 || isOverflow else { return }
        last = now
        let capacity = rate * Self.burstMilliseconds
        let missing = (capacity - level) / rate + 1
        level = isOverflow || elapsed >= missing ? capacity : level + elapsed * rate
    }
}
