import Crypto

/// The secret that a request has to bring: `Authorization: Bearer …`.
package struct AdminToken: Sendable, CustomStringConvertible {
    /// Fewer characters could be guessed.
    package static let shortest = 16
    package static let longest = 1_024

    private let text: String
    /// Of the token: digests are compared in constant time, and have one length.
    private let digest: SHA256Digest

    /// - Parameter text: visible ASCII characters without blanks; blanks and line ends around it do not count.
    /// - Returns: nil when it is too short or too long, or has other characters.
    package init?(_ text: some StringProtocol) {
        let isBlank = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
        let bytes = Array(text.utf8.drop(while: isBlank).reversed().drop(while: isBlank).reversed())
        guard (Self.shortest...Self.longest).contains(bytes.count), bytes.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        self.text = String(decoding: bytes, as: UTF8.self)
        digest = SHA256.hash(data: bytes)
    }

    /// The value of the header field.
    var field: String { "Bearer \(text)" }

    /// Never the token itself.
    package var description: String { "admin token …" }

    /// Whether header fields `Authorization` bring it: exactly one, of the scheme `Bearer`.
    func isIn(_ fields: [String]) -> Bool {
        guard fields.count == 1, let field = fields.first else { return false }
        let parts = field.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return false }
        return SHA256.hash(data: Array(parts[1].drop { $0 == " " }.utf8)) == digest
    }
}
