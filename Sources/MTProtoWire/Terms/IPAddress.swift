/// An IPv4 or IPv6 address as sixteen bytes; IPv4 is kept in its v4-mapped form (`::ffff:a.b.c.d`).
///
/// Because both families share one form, a client that reaches a dual-stack socket as `::ffff:10.0.0.1` is the same
/// address as `10.0.0.1`. Zone identifiers (`fe80::1%eth0`) are not part of the value and are refused in text.
package struct IPAddress: Hashable, Sendable {
    /// Bytes 0..<8 as a big-endian number.
    package let high: UInt64
    /// Bytes 8..<16 as a big-endian number.
    package let low: UInt64

    /// What the upper 96 bits of every IPv4 address look like, as the upper half of ``low``.
    private static let mappedMark: UInt64 = 0x0000_FFFF_0000_0000

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// An IPv4 address from its number, most significant byte first: `0x7F00_0001` is 127.0.0.1.
    package init(v4 number: UInt32) {
        self.init(high: 0, low: Self.mappedMark | UInt64(number))
    }

    /// An address from 4 or 16 bytes in network order; nil for every other length.
    package init?(bytes: some Collection<UInt8>) {
        switch bytes.count {
        case 4:
            self.init(v4: bytes.reduce(0) { $0 << 8 | UInt32($1) })
        case 16:
            self.init(
                high: bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) },
                low: bytes.dropFirst(8).reduce(0) { $0 << 8 | UInt64($1) }
            )
        default:
            return nil
        }
    }

    /// The whole text must be one address in the form `inet_pton` takes: dotted quads have exactly four decimal
    /// numbers without leading zeros (so never `127.1` or `010.0.0.1`), IPv6 has no brackets, blanks or zone.
    package init?(_ text: some StringProtocol) {
        let characters = Array(text.utf8)
        if characters.contains(UInt8(ascii: ":")) {
            guard let (high, low) = IPv6Text.parse(characters[...]) else { return nil }
            self.init(high: high, low: low)
        } else {
            guard let number = IPv4Text.parse(characters[...]) else { return nil }
            self.init(v4: number)
        }
    }

    package var isIPv4: Bool { high == 0 && low >> 32 == Self.mappedMark >> 32 }

    package var isIPv6: Bool { !isIPv4 }

    /// The IPv4 number, most significant byte first; nil for IPv6.
    package var v4: UInt32? { isIPv4 ? UInt32(truncatingIfNeeded: low) : nil }

    /// Whether hosts elsewhere can reach it: neither loopback nor private, link-local, shared (100.64.0.0/10), multicast
    /// or unspecified.
    package var isGlobal: Bool {
        if let v4 {
            switch v4 >> 24 {
            case 0, 10, 127, 224...255: return false
            case 100: return v4 >> 22 != 0x6440_0000 >> 22
            case 169: return v4 >> 16 != 0xA9FE
            case 172: return v4 >> 20 != 0xAC1
            case 192: return v4 >> 16 != 0xC0A8
            default: return true
            }
        }
        // Global unicast is 2000::/3 (RFC 4291, section 2.4).
        return high >> 61 == 1
    }

    /// 127.0.0.0/8 or ::1.
    package var isLoopback: Bool {
        if let v4 { return v4 >> 24 == 127 }
        return high == 0 && low == 1
    }

    /// 0.0.0.0 or ::, "every address of this machine" when bound.
    package var isUnspecified: Bool { v4 == 0 || (high == 0 && low == 0) }

    /// 4 bytes for IPv4, 16 for IPv6, in network order: what `sin_addr` and `sin6_addr` hold.
    package var bytes: [UInt8] {
        let all = [high, low].flatMap { half in
            stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: half >> UInt64($0)) }
        }
        return isIPv4 ? Array(all[12...]) : all
    }

    /// The address with everything behind the first `bits` of its 128 bits cleared (an IPv4 /24 is 96 + 24 bits).
    package func masked(toBits bits: Int) -> IPAddress {
        let bits = min(max(bits, 0), 128)
        let highMask = Self.mask(bits: min(bits, 64))
        let lowMask = Self.mask(bits: max(bits - 64, 0))
        return IPAddress(high: high & highMask, low: low & lowMask)
    }

    private static func mask(bits: Int) -> UInt64 {
        // A shift by 64 gives zero with Swift's smart shift.
        ~UInt64(0) << UInt64(64 - bits)
    }
}

extension IPAddress: CustomStringConvertible {
    /// Canonical text: dotted quad, or IPv6 as RFC 5952 writes it (lower case, the longest run of zeros folded).
    package var description: String {
        if let v4 { return IPv4Text.print(v4) }
        return IPv6Text.print(high: high, low: low)
    }
}

/// Dotted decimal text.
private enum IPv4Text {
    static func parse(_ text: ArraySlice<UInt8>) -> UInt32? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var number: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0") else { return nil }
            var value: UInt32 = 0
            for character in part {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(character) else { return nil }
                value = value * 10 + UInt32(character - UInt8(ascii: "0"))
            }
            guard value <= 255 else { return nil }
            number = number << 8 | value
        }
        return number
    }

    static func print(_ number: UInt32) -> String {
        [24, 16, 8, 0].map { String(number >> UInt32($0) & 0xFF) }.joined(separator: ".")
    }
}

/// Eight groups of hexadecimal digits, RFC 4291 section 2.2.
private enum IPv6Text {
    static func parse(_ text: ArraySlice<UInt8>) -> (high: UInt64, low: UInt64)? {
        var head: [UInt16] = []
        var tail: [UInt16] = []
        if let gap = doubleColon(in: text) {
            guard let before = groups(text[..<gap], allowsIPv4: false),
                let after = groups(text[(gap + 2)...], allowsIPv4: true),
                before.count + after.count <= 7
            else { return nil }
            head = before + Array(repeating: 0, count: 8 - before.count - after.count)
            tail = after
        } else {
            guard let all = groups(text, allowsIPv4: true) else { return nil }
            head = all
        }
        let groups = head + tail
        guard groups.count == 8 else { return nil }
        return (
            groups[..<4].reduce(0) { $0 << 16 | UInt64($1) },
            groups[4...].reduce(0) { $0 << 16 | UInt64($1) }
        )
    }

    private static func doubleColon(in text: ArraySlice<UInt8>) -> Int? {
        let colon = UInt8(ascii: ":")
        return text.indices.first { index in
            index + 1 < text.endIndex && text[index] == colon && text[index + 1] == colon
        }
    }

    /// The groups between single colons; an empty text has none, an empty group is an error.
    private static func groups(_ text: ArraySlice<UInt8>, allowsIPv4: Bool) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count <= 8 else { return nil }
        var result: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if allowsIPv4, index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
                guard let number = IPv4Text.parse(part) else { return nil }
                result.append(UInt16(truncatingIfNeeded: number >> 16))
                result.append(UInt16(truncatingIfNeeded: number))
            } else {
                guard let group = hexGroup(part) else { return nil }
                result.append(group)
            }
        }
        return result
    }

    private static func hexGroup(_ digits: ArraySlice<UInt8>) -> UInt16? {
        guard (1...4).contains(digits.count) else { return nil }
        var value: UInt16 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt16(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt16(digit - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt16(digit - UInt8(ascii: "A") + 10)
            default: return nil
            }
        }
        return value
    }

    static func print(high: UInt64, low: UInt64) -> String {
        let groups = [high, low].flatMap { half in
            [48, 32, 16, 0].map { UInt16(truncatingIfNeeded: half >> UInt64($0)) }
        }
        func text(_ range: Range<Int>) -> String {
            groups[range].map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard let run = longestZeroRun(groups) else { return text(0..<8) }
        return text(0..<run.lowerBound) + "::" + text(run.upperBound..<8)
    }

    /// The first of the longest runs of at least two zero groups.
    private static func longestZeroRun(_ groups: [UInt16]) -> Range<Int>? {
        var best: Range<Int>?
        var start = 0
        while start < groups.count {
            guard groups[start] == 0 else {
                start += 1
                continue
            }
            var end = start
            while end < groups.count, groups[end] == 0 { end += 1 }
            if end - start >= 2, end - start > best?.count ?? 0 { best = start..<end }
            start = end
        }
        return best
    }
}
