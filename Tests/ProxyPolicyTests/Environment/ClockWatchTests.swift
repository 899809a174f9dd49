import ProxyPolicy
import Testing

@Suite struct ClockWatchTests {
    @Test(arguments: [
        (Int64(1_000), Int64(1_000), false), (6_000, 1_000, false), (6_001, 1_000, true), (0, 5_000, false),
        (0, 5_001, true), (-3_600_000, 1_000, true), (3_600_000, 1_000, true), (3_600_000, 3_600_000, false),
    ])
    func `A jump is a difference of more than five seconds`(wall: Int64, monotonic: Int64, isJump: Bool) {
        var watch = ClockWatch()
        #expect(watch.note(wall: 1_700_000_000_000, monotonic: 77_000) == false)
        #expect(watch.note(wall: 1_700_000_000_000 + wall, monotonic: 77_000 + monotonic) == isJump)
    }

    @Test func `A jump is noticed once and slow drift never`() {
        var watch = ClockWatch()
        _ = watch.note(wall: 0, monotonic: 0)
        #expect(watch.note(wall: 100_000, monotonic: 1_000) == true)
        #expect(watch.note(wall: 101_000, monotonic: 2_000) == false)
        for step in Int64(1)...1_000 {
            #expect(watch.note(wall: 101_000 + step * 1_100, monotonic: 2_000 + step * 1_000) == false)
        }
    }

    @Test func `The ends of the numbers are survived`() {
        var watch = ClockWatch()
        _ = watch.note(wall: .min, monotonic: .max)
        _ = watch.note(wall: .max, monotonic: .min)
        _ = watch.note(wall: .min, monotonic: .min)
    }
}
