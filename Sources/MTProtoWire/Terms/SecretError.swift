/// Why a text is not a secret. The messages say what was expected and how much was found, never the text itself.
package enum SecretError: Error, Hashable, Sendable {
    /// Nothing but blanks.
    case empty
    /// A blank inside the text.
    case containsBlank
    /// Neither hexadecimal nor base64, or hexadecimal of a length that no secret has.
    case unreadable(characterCount: Int)
    /// Decoded, but of a length that no secret has.
    case wrongLength(byteCount: Int)
    /// Longer than a plain secret, but the first byte is neither dd nor ee.
    case unknownKind(byteCount: Int)
    /// An ee secret without a host name behind the key.
    case missingDomain
    /// What stands behind the key of an ee secret is not a host name in ASCII.
    case invalidDomain
    /// The host name of an ee secret does not fit into a client's hello.
    case domainTooLong(byteCount: Int)
}

extension SecretError: CustomStringConvertible {
    /// The message for people.
    package var description: String { message }

    /// One sentence for the person who typed the secret; safe to log.
    package var message: String {
        let expected = """
            expected 32 hexadecimal digits, or "dd" and 32 digits, or "ee", 32 digits and the host name in \
            hexadecimal, or the same bytes in base64
            """
        switch self {
        case .empty:
            return "the secret is empty: \(expected)"
        case .containsBlank:
            return "the secret contains a blank: \(expected)"
        case .unreadable(let count):
            return "the secret cannot be read: \(expected); found \(count) characters"
        case .wrongLength(let count):
            return "the secret has a wrong length: \(expected); found \(count) bytes"
        case .unknownKind(let count):
            return "a secret of \(count) bytes must begin with dd or ee: \(expected)"
        case .missingDomain:
            return "an ee secret needs a host name behind the key: \(expected)"
        case .invalidDomain:
            return """
                the host name of an ee secret is not valid: expected letters, digits, hyphens and dots in ASCII \
                (an international name in its xn-- form)
                """
        case .domainTooLong(let count):
            return """
                the host name of an ee secret is too long: expected at most \(ProxySecret.maximumDomainLength) bytes, \
                found \(count)
                """
        }
    }
}
