import MTProtoWire
import ProxyPolicy

/// How the properties of a user are written, in the configuration file and by `martlet users`.
enum UserForms {
    static let connections = ValueForm<Int>.integer(1...10_000_000, placeholder: "COUNT")
    static let addresses = ValueForm<Int>.integer(1...1_000_000, placeholder: "COUNT")
    /// A minute to a month.
    static let addressWindow = ValueForm<Int64>.seconds(60...2_678_400)
    /// Up to a thousand times what a line of 10 Gbit/s carries in a month.
    static let quota = ValueForm<UInt64>.byteCount(1...1 << 62)
    static let quotaPeriod = ValueForm<QuotaPeriodName>.word(placeholder: "PERIOD")
    static let quotaDay = ValueForm<Int>.integer(1...31, placeholder: "DAY")
    /// What is slower than 1 kB/s lets no session live.
    static let rate = ValueForm<Int>.byteRate(1_000...1_000_000_000_000)
}

/// The word for a quota's period.
enum QuotaPeriodName: String, CaseIterable, Sendable {
    case none, day, week, month

    /// - Parameter day: the day on which a week or a month begins; nil is the first.
    /// - Throws: what is wrong with the day, in words that follow it.
    func period(startingOn day: Int?) throws(InvalidValue) -> QuotaPeriod {
        switch (self, day) {
        case (.none, nil): return .never
        case (.day, nil): return .day
        case (.week, _):
            let day = day ?? 1
            guard (1...7).contains(day) else {
                throw InvalidValue("is no day of a week", expected: "1 for Monday to 7 for Sunday")
            }
            return .week(startingOn: day)
        case (.month, _): return .month(startingOn: day ?? 1)
        case (.none, _), (.day, _):
            throw InvalidValue("has no meaning without a quota that starts anew each week or month")
        }
    }
}
