/// Bytes of one session, and how many of them the metrics have already.
struct ByteCount {
    private(set) var up = 0
    private(set) var down = 0

    /// Takes the session's totals and adds what is new to the metrics.
    mutating func update(up newUp: Int, down newDown: Int, _ metrics: ProxyMetrics) {
        if newUp > up { metrics.bytesUp.add(newUp - up) }
        if newDown > down { metrics.bytesDown.add(newDown - down) }
        up = max(up, newUp)
        down = max(down, newDown)
    }
}
