import MTProtoWire
import ProxyPolicy

/// A secret as it was given: with or without a name.
struct GivenSecret: Hashable, Sendable {
    var name: String?
    var secret: ProxySecret
}

extension ValueForm where Value == GivenSecret {
    /// `TEXT` or `NAME=TEXT`. The text is never part of a message.
    static var secret: Self {
        Self(placeholder: "[NAME=]SECRET", isSecret: true) { text, _ throws(InvalidValue) in
            let (name, secret) = split(text)
            if let name, !isName(name) {
                throw InvalidValue("has a name with characters other than letters, digits, '-', '_' and '.'")
            }
            do throws(SecretError) {
                return GivenSecret(name: name, secret: try ProxySecret(parsing: secret))
            } catch {
                throw InvalidValue("was not accepted: \(error.message)")
            }
        } print: { given in
            given.name.map { "\($0)=\(given.secret.text)" } ?? given.secret.text
        }
    }

    /// The `=` that ends base64 text belongs to the secret, every other first `=` ends a name.
    private static func split(_ text: String) -> (name: String?, secret: String) {
        guard let mark = text.firstIndex(of: "=") else { return (nil, text) }
        let rest = text[text.index(after: mark)...]
        if rest.allSatisfy({ $0 == "=" }) { return (nil, text) }
        return (String(text[..<mark]), String(rest))
    }

    private static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
                default: false
                }
            }
    }
}
