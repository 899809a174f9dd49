import MTProtoWire
import ProxyPolicy

extension ValueForm where Value == IPAddress {
    enum Family: Sendable {
        case v4, v6
    }

    /// An address of one family; brackets around IPv6 are understood.
    static func address(of family: Family) -> Self {
        Self(placeholder: "ADDRESS") { text, _ throws(InvalidValue) in
            let bare = text.hasPrefix("[") && text.hasSuffix("]") ? text.dropFirst().dropLast() : text[...]
            guard let address = IPAddress(bare), address.isIPv4 == (family == .v4) else {
                throw InvalidValue(
                    "is not an \(family == .v4 ? "IPv4" : "IPv6") address",
                    example: family == .v4 ? "203.0.113.5" : "2001:db8::5"
                )
            }
            return address
        } print: {
            $0.description
        }
    }
}

extension ValueForm where Value == MiddleProxyConfiguration.NATRule {
    /// `LOCAL:GLOBAL`; IPv6 stands in brackets.
    static var natRule: Self {
        Self(placeholder: "LOCAL:GLOBAL") { text, _ throws(InvalidValue) in
            let parts = halves(text)
            guard let local = parts.first.flatMap({ $0 }), parts.count == 2, let global = parts[1] else {
                throw InvalidValue(
                    "is not a pair of addresses", expected: "LOCAL:GLOBAL, with IPv6 in brackets",
                    example: "10.0.0.5:203.0.113.5"
                )
            }
            guard local.isIPv4 == global.isIPv4 else {
                throw InvalidValue("names addresses of two families", expected: "both IPv4 or both IPv6")
            }
            return Value(local: local, global: global)
        } print: { rule in
            [rule.local, rule.global].map { $0.isIPv4 ? "\($0)" : "[\($0)]" }.joined(separator: ":")
        }
    }

    /// The addresses between colons; nil for what is none.
    private static func halves(_ text: String) -> [IPAddress?] {
        guard text.hasPrefix("["), let end = text.firstIndex(of: "]") else {
            return text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map { address($0) }
        }
        let rest = text[text.index(after: end)...]
        return [address(text[...end]), rest.hasPrefix(":") ? address(rest.dropFirst()) : nil]
    }

    private static func address(_ text: Substring) -> IPAddress? {
        guard text.hasPrefix("[") else { return text.contains(":") ? nil : IPAddress(text) }
        return text.hasSuffix("]") ? IPAddress(text.dropFirst().dropLast()) : nil
    }
}

extension ValueForm where Value == ListenPlace {
    /// `ADDRESS:PORT`, with IPv6 in brackets, or `unix:PATH`; what mode a Unix socket has is said elsewhere.
    static var listenPlace: Self {
        Self(placeholder: "ADDRESS:PORT|unix:PATH") { text, context throws(InvalidValue) in
            if text.hasPrefix("unix:") { return try unix(String(text.dropFirst("unix:".count)), &context) }
            guard let colon = text.lastIndex(of: ":"), let port = port(text[text.index(after: colon)...]) else {
                throw InvalidValue(
                    "names no port from 0 to 65535", expected: "ADDRESS:PORT, with IPv6 in brackets, or unix:PATH",
                    example: "0.0.0.0:443"
                )
            }
            let host = String(text[..<colon])
            // `::1:443` is an address without port, although its last group looks like one.
            guard !host.contains(":") || (host.hasPrefix("[") && host.hasSuffix("]")) else {
                throw InvalidValue("is ambiguous", expected: "brackets around an IPv6 address", example: "[::]:443")
            }
            return .tcp(try ValueForm<IPAddress>.listenAddress.parse(host, &context), port: port)
        } print: {
            $0.description
        }
    }

    /// The longest path that fits into every system's `sun_path` with its final zero (104 bytes on Darwin).
    private static let longestSocketPath = 103

    /// Read and written by the owner and his group: a web server in front usually is of the group.
    static let socketMode: UInt16 = 0o660

    private static func unix(_ path: String, _ context: inout ValueContext) throws(InvalidValue) -> ListenPlace {
        let absolute = try ValueForm<String>.path.parse(path, &context)
        guard absolute.utf8.count <= longestSocketPath else {
            throw InvalidValue("is too long for a socket", expected: "a path of at most \(longestSocketPath) bytes")
        }
        return .unix(path: absolute, mode: socketMode)
    }

    private static func port(_ digits: Substring) -> Int? {
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(digits),
            port <= 65_535
        else { return nil }
        return port
    }
}

extension ValueForm where Value == UInt16 {
    /// Permission bits as `chmod` takes them: four octal digits of which the first is 0. A TOML number has no octal
    /// digits of its own, so it is refused rather than misread.
    static var fileMode: Self {
        Self(placeholder: "MODE") { text, _ throws(InvalidValue) in
            guard text.utf8.count == 4, text.hasPrefix("0"), let mode = UInt16(text, radix: 8) else {
                throw InvalidValue("is not a mode", expected: "a text of 0 and three octal digits", example: "0660")
            }
            return mode
        } print: { mode in
            let digits = String(mode, radix: 8)
            return String(repeating: "0", count: max(4 - digits.count, 0)) + digits
        }
    }
}

extension ValueForm where Value == String {
    /// A file or a page.
    static var fileOrURL: Self {
        Self(placeholder: "PATH|URL") { text, context throws(InvalidValue) in
            try (text.contains("://") ? ValueForm<String>.url : .path).parse(text, &context)
        } print: {
            $0
        }
    }

    /// An account of the system.
    static var account: Self {
        Self(placeholder: "ACCOUNT") { text, _ throws(InvalidValue) in
            let isName = text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF) || "_-.@$".utf8.contains(byte)
            }
            // 32 is the longest that useradd makes.
            guard isName, (1...32).contains(text.utf8.count), !text.hasPrefix("-") else {
                throw InvalidValue("is not the name of an account", example: "nobody")
            }
            return text
        } print: {
            $0
        }
    }

    /// Anything for people to read, on one line.
    static var note: Self {
        Self(placeholder: "TEXT") { text, _ throws(InvalidValue) in
            guard text.utf8.count <= 256, text == LogText.withoutControls(text) else {
                throw InvalidValue("is not a note", expected: "one line of at most 256 bytes")
            }
            return text
        } print: {
            $0.isEmpty ? nil : $0
        }
    }
}

extension ValueForm where Value == [UInt8] {
    /// A prime of 2048 bits in hexadecimal, big endian; blanks and line breaks between digits do not matter.
    static var diffieHellmanPrime: Self {
        Self(placeholder: "HEX") { text, _ throws(InvalidValue) in
            let digits = text.filter { !$0.isWhitespace }.compactMap { $0.isASCII ? $0.hexDigitValue : nil }
            guard digits.count == 512, digits.count == text.count(where: { !$0.isWhitespace }) else {
                throw InvalidValue("is not a prime in hexadecimal", expected: "512 digits")
            }
            let bytes = stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
            guard let first = bytes.first, let last = bytes.last, first >= 0x80, last & 1 == 1 else {
                throw InvalidValue("is not a prime of 2048 bits")
            }
            return bytes
        } print: { bytes in
            bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
    }
}
