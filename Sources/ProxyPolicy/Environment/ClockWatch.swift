/// Notices that the machine slept or that its clock was set: the wall clock moved otherwise than the monotonic one,
/// which stands still during sleep.
package struct ClockWatch: Sendable {
    /// A larger difference between two readings is a jump. Time daemons slew by at most 0.5 ms a second; they step, as
    /// sleep does, by seconds.
    package static let tolerance: Int64 = 5_000

    private var last: (wall: Int64, monotonic: Int64)?

    package init() {}

    /// Takes a reading of both clocks, ms; a few seconds apart.
    ///
    /// - Returns: whether the wall clock jumped since the reading before, either way.
    package mutating func note(wall: Int64, monotonic: Int64) -> Bool {
        defer { last = (wall, monotonic) }
        guard let last else { return false }
        let drift = (wall &- last.wall) &- (monotonic &- last.monotonic)
        return drift.magnitude > Self.tolerance.magnitude
    }
}
