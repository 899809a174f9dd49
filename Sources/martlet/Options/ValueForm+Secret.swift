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
        // In `NAME=TEXT` an @ is more likely a slip than a part of a name.
        UserDirectory.isName(text) && !text.contains("@")
    }
}

extension ValueForm where Value == ProxySecret {
    /// A secret alone: its name is told elsewhere. The text is never part of a message.
    static var bareSecret: Self {
        Self(placeholder: "SECRET", isSecret: true) { text, _ throws(InvalidValue) in
            do throws(SecretError) {
                return try ProxySecret(parsing: text)
            } catch {
                throw InvalidValue("was not accepted: \(error.message)")
            }
        } print: {
            $0.text
        }
    }
}

extension ValueForm where Value == String {
    /// What a user is called.
    static var userName: Self {
        Self(placeholder: "NAME") { text, _ throws(InvalidValue) in
            guard UserDirectory.isName(text) else {
                throw InvalidValue(
                    "is not a user's name", expected: "1 to 64 letters, digits and any of - . _ @", example: "alice"
                )
            }
            return text
        } print: {
            $0.isEmpty ? nil : $0
        }
    }
}
