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
