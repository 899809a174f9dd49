extension ProxySecret {
    /// Reads a secret as people paste it: hexadecimal or base64 (either alphabet, padding optional); blanks around it
    /// are ignored.
    ///
    /// Hexadecimal is tried first. No text is valid as both: the base64 of a secret either has another length or begins
    /// with a letter that is not a hexadecimal digit.
    package init(parsing text: String) throws(SecretError) {
        var trimmed = Substring(text)
        while trimmed.first?.isWhitespace == true { trimmed.removeFirst() }
        while trimmed.last?.isWhitespace == true { trimmed.removeLast() }
        guard !trimmed.isEmpty else { throw .empty }
        guard !trimmed.contains(where: \.isWhitespace) else { throw .containsBlank }

        let characters = Array(trimmed.utf8)
        guard let hexBytes = Self.decodeHex(characters) else {
            guard let bytes = Self.decodeBase64(characters) else {
                throw .unreadable(characterCount: trimmed.count)
            }
            try self.init(bytes: bytes)
            return
        }
        do {
            try self.init(bytes: hexBytes)
        } catch {
            // Hexadecimal digits of a wrong shape may still be base64; if not, the first complaint is the better one.
            guard let bytes = Self.decodeBase64(characters), let secret = try? ProxySecret(bytes: bytes) else {
                throw error
            }
            self = secret
        }
    }

    /// Whether `text` can stand in an ee secret: a host name in ASCII, at most `maximumDomainLength` bytes.
    package static func isValidDomain(_ text: String) -> Bool {
        text.utf8.count <= maximumDomainLength && isHostName(text.utf8)
    }

    /// Reads the bytes that hexadecimal and base64 stand for.
    private init(bytes: [UInt8]) throws(SecretError) {
        let isPrefixed = bytes.count > 16
        let keyBytes = isPrefixed ? bytes[1..<17] : bytes[...]
        guard let key = Block16(bytes: keyBytes) else { throw .wrongLength(byteCount: bytes.count) }
        guard isPrefixed else {
            self.init(key: key, kind: .plain)
            return
        }
        switch bytes[0] {
        case 0xdd:
            guard bytes.count == 17 else { throw .wrongLength(byteCount: bytes.count) }
            self.init(key: key, kind: .padded)
        case 0xee:
            let domain = bytes[17...]
            guard !domain.isEmpty else { throw .missingDomain }
            guard domain.count <= Self.maximumDomainLength else { throw .domainTooLong(byteCount: domain.count) }
            guard Self.isHostName(domain) else { throw .invalidDomain }
            self.init(key: key, kind: .fakeTLS(domain: String(decoding: domain, as: UTF8.self)))
        default:
            throw .unknownKind(byteCount: bytes.count)
        }
    }

    /// Labels of 1...63 letters, digits, hyphens and underscores, no hyphen at their ends, separated by single dots.
    private static func isHostName(_ name: some Collection<UInt8>) -> Bool {
        name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
            guard (1...63).contains(label.count) else { return false }
            let hyphen = UInt8(ascii: "-")
            guard label.first != hyphen, Array(label).last != hyphen else { return false }
            return label.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), hyphen, UInt8(ascii: "_"):
                    true
                default:
                    false
                }
            }
        }
    }

    private static func decodeHex(_ characters: [UInt8]) -> [UInt8]? {
        guard characters.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(characters.count / 2)
        for index in stride(from: 0, to: characters.count, by: 2) {
            guard let high = hexValue(characters[index]), let low = hexValue(characters[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func hexValue(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// RFC 4648, both alphabets. Padding may be missing, but not be wrong; unused bits must be zero.
    private static func decodeBase64(_ characters: [UInt8]) -> [UInt8]? {
        let digits = characters.prefix { $0 != UInt8(ascii: "=") }
        let padding = characters[digits.count...]
        guard padding.isEmpty || (padding.count <= 2 && characters.count.isMultiple(of: 4)) else { return nil }
        guard padding.allSatisfy({ $0 == UInt8(ascii: "=") }), digits.count % 4 != 1 else { return nil }

        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count * 3 / 4)
        var bits: UInt32 = 0
        var bitCount = 0
        for digit in digits {
            guard let value = base64Value(digit) else { return nil }
            bits = bits << 6 | value
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
                bits &= (1 << UInt32(bitCount)) - 1
            }
        }
        return bits == 0 ? bytes : nil
    }

    private static func base64Value(_ character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
        case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
