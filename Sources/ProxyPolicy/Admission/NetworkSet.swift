package import MTProtoWire

/// Many networks as one set of addresses: sorted ranges that do not touch, found by bisection. A hundred thousand IPv4
/// networks take 0.8 MB and 17 comparisons.
package struct NetworkSet: Sendable, Equatable {
    private struct Range<Number: FixedWidthInteger & Sendable>: Sendable, Equatable {
        var first: Number
        var last: Number
    }

    /// IPv4 has a list of its own, a quarter as large; what an IPv6 network says about IPv4 (`::/0`) is there too.
    private let v4: [Range<UInt32>]
    private let v6: [Range<UInt128>]
    /// Ranges that are left when all that overlap or touch are joined.
    package let count: Int

    package init(_ networks: some Sequence<Network>) {
        let ranges = Self.joined(networks.map { Range(first: $0.base.number, last: $0.last.number) })
        count = ranges.count
        let (lowest, highest) = (IPAddress(v4: 0).number, IPAddress(v4: .max).number)
        v4 = ranges.compactMap { range in
            guard range.first <= highest, range.last >= lowest else { return nil }
            return Range(
                first: UInt32(truncatingIfNeeded: max(range.first, lowest)),
                last: UInt32(truncatingIfNeeded: min(range.last, highest))
            )
        }
        v6 = ranges.filter { $0.first < lowest || $0.last > highest }
    }

    package var isEmpty: Bool { count == 0 }

    package func contains(_ address: IPAddress) -> Bool {
        if let number = address.v4 { return Self.contains(number, v4) }
        return Self.contains(address.number, v6)
    }

    /// The last range that begins at or before the number is the only one that can hold it.
    private static func contains<Number>(_ number: Number, _ ranges: [Range<Number>]) -> Bool {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = low + (high - low) / 2
            if ranges[middle].first <= number { low = middle + 1 } else { high = middle }
        }
        return low > 0 && ranges[low - 1].last >= number
    }

    private static func joined(_ ranges: [Range<UInt128>]) -> [Range<UInt128>] {
        var result: [Range<UInt128>] = []
        for range in ranges.sorted(by: { $0.first < $1.first }) {
            // Subtracted on this side: the last address of all has none behind it.
            if let last = result.last, range.first == 0 || range.first - 1 <= last.last {
                result[result.count - 1].last = max(last.last, range.last)
            } else {
                result.append(range)
            }
        }
        return result
    }
}

/// Who may be a client, by address. Whoever may not is a stranger like any other, and is passed to the mask host.
package struct NetworkRules: Sendable, Equatable {
    package var blocked: NetworkSet
    /// Nil: everybody who is not blocked. An empty set allows nobody, as when a list could not be read.
    package var allowed: NetworkSet?

    package init(blocked: NetworkSet = NetworkSet([]), allowed: NetworkSet? = nil) {
        self.blocked = blocked
        self.allowed = allowed
    }

    /// Nil: may come in. So may loopback and Unix sockets always: lists of unroutable addresses name loopback too, and
    /// would shut out a forwarder on the same machine.
    package func refusal(for address: IPAddress?) -> AdmissionLimits.Refusal? {
        guard let address, !address.isLoopback else { return nil }
        if blocked.contains(address) { return .blocked }
        if let allowed, !allowed.contains(address) { return .notAllowed }
        return nil
    }
}
