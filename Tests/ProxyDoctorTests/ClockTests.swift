import Testing

@testable import ProxyDoctor

@Suite
struct ClockTests {
    @Test(
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199), ("Fri, 01 Mar 2024 00:00:00 GMT", 1_709_251_200),
            ("Sat, 21 Nov 2026 19:00:00 GMT", 1_795_287_600), ("Fri, 31 Dec 1999 23:59:60 GMT", 946_684_800),
        ] as [(String, Int64)])
    func `The time of an HTTP header`(text: String, seconds: Int64) {
        #expect(HTTPDate.seconds(text) == seconds)
    }

    @Test(arguments: [
        "", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 06 Nov 99999 08:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT",
    ])
    func `What is no such time`(text: String) {
        #expect(HTTPDate.seconds(text) == nil)
    }

    @Test
    func `Between our two readings nothing is skewed`() {
        #expect(ClockVerdict.skew(of: 105, between: 100, and: 110) == 0)
        // The other side cuts off the fraction of its second.
        #expect(ClockVerdict.skew(of: 99, between: 100, and: 100) == 0)
        #expect(ClockVerdict.skew(of: 90, between: 100, and: 110) == -9)
        #expect(ClockVerdict.skew(of: 3_700, between: 100, and: 100) == 3_600)
    }

    @Test(
        arguments: [
            (0, 120, Level.pass), (5, 120, .pass), (-5, 120, .pass), (6, 120, .warn), (-30, 120, .warn),
            (31, 120, .fail),
            (-3_600, 120, .fail), (12, 10, .fail), (6, 10, .warn), (3, 2, .fail), (2, 2, .pass),
        ] as [(Int, UInt32, Level)])
    func `How far off is too far`(skew: Int, window: UInt32, level: Level) {
        let finding = ClockVerdict.finding(.webClock, nil, skew: skew, window: window)
        #expect(finding.level == level)
        #expect(finding.measured["skew_s"] == Double(skew))
        #expect((level == .pass) == finding.commands.isEmpty)
    }

    @Test
    func `Which way it is off`() {
        #expect(ClockVerdict.finding(.webClock, nil, skew: 7_300, window: 120).value == "2 h behind")
        #expect(ClockVerdict.finding(.webClock, nil, skew: -40, window: 120).value == "40 s ahead")
    }
}
