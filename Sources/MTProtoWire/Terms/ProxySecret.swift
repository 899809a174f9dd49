/// What a client must know to use the proxy: a key, and the way in which connections are disguised.
///
/// Written as 32 hexadecimal digits (plain), "dd" and 32 digits (padded), or "ee", 32 digits and the host name's ASCII
/// bytes in hexadecimal (FakeTLS); clients also take the same bytes in base64 and base64url (observed: Telegram
/// Desktop, Android, iOS).
///
/// Its descriptions never show the key; only `text` and the links do.
package struct ProxySecret: Hashable, Sendable {
    /// How a client disguises its connections.
    package enum Kind: Hashable, Sendable {
        /// Bare obfuscated2, any framing.
        case plain
        /// Bare obfuscated2; the client pads its packets.
        case padded
        /// obfuscated2 inside something that looks like TLS 1.3 with the host `domain`.
        case fakeTLS(domain: String)
    }

    /// The longest host name that clients put into their hello (observed: tdlib).
    package static let maximumDomainLength = 182

    package var key: Block16
    package var kind: Kind

    package init(key: Block16, kind: Kind) {
        self.key = key
        self.kind = kind
    }

    /// A new secret with a random key.
    package static func generate(_ kind: Kind, using generator: inout some RandomNumberGenerator) -> ProxySecret {
        var halves = (generator.next() as UInt64, generator.next() as UInt64)
        return withUnsafeBytes(of: &halves) { ProxySecret(key: Block16(copying: $0), kind: kind) }
    }

    /// The canonical text: lower-case hexadecimal. It is the secret; show it only to who asked for it.
    package var text: String {
        let hexKey = Self.hexText(key.bytes)
        switch kind {
        case .plain: return hexKey
        case .padded: return "dd" + hexKey
        case .fakeTLS(let domain): return "ee" + hexKey + Self.hexText(domain.utf8)
        }
    }

    /// The links that make a client use the proxy.
    ///
    /// - Parameters:
    ///   - server: a host name, an IPv4 address or an IPv6 address, the latter with or without brackets.
    ///   - port: 1...65535.
    /// - Returns: `tg` for the app itself, `web` for browsers and messages.
    package func proxyLink(server: String, port: Int) -> (tg: String, web: String) {
        let isBracketed = server.hasPrefix("[") && server.hasSuffix("]")
        let host = isBracketed ? String(server.dropFirst().dropLast()) : server
        let query = "server=\(Self.percentEncoded(host))&port=\(port)&secret=\(text)"
        return ("tg://proxy?\(query)", "https://t.me/proxy?\(query)")
    }

    private static func hexText(_ bytes: some Sequence<UInt8>) -> String {
        var text = ""
        for byte in bytes {
            text.append(byte < 16 ? "0" : "")
            text.append(String(byte, radix: 16))
        }
        return text
    }

    /// Leaves the unreserved characters of RFC 3986 as they are.
    private static func percentEncoded(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            let character = Character(UnicodeScalar(byte))
            let isUnreserved = byte < 0x80 && (character.isLetter || character.isNumber || "-._~".contains(character))
            encoded += isUnreserved ? String(character) : "%" + hexText([byte]).uppercased()
        }
        return encoded
    }
}

extension ProxySecret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The kind and no more: safe to log.
    package var description: String {
        switch kind {
        case .plain: "plain secret …"
        case .padded: "dd secret …"
        case .fakeTLS: "ee secret …"
        }
    }

    /// As `description`: what a debugger or an interpolated collection prints must not show the key either.
    package var debugDescription: String { description }

    /// Empty, so that `dump` shows nothing.
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
