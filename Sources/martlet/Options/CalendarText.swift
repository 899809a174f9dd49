/// Days and times of the Gregorian calendar as RFC 3339 writes them, in UTC.
enum CalendarText {
    private static let secondsPerDay: Int64 = 86_400

    /// Unix time in seconds: of a time (`2026-12-31T18:00:00Z`, `… 20:00:00+02:00`; without a zone it is UTC, as days
    /// are), or for a day alone the moment when it ends. Parts of a second are dropped. Nil for everything else.
    static func parse(_ text: String) -> Int64? {
        let characters = Array(text.utf8)
        guard let day = day(characters.prefix(10)) else { return nil }
        if characters.count == 10 { return (day + 1) * secondsPerDay }
        // `YYYY-MM-DDTHH:MM:SS` is the shortest.
        return characters.count < 19 ? nil : time(characters, day)
    }

    /// A day when the moment is midnight, since days count to their end; else a time in UTC.
    static func print(_ moment: Int64) -> String {
        let (days, rest) = divide(moment, by: secondsPerDay)
        guard rest != 0 else { return date(days - 1) }
        let parts = [rest / 3_600, rest / 60 % 60, rest % 60].map { padded($0, 2) }
        return "\(date(days))T\(parts.joined(separator: ":"))Z"
    }

    private static func time(_ text: [UInt8], _ day: Int64) -> Int64? {
        guard [UInt8(ascii: "T"), UInt8(ascii: "t"), UInt8(ascii: " ")].contains(text[10]),
            let clock = clock(text[11..<19], hasSeconds: true)
        else { return nil }
        var zone = text[19...]
        if zone.first == UInt8(ascii: ".") {
            let fraction = zone.dropFirst().prefix { isDigit($0) }
            guard !fraction.isEmpty else { return nil }
            zone = zone.dropFirst(1 + fraction.count)
        }
        guard let offset = offset(zone) else { return nil }
        return day * secondsPerDay + clock - offset
    }

    /// Seconds east of Greenwich: `Z`, `+02:00`, or nothing.
    private static func offset(_ zone: ArraySlice<UInt8>) -> Int64? {
        if zone.isEmpty { return 0 }
        if zone.count == 1 { return zone.first == UInt8(ascii: "Z") || zone.first == UInt8(ascii: "z") ? 0 : nil }
        guard zone.count == 6, let seconds = clock(zone.dropFirst(), hasSeconds: false) else { return nil }
        switch zone.first {
        case UInt8(ascii: "+"): return seconds
        case UInt8(ascii: "-"): return -seconds
        default: return nil
        }
    }

    /// Seconds since midnight: `18:00:00`, or `18:00`.
    private static func clock(_ text: ArraySlice<UInt8>, hasSeconds: Bool) -> Int64? {
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        let numbers = parts.compactMap { $0.count == 2 ? number($0) : nil }
        guard parts.count == (hasSeconds ? 3 : 2), numbers.count == parts.count, numbers[0] < 24,
            numbers.dropFirst().allSatisfy({ $0 < 60 })
        else { return nil }
        return numbers[0] * 3_600 + numbers[1] * 60 + (hasSeconds ? numbers[2] : 0)
    }

    /// Days since 1970-01-01 of `YYYY-MM-DD`, from the year 1970 on.
    private static func day(_ text: ArraySlice<UInt8>) -> Int64? {
        let parts = text.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.map(\.count) == [4, 2, 2], let year = number(parts[0]), let month = number(parts[1]),
            let day = number(parts[2]), year >= 1970, (1...12).contains(month), day >= 1
        else { return nil }
        let result = days(year, month, day)
        // The 31st of a month with thirty days is the 1st of the next, which is not what was written.
        return date(result).utf8.elementsEqual(text) ? result : nil
    }

    /// Years are counted from March, so that the leap day is the last of its year; 400 of them have 146,097 days.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let marchYear = month > 2 ? year : year - 1
        let marchMonth = (month + 9) % 12
        let leapDays = marchYear / 4 - marchYear / 100 + marchYear / 400
        // 719,468 days lie between 0000-03-01 and 1970-01-01.
        return marchYear * 365 + leapDays + (marchMonth * 153 + 2) / 5 + day - 1 - 719_468
    }

    private static func date(_ days: Int64) -> String {
        let (era, dayOfEra) = divide(days + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    }

    /// Division that rounds down.
    private static func divide(_ value: Int64, by divisor: Int64) -> (quotient: Int64, rest: Int64) {
        let (quotient, rest) = value.quotientAndRemainder(dividingBy: divisor)
        return rest < 0 ? (quotient - 1, rest + divisor) : (quotient, rest)
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(width - digits.count, 0)) + digits
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        guard digits.allSatisfy({ isDigit($0) }) else { return nil }
        return Int64(String(decoding: digits, as: UTF8.self))
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
