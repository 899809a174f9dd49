package import MTProtoWire

/// A place to open a TCP connection to: an address literal or a name, and a port.
package struct SocketTarget: Hashable, Sendable, CustomStringConvertible {
    /// An IPv4 literal, an IPv6 literal without brackets, or a name.
    package var host: String
    /// 1...65535 when it came from text; a program may set anything, a connector refuses what no socket takes.
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 literal. Nothing may stand around it.
    ///
    /// - Parameter defaultPort: the port when the text names none; nil makes the port obligatory.
    package init(parsing text: String, defaultPort: Int? = nil) throws(SocketTargetError) {
        let (host, portText) = try Self.split(text)
        guard !host.isEmpty else { throw .missingHost }
        guard Self.isAddress(host) || Self.isName(host) else { throw .invalidHost }
        self.host = host
        if let portText {
            // `Int("+1")` is 1: digits alone are what people mean by a port.
            guard portText.utf8.allSatisfy(Self.isDigit), let port = Int(portText), (1...65_535).contains(port) else {
                throw .invalidPort
            }
            self.port = port
        } else if let defaultPort {
            self.port = defaultPort
        } else {
            throw .missingPort
        }
    }

    /// The form that `init(parsing:)` reads: IPv6 literals in brackets.
    package var description: String {
        host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// The address when the host is one, nil when it is a name.
    package var address: IPAddress? { IPAddress(host) }

    /// The longest name that DNS carries.
    private static let maximumNameLength = 253

    private static func split(_ text: String) throws(SocketTargetError) -> (host: String, port: String?) {
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { throw .invalidHost }
            let host = String(text[text.index(after: text.startIndex)..<end])
            // Brackets are for IPv6 alone.
            guard host.utf8.contains(UInt8(ascii: ":")) else { throw .invalidHost }
            let rest = text[text.index(after: end)...]
            if rest.isEmpty { return (host, nil) }
            guard rest.hasPrefix(":") else { throw .invalidPort }
            return (host, String(rest.dropFirst()))
        }
        guard let colon = text.firstIndex(of: ":") else { return (text, nil) }
        if text[text.index(after: colon)...].contains(":") { return (text, nil) }
        return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }

    private static func isAddress(_ host: String) -> Bool { IPAddress(host) != nil }

    /// Letters, digits and `.-_`, and no number as the last label: `127.1` and `0` are addresses for some resolvers and
    /// mistakes for people.
    private static func isName(_ host: String) -> Bool {
        guard host.utf8.count <= maximumNameLength else { return false }
        let labels = host.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard labels.allSatisfy({ (1...63).contains($0.count) && $0.allSatisfy(isNameByte) }), let last = labels.last
        else {
            return false
        }
        return !last.allSatisfy(isDigit)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}

/// Why a text is no ``SocketTarget``.
package enum SocketTargetError: Error, Equatable, CustomStringConvertible {
    case missingHost, invalidHost, missingPort, invalidPort

    package var description: String {
        switch self {
        case .missingHost: "the host is missing; expected HOST:PORT"
        case .invalidHost: "the host is neither a name nor an address; IPv6 addresses stand in brackets: [::1]:443"
        case .missingPort: "the port is missing; expected HOST:PORT"
        case .invalidPort: "the port is not a number from 1 to 65535"
        }
    }
}
