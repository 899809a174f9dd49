import ProxyPolicy
import Testing

@testable import martlet

@Suite
struct ConfigurationPrinterTests {
    private static let flags = [
        "--host", "::", "--port", "443", "--proxy-protocol", "--proxy-protocol-from", "10.0.0.0/8,192.0.2.1",
        "--secret", "a=dd000102030405060708090a0b0c0d0e0f", "--secret", "ff0102030405060708090a0b0c0d0e0f",
        "--fake-tls-domain", "www.example.com", "--mask-address", "127.0.0.1:8443", "--mask-http", "redirect",
        "--time-window", "90s", "--max-connections", "5000", "--dc-ip", "none", "--tcp-address", "2:[2001:db8::1]:5222",
        "--no-websocket", "--no-cfproxy", "--cf-list-url", "off", "--cf-dial", "x.example=127.0.0.1:9",
        "--cfproxy-domain", "b.example a.example", "--pool-size", "0", "--buf-kb", "256", "--log-max-mb", "0.5",
        "--log-file", "/tmp/a \"b\".log", "--idle-timeout", "1500ms", "-v", "--state-dir", "/srv/martlet",
    ]

    @Test
    func `The printed defaults, uncommented, are the defaults`() throws {
        let text = ConfigurationPrinter(settings: .defaults, given: [:]).text()
        #expect(try load(toml: text).given.isEmpty)

        let withDefaults = OptionTable.all.filter { $0.defaultTexts?.isEmpty == false }.map(\.path)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let active = lines.map { line -> Substring in
            guard line.hasPrefix("#"), !line.hasPrefix("##") else { return line }
            let name = line.dropFirst().prefix { $0 != " " }
            // Examples of options without a default stay comments.
            return withDefaults.contains { $0.last == String(name) } ? line.dropFirst() : line
        }
        let uncommented = active.joined(separator: "\n")
            .replacing("\nserver =", with: "\n#server =").replacing("\nport = 443\n", with: "\n#port = 443\n")
            .replacing("\nhost = \"www.example.com\"", with: "\n#host = \"www.example.com\"")
        let loaded = try load(toml: uncommented)
        #expect(loaded.settings == .defaults)
        #expect(loaded.given.count == withDefaults.count)
    }

    @Test
    func `Every example in the printed defaults is accepted`() throws {
        let text = ConfigurationPrinter(settings: .defaults, given: [:]).text()
        let uncommented = text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.hasPrefix("#") && !$0.hasPrefix("##") ? $0.dropFirst() : $0 }
            .filter { !$0.hasPrefix("ca_file") }
            .joined(separator: "\n")
        #expect(try load(toml: uncommented).given.count == OptionTable.all.count - 1)
    }

    @Test
    func `A configuration is printed such that it reads back as itself`() throws {
        let loaded = try load(flags: Self.flags)
        let text = ConfigurationPrinter(settings: loaded.settings, given: loaded.given, showsSecrets: true).text()
        let again = try load(toml: text)
        #expect(again.configuration == loaded.configuration)
        #expect(Set(again.given.keys) == Set(loaded.given.keys))
        #expect(text.contains("## given by --port\nport = 443\n"))
    }

    @Test
    func `Secrets are printed only when asked for`() throws {
        let loaded = try load(flags: Self.flags)
        let text = ConfigurationPrinter(settings: loaded.settings, given: loaded.given).text()
        #expect(!text.contains("ff0102030405"))
        #expect(text.contains("--show-secrets"))
    }
}
