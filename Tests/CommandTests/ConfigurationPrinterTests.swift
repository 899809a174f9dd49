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
        "--accept", "padded,open", "--window-clamp", "100kB", "--keepalive", "1m", "--user-timeout", "90s",
        "--ad-tag", "3F40462915a3e6026a4d790127b95ded", "--nat-info", "[fd00::1]:[2001:db8::1]", "--max-memory",
        "1.5GB",
        "--middle-proxy", "always", "--middle-proxy-refresh", "90m", "--client-queue", "1 MiB", "--max-accept-rate",
        "9",
        "--allow-list", "https://example.com/a list".replacing(" ", with: "%20"), "--public-address-v6", "2001:db8::2",
    ]

    /// Options whose examples are files that are not there.
    private static let filed = ["ca_file", "secret_file", "config_file", "config_v6_file", "block", "allow"]

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
            .filter { line in !Self.filed.contains { line.hasPrefix("\($0) =") } }
            .joined(separator: "\n")
        let loaded = try load(toml: uncommented)
        #expect(loaded.given.count == OptionTable.all.count - Self.filed.count)
        for table in OptionTable.tables {
            #expect(loaded.rows[table.name]?.map { Set($0.values.keys) } == [Set(table.fields.map(\.key))])
        }
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
