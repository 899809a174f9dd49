/// Bytes of one session, and how many of them have been counted already.
struct ByteCount {
    private(set) var up = 0
    private(set) var down = 0

    /// Takes the session's totals.
    ///
    /// - Returns: what is new since the last time.
    mutating func update(up newUp: Int, down newDown: Int) -> (up: Int, down: Int) {
        let new = (up: max(newUp - up, 0), down: max(newDown - down, 0))
        up += new.up
        down += new.down
        return new
    }
}
