package import MTProtoWire

/// A range of addresses that share their first bits, such as `10.0.0.0/8` or `2001:db8::/32`.
package struct Network: Hashable, Sendable {
    /// The first address of the range.
    package let base: IPAddress
    /// How many of the 128 bits are fixed; an IPv4 /8 has 96 + 8.
    private let bits: Int

    /// A network from text: `ADDRESS/BITS`, or one address alone.
    ///
    /// - Throws: ``InvalidValue`` for anything else, also when bits behind the prefix are set (`10.0.0.1/8`), since
    ///   then either the address or the prefix is a slip of the pen.
    package init(parsing text: String) throws(InvalidValue) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ IPAddress($0) }) else {
            throw InvalidValue("is not a network", expected: "ADDRESS or ADDRESS/BITS", example: "10.0.0.0/8")
        }
        // The text decides the family: ::ffff:10.0.0.0/104 counts its bits like IPv6 although it folds to IPv4.
        let width = text.contains(":") ? 128 : 32
        var prefix = width
        if parts.count == 2 {
            let digits = parts[1]
            guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits), number <= width
            else {
                throw InvalidValue(
                    "has a prefix that is not a number from 0 to \(width)",
                    expected: "ADDRESS/BITS",
                    example: width == 32 ? "10.0.0.0/8" : "2001:db8::/32"
                )
            }
            prefix = number
        }
        let bits = prefix + 128 - width
        let base = address.masked(toBits: bits)
        guard base == address else {
            let suggestion = width == 32 ? IPAddress(v4: base.v4 ?? 0).description : base.description
            throw InvalidValue(
                "has bits set behind its prefix",
                expected: "the first address of the network",
                example: "\(suggestion)/\(prefix)"
            )
        }
        self.base = base
        self.bits = bits
    }

    package func contains(_ address: IPAddress) -> Bool {
        address.masked(toBits: bits) == base
    }

    /// The last address of the range.
    package var last: IPAddress { IPAddress(number: base.number | Self.hostMask(bits)) }

    /// The fewest networks that together hold just the addresses from `first` through `last`: at most 254, none when
    /// `first` comes after `last`.
    package static func covering(from first: IPAddress, through last: IPAddress) -> [Network] {
        var networks: [Network] = []
        var next: UInt128? = first.number
        while let number = next, number <= last.number {
            // The largest one that begins here and does not reach beyond the end.
            let left = last.number - number
            let fitting = left == .max ? 128 : 127 - (left + 1).leadingZeroBitCount
            let bits = 128 - min(number.trailingZeroBitCount, fitting)
            networks.append(Network(base: IPAddress(number: number), bits: bits))
            let (following, overflows) = (number | hostMask(bits)).addingReportingOverflow(1)
            next = overflows ? nil : following
        }
        return networks
    }

    /// The bits behind a prefix.
    private static func hostMask(_ bits: Int) -> UInt128 {
        // A shift by 128 gives zero with Swift's smart shift.
        UInt128.max >> UInt128(bits)
    }

    /// The loopback networks of both families.
    package static let loopback: [Network] = [
        Network(base: IPAddress(v4: 0x7F00_0000), bits: 96 + 8),
        Network(base: IPAddress(high: 0, low: 1), bits: 128),
    ]

    private init(base: IPAddress, bits: Int) {
        self.base = base
        self.bits = bits
    }
}

extension Network: CustomStringConvertible {
    package var description: String {
        base.isIPv4 && bits >= 96 ? "\(base)/\(bits - 96)" : "\(base)/\(bits)"
    }
}

extension IPAddress {
    init(number: UInt128) {
        self.init(high: UInt64(truncatingIfNeeded: number >> 64), low: UInt64(truncatingIfNeeded: number))
    }

    /// All 128 bits; in this order addresses lie in ranges.
    var number: UInt128 { UInt128(high) << 64 | UInt128(low) }
}
