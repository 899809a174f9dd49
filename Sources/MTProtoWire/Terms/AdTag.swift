/// The sixteen bytes with which @MTProxybot marks a proxy's sessions, so that its users see the sponsored channel.
///
/// Written as 32 hexadecimal digits. Travels inside `RPC_PROXY_REQ`; only middle proxies know what to do with it.
package struct AdTag: Hashable, Sendable {
    package var bytes: Block16

    package init(bytes: Block16) {
        self.bytes = bytes
    }

    /// 32 hexadecimal digits and nothing else.
    package init?(_ text: some StringProtocol) {
        let digits = Array(text.utf8)
        guard digits.count == 2 * Block16.count else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = Self.value(of: digits[index]), let low = Self.value(of: digits[index + 1]) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        guard let block = Block16(bytes: bytes) else { return nil }
        self.init(bytes: block)
    }

    /// Lower-case hexadecimal, as the bot prints it.
    package var text: String {
        bytes.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func value(of digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}

extension AdTag: CustomStringConvertible {
    /// Enough to tell two tags apart in a log.
    package var description: String { "\(text.prefix(6))…" }
}
