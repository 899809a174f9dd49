extension QuotaPeriod {
    /// When the period that contains a moment began; 0 for ``never``, which has only one.
    ///
    /// Days of the proleptic Gregorian calendar in UTC, whose days all have 86,400 seconds in Unix time. Days of weeks
    /// and months outside their range count as the nearest one inside.
    ///
    /// - Parameter unix: Unix time, seconds.
    package func start(containing unix: Int64) -> Int64 {
        let day = CalendarDay(containing: unix)
        switch self {
        case .never:
            return 0
        case .day:
            return day.start
        case .week(let first):
            let back = (day.weekday - min(max(first, 1), 7) + 7) % 7
            return day.start - Int64(back) * CalendarDay.seconds
        case .month(let first):
            let thisMonth = day.inSameMonth(first)
            return thisMonth.start <= day.start ? thisMonth.start : day.inPreviousMonth(first).start
        }
    }
}

/// A day of the Gregorian calendar, without Foundation.
///
/// Years are counted from March here, so that the leap day is the last of its year and all months before it have fixed
/// lengths: the usual trick of calendar arithmetic.
private struct CalendarDay {
    static let seconds: Int64 = 86_400
    /// Some 30,000 years around 1970: clocks that say more are broken, and may not overflow anything.
    private static let farthest: Int64 = 1 << 40
    /// Days from 1 March of year 0 to 1 January 1970.
    private static let epoch: Int64 = 719_468
    private static let daysPerEra: Int64 = 146_097
    private static let yearsPerEra: Int64 = 400

    /// Days since 1 January 1970.
    private let number: Int64

    private init(number: Int64) {
        self.number = number
    }

    init(containing unix: Int64) {
        let unix = min(max(unix, -Self.farthest), Self.farthest)
        number = Self.floorDivision(unix, Self.seconds)
    }

    var start: Int64 { number * Self.seconds }

    /// 1 is Monday; 1 January 1970 was a Thursday.
    var weekday: Int { Int(Self.floorRemainder(number + 3, 7)) + 1 }

    /// A day of this day's month, the last one when the month is shorter.
    func inSameMonth(_ day: Int) -> CalendarDay {
        let (year, month) = yearAndMonth
        return Self.day(day, year: year, month: month)
    }

    func inPreviousMonth(_ day: Int) -> CalendarDay {
        let (year, month) = yearAndMonth
        return month == 0 ? Self.day(day, year: year - 1, month: 11) : Self.day(day, year: year, month: month - 1)
    }

    /// The year that began with March, and the month in it: 0 is March, 11 is February.
    private var yearAndMonth: (year: Int64, month: Int64) {
        let days = number + Self.epoch
        let era = Self.floorDivision(days, Self.daysPerEra)
        let dayOfEra = days - era * Self.daysPerEra
        // Takes the leap days before that day out: one in 4 years, none in 100, one in 400.
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let year = yearOfEra + era * Self.yearsPerEra
        let dayOfYear = days - Self.days(before: year)
        return (year, (5 * dayOfYear + 2) / 153)
    }

    private static func day(_ day: Int, year: Int64, month: Int64) -> CalendarDay {
        let first = days(before: year) + daysBefore(month: month)
        let next = month == 11 ? days(before: year + 1) : days(before: year) + daysBefore(month: month + 1)
        let day = min(Int64(max(day, 1)), next - first)
        return CalendarDay(number: first + day - 1 - epoch)
    }

    /// Days from 1 March of year 0 to 1 March of a year.
    private static func days(before year: Int64) -> Int64 {
        let era = floorDivision(year, yearsPerEra)
        let yearOfEra = year - era * yearsPerEra
        return era * daysPerEra + 365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100
    }

    /// Days from 1 March to the first of a month: five months have 153 days, twice over and from March again.
    private static func daysBefore(month: Int64) -> Int64 { (153 * month + 2) / 5 }

    private static func floorDivision(_ number: Int64, _ divisor: Int64) -> Int64 {
        let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }

    private static func floorRemainder(_ number: Int64, _ divisor: Int64) -> Int64 {
        number - floorDivision(number, divisor) * divisor
    }
}
