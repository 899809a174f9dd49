/// How many clients the limit on open files allows: each needs a socket of its own and one upstream.
package enum FileLimit {
    /// Descriptors for listeners, logs, event loops, DNS, lists and probes.
    package static let reserve = 64
    /// Fewer clients make no proxy; with a smaller limit accepting fails now and then, which is survived.
    package static let minimumConnections = 16
    /// Where the system sets no limit: some million sockets need more memory than such machines have.
    package static let maximumConnections = 1 << 20

    /// - Parameters:
    ///   - descriptors: the soft limit of RLIMIT_NOFILE; nil: unlimited.
    ///   - pooled: upstreams that pools may hold at most.
    package static func connections(descriptors: UInt64?, pooled: Int) -> Int {
        guard let descriptors else { return maximumConnections }
        // Both clamped: neither a huge limit nor a huge pool may overflow.
        let left = Int(clamping: descriptors) - reserve - min(max(pooled, 0), maximumConnections)
        return min(max(left / 2, minimumConnections), maximumConnections)
    }
}
