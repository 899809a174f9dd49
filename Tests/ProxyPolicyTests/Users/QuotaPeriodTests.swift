import ProxyPolicy
import Testing

@Suite struct QuotaPeriodTests {
    // Moments and starts from Python's datetime.
    @Test(
        arguments: [
            (31, 1_709_251_200, 1_709_164_800),  // 2024-03-01 00:00:00: since 2024-02-29
            (31, 1_709_164_800, 1_709_164_800),  // 2024-02-29 00:00:00: since 2024-02-29
            (31, 1_709_164_799, 1_706_659_200),  // 2024-02-28 23:59:59: since 2024-01-31
            (30, 1_677_672_000, 1_677_542_400),  // 2023-03-01 12:00:00: since 2023-02-28
            (29, 1_677_542_400, 1_677_542_400),  // 2023-02-28 00:00:00: since 2023-02-28
            (29, -2_203_891_200, -2_203_977_600),  // 1900-03-01 00:00:00: since 1900-02-28
            (29, 951_782_400, 951_782_400),  // 2000-02-29 00:00:00: since 2000-02-29
            (29, 4_107_542_399, 4_107_456_000),  // 2100-02-28 23:59:59: since 2100-02-28
            (15, 1_767_225_600, 1_765_756_800),  // 2026-01-01 00:00:00: since 2025-12-15
            (1, 1_767_225_599, 1_764_547_200),  // 2025-12-31 23:59:59: since 2025-12-01
            (1, 1_767_225_600, 1_767_225_600),  // 2026-01-01 00:00:00: since 2026-01-01
            (31, 1_745_971_200, 1_745_971_200),  // 2025-04-30 00:00:00: since 2025-04-30
            (31, 1_748_649_599, 1_745_971_200),  // 2025-05-30 23:59:59: since 2025-04-30
            (28, -1, -345_600),  // 1969-12-31 23:59:59: since 1969-12-28
            (2, 0, -2_592_000),  // 1970-01-01 00:00:00: since 1969-12-02
        ] as [(Int, Int64, Int64)])
    func `Months start on their day, or on their last one`(day: Int, moment: Int64, start: Int64) {
        #expect(QuotaPeriod.month(startingOn: day).start(containing: moment) == start)
    }

    @Test(
        arguments: [
            (1, 0, -259_200),  // Thursday 1970-01-01: since Monday 1969-12-29
            (4, 0, 0),  // since that Thursday
            (5, 0, -518_400),  // since Friday 1969-12-26
            (1, 1_767_225_600, 1_766_966_400),  // 2026-01-01: since Monday 2025-12-29
            (7, 1_735_639_200, 1_735_430_400),  // 2024-12-31 10:00:00: since Sunday 2024-12-29
            (1, 1_709_251_199, 1_708_905_600),  // 2024-02-29 23:59:59: since Monday 2024-02-26
            (1, 1_709_510_399, 1_708_905_600),  // Sunday 2024-03-03 23:59:59: since Monday 2024-02-26
            (1, 1_709_510_400, 1_709_510_400),  // Monday 2024-03-04 00:00:00
            (7, -1, -345_600),  // 1969-12-31 23:59:59: since Sunday 1969-12-28
        ] as [(Int, Int64, Int64)])
    func `Weeks start on their day`(day: Int, moment: Int64, start: Int64) {
        #expect(QuotaPeriod.week(startingOn: day).start(containing: moment) == start)
    }

    @Test(
        arguments: [
            (0, 0), (-1, -86_400), (86_399, 0), (1_709_210_096, 1_709_164_800), (2_147_483_648, 2_147_472_000),
        ] as [(Int64, Int64)])
    func `Days start at midnight`(moment: Int64, start: Int64) {
        #expect(QuotaPeriod.day.start(containing: moment) == start)
    }

    @Test(arguments: [Int64.min, -1, 0, 1_700_000_000, .max])
    func `What never starts anew began with the clock`(moment: Int64) {
        #expect(QuotaPeriod.never.start(containing: moment) == 0)
    }

    @Test(arguments: [0, -5, 8, 99, Int.min, .max])
    func `Days out of range and broken clocks trap nothing`(day: Int) {
        for moment in [Int64.min, .min + 1, -1, 0, .max] {
            _ = QuotaPeriod.day.start(containing: moment)
            _ = QuotaPeriod.week(startingOn: day).start(containing: moment)
            _ = QuotaPeriod.month(startingOn: day).start(containing: moment)
        }
        let nearest = day < 1 ? 1 : 7
        let moment: Int64 = 1_700_000_000
        #expect(
            QuotaPeriod.week(startingOn: day).start(containing: moment)
                == QuotaPeriod.week(startingOn: nearest).start(containing: moment))
    }

    /// Walks from 1970 beyond 2100, which is no leap year, day by day with nothing but the lengths of months.
    @Test(arguments: [1, 2, 15, 28, 29, 30, 31])
    func `Months agree with a calendar that counts days one by one`(first: Int) {
        var day: Int64 = 0
        // December 1969 has 31 days.
        var start = first == 1 ? 0 : Int64(first) - 32
        let period = QuotaPeriod.month(startingOn: first)
        for year in 1970..<2105 {
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            for length in [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
                for number in 1...length {
                    if number == min(first, length) { start = day }
                    if period.start(containing: day * 86_400 + 43_200) != start * 86_400 {
                        Issue.record("\(year), day \(number) of a month of \(length)")
                        return
                    }
                    day += 1
                }
            }
        }
    }
}
