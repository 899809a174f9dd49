import Foundation
import MTProtoWire
import Testing

@Suite("ProxySecret")
struct ProxySecretTests {
    static let keyText = "00112233445566778899aabbccddeeff"
    static let keyBytes = [UInt8](hex: keyText) ?? []

    private static func key() throws -> Block16 { try #require(Block16(bytes: keyBytes)) }

    private static func base64(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }

    private static func urlSafe(_ text: String) -> String {
        text.replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
            .replacingOccurrences(of: "=", with: "")
    }

    @Test("reads the three kinds in hexadecimal, in either case")
    func readsHexadecimal() throws {
        let key = try Self.key()
        #expect(try ProxySecret(parsing: Self.keyText) == ProxySecret(key: key, kind: .plain))
        #expect(try ProxySecret(parsing: Self.keyText.uppercased()) == ProxySecret(key: key, kind: .plain))
        #expect(try ProxySecret(parsing: "dd" + Self.keyText) == ProxySecret(key: key, kind: .padded))
        #expect(try ProxySecret(parsing: "DD" + Self.keyText) == ProxySecret(key: key, kind: .padded))
        let domain = "www.example.com"
        let ee = "ee" + Self.keyText + Array(domain.utf8).hex
        #expect(try ProxySecret(parsing: ee) == ProxySecret(key: key, kind: .fakeTLS(domain: domain)))
    }

    @Test("reads base64 and base64url, with and without padding", arguments: ["", "dd", "ee"])
    func readsBase64(prefix: String) throws {
        var generator = Drip.Generator(seed: 7)
        for length in 1...40 {
            let domain = String(repeating: "a", count: length)
            let kind: ProxySecret.Kind = prefix == "" ? .plain : prefix == "dd" ? .padded : .fakeTLS(domain: domain)
            let secret = ProxySecret.generate(kind, using: &generator)
            let text = Self.base64([UInt8](hex: secret.text) ?? [])
            for variant in [text, text.filter { $0 != "=" }, Self.urlSafe(text)] {
                #expect(try ProxySecret(parsing: variant) == secret, "\(variant)")
            }
        }
    }

    @Test("ignores blanks around the text and refuses them inside")
    func blanks() throws {
        let secret = try ProxySecret(parsing: Self.keyText)
        #expect(try ProxySecret(parsing: " \t\(Self.keyText)\r\n") == secret)
        for index in 1..<31 {
            var text = Self.keyText
            text.replaceSubrange(
                text.index(text.startIndex, offsetBy: index)..<text.index(text.startIndex, offsetBy: index + 1),
                with: " ")
            #expect(throws: SecretError.containsBlank) { try ProxySecret(parsing: text) }
        }
    }

    private static let refused: [(String, SecretError)] = [
        ("", SecretError.empty),
        (" \n", .empty),
        (String(keyText.dropLast()), .unreadable(characterCount: 31)),
        (keyText + "0", .unreadable(characterCount: 33)),
        (keyText + "00", .unknownKind(byteCount: 17)),
        (String(keyText.dropLast(2)), .wrongLength(byteCount: 15)),
        ("dd" + keyText + "00", .wrongLength(byteCount: 18)),
        ("ee" + keyText, .missingDomain),
        ("ee" + keyText + "2e", .invalidDomain),
        ("ee" + keyText + "612e2e62", .invalidDomain),
        ("ee" + keyText + "2d61", .invalidDomain),
        ("ee" + keyText + "6100", .invalidDomain),
        ("ee" + keyText + "d0b0", .invalidDomain),
        ("ee" + keyText + String(repeating: "61", count: 183), .domainTooLong(byteCount: 183)),
        ("ee" + keyText + String(repeating: "61", count: 64), .invalidDomain),
        ("gg" + keyText, .unreadable(characterCount: 34)),
        ("not a secret", .containsBlank),
        ("!" + keyText, .unreadable(characterCount: 33)),
        ("AAAAAAAAAAAAAAAAAAAAAA=", .unreadable(characterCount: 23)),
        ("AAAAAAAAAAAAAAAAAAAAAZ", .unreadable(characterCount: 22)),
        ("=", .unreadable(characterCount: 1)),
        ("тайна", .unreadable(characterCount: 5)),
    ]

    @Test("says what is wrong with a text", arguments: refused)
    func refuses(text: String, error: SecretError) {
        #expect(throws: error) { try ProxySecret(parsing: text) }
    }

    @Test("takes the longest host name and no longer one")
    func longestDomain() throws {
        let label = String(repeating: "a", count: 60)
        let domain = "\(label).\(label).\(label)"
        #expect(domain.utf8.count == ProxySecret.maximumDomainLength)
        let secret = ProxySecret(key: try Self.key(), kind: .fakeTLS(domain: domain))
        #expect(try ProxySecret(parsing: secret.text) == secret)
        #expect(ProxySecret.isValidDomain(domain))
        #expect(!ProxySecret.isValidDomain(domain + "a"))
        #expect(!ProxySecret.isValidDomain(""))
        #expect(ProxySecret.isValidDomain("localhost"))
        #expect(!ProxySecret.isValidDomain("example.com."))
    }

    @Test("never shows the key or the text in a description or a message")
    func redaction() throws {
        let secrets = try ["", "dd", "ee"].map { prefix in
            try ProxySecret(parsing: prefix + Self.keyText + (prefix == "ee" ? "6c6f63616c686f7374" : ""))
        }
        var dumped = ""
        dump(secrets, to: &dumped)
        dump(NamedSecret(name: "home", secret: secrets[0]), to: &dumped)
        let shown = [
            dumped, "\(secrets)", String(reflecting: secrets), "\(NamedSecret(name: "home", secret: secrets[1]))",
            String(describing: secrets[2]),
        ]
        for text in shown {
            #expect(!text.lowercased().contains("0011"), "\(text)")
        }
        for broken in [Self.keyText + "00", "dd" + Self.keyText + "00", "ee" + Self.keyText + "2e", "x" + Self.keyText]
        {
            do {
                _ = try ProxySecret(parsing: broken)
                Issue.record("was accepted")
            } catch {
                #expect(!error.message.contains("0011") && error.message.contains("expected"))
            }
        }
    }

    @Test("prints what it reads, and reads what it prints")
    func roundTrip() throws {
        var generator = Drip.Generator(seed: 3)
        for kind in [ProxySecret.Kind.plain, .padded, .fakeTLS(domain: "example.com")] {
            let first = ProxySecret.generate(kind, using: &generator)
            let second = ProxySecret.generate(kind, using: &generator)
            #expect(first != second)
            #expect(first.kind == kind)
            #expect(try ProxySecret(parsing: first.text) == first)
        }
    }

    @Test("makes links for names and addresses")
    func links() throws {
        let secret = try ProxySecret(parsing: "dd" + Self.keyText)
        let link = secret.proxyLink(server: "proxy.example.com", port: 443)
        #expect(link.tg == "tg://proxy?server=proxy.example.com&port=443&secret=dd\(Self.keyText)")
        #expect(link.web == "https://t.me/proxy?server=proxy.example.com&port=443&secret=dd\(Self.keyText)")
        for server in ["2001:db8::1", "[2001:db8::1]"] {
            #expect(secret.proxyLink(server: server, port: 1443).tg.contains("server=2001%3Adb8%3A%3A1&port=1443"))
        }
        #expect(secret.proxyLink(server: "a&b=c", port: 1).tg.contains("server=a%26b%3Dc&"))
    }

    @Test("survives garbage")
    func garbage() {
        for bytes in Drip.garbage(maximumLength: 80) {
            let text = String(decoding: bytes, as: UTF8.self)
            guard let secret = try? ProxySecret(parsing: text) else { continue }
            #expect((try? ProxySecret(parsing: secret.text)) == secret)
        }
        for bytes in Drip.damaged(Array(("ee" + Self.keyText + "6c6f63616c686f7374").utf8)) {
            guard let secret = try? ProxySecret(parsing: String(decoding: bytes, as: UTF8.self)) else { continue }
            #expect((try? ProxySecret(parsing: secret.text)) == secret)
        }
    }
}
