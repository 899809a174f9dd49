import ProxyPolicy
import Testing

@testable import martlet

@Suite
struct OptionTableTests {
    @Test
    func `Every option has names of its own in all three sources, a summary and an example`() {
        let all = OptionTable.all
        #expect(Set(all.map(\.key)).count == all.count)
        #expect(Set(all.flatMap(\.flagSpellings)).count == all.flatMap(\.flagSpellings).count)
        #expect(Set(EnvironmentSource.names).count == EnvironmentSource.names.count)
        for option in all {
            #expect(option.summary.hasSuffix(".") && option.summary.count > 15, "\(option.key)")
            #expect(!option.example.isEmpty && option.example.allSatisfy { !$0.isEmpty }, "\(option.key)")
            #expect(option.variable.hasPrefix("MARTLET_"))
            #expect(option.key.allSatisfy { $0.isLowercase || $0.isNumber || $0 == "_" || $0 == "." })
        }
    }

    @Test
    func `Every key of a table that may stand several times has a name, a summary and an example`() {
        for table in OptionTable.tables {
            #expect(table.summary.hasSuffix(".") && Set(table.fields.map(\.key)).count == table.fields.count)
            #expect(OptionTable.all.allSatisfy { $0.path[0] != table.name })
            for field in table.fields {
                #expect(field.summary.hasSuffix(".") && field.summary.count > 15, "\(field.key)")
                #expect(!field.example.isEmpty && field.example.allSatisfy { !$0.isEmpty }, "\(field.key)")
                #expect(field.key.allSatisfy { $0.isLowercase || $0 == "_" })
            }
        }
    }

    @Test(arguments: OptionTable.all.map(\.key))
    func `An example means the same in all three sources`(key: String) throws {
        let option = try #require(OptionTable.option(forKey: key))
        // Needed beside some options to make sense.
        let company = key == "mask.http" ? ["--mask-host", "www.example.com"] : []
        try withExampleFiles(option.example) { example in
            let literals = example.map { option.isNumber ? $0 : ConfigurationPrinter.tomlString($0) }
            let value = option.isList ? "[\(literals.joined(separator: ", "))]" : try #require(literals.first)
            let flags = option.shape == .toggle ? ["--\(option.flag)"] : example.flatMap { ["--\(option.flag)", $0] }

            let fromFlags = try load(flags: flags + company)
            let fromVariable = try load(flags: company, variables: [option.variable: example.joined(separator: "; ")])
            let fromFile = try load(flags: company, toml: "\(key) = \(value)\n")
            #expect(fromFlags.settings == fromVariable.settings)
            #expect(fromFlags.settings == fromFile.settings)
            #expect(fromFlags.given[key]?.source == .flag("--\(option.flag)"))
            #expect(fromVariable.given[key]?.source == .environment(option.variable))
            #expect(fromFile.given[key]?.source == .file(path: "martlet.toml", line: 1))
        }
    }

    @Test(arguments: OptionTable.all.map(\.key))
    func `An example is printed such that it reads back as itself`(key: String) throws {
        let option = try #require(OptionTable.option(forKey: key))
        let company = key == "mask.http" ? "mask.host = \"www.example.com\"\n" : ""
        try withExampleFiles(option.example) { example in
            let literals = example.map { option.isNumber ? $0 : ConfigurationPrinter.tomlString($0) }
            let value = option.isList ? "[\(literals.joined(separator: ", "))]" : try #require(literals.first)
            let loaded = try load(toml: "\(key) = \(value)\n\(company)")
            let text = ConfigurationPrinter(settings: loaded.settings, given: loaded.given, showsSecrets: true).text()
            #expect(try load(toml: text).settings == loaded.settings)
        }
    }

    @Test(arguments: OptionTable.all.map(\.key))
    func `A wrong value is refused with file, line and key`(key: String) throws {
        let messages = try refusals(toml: "# one\n# two\n\(key) = 2026-08-07\n")
        let message = try #require(messages.first)
        #expect(messages.count == 1)
        #expect(message.hasPrefix("martlet.toml:3: \(key): "), "\(message)")
    }

    @Test(arguments: OptionTable.all.filter { !$0.placeholder.contains("PATH") }.map(\.key))
    func `A wrong text is refused wherever it stands`(key: String) throws {
        let option = try #require(OptionTable.option(forKey: key))
        let inFile = try refusals(toml: "\n\(key) = \"?!\"\n")
        #expect(inFile.count == 1 && inFile[0].hasPrefix("martlet.toml:2: \(key): "), "\(inFile)")
        let inVariable = try refusals(variables: [option.variable: "?!"])
        #expect(inVariable.count == 1 && inVariable[0].hasPrefix("\(option.variable): "), "\(inVariable)")
    }

    @Test
    func `Wrong texts of all flags are refused in one go`() throws {
        let options = OptionTable.all.filter { !$0.placeholder.contains("PATH") && $0.shape != .toggle }
        let messages = try refusals(flags: options.flatMap { ["--\($0.flag)", "?!"] })
        #expect(messages.count == options.count)
        for option in options {
            #expect(messages.count { $0.hasPrefix("--\(option.flag): ") } == 1, "\(option.flag)")
        }
    }

    @Test
    func `A flag goes before a variable, a variable before the file, the file before the default`() throws {
        let toml = "[listen]\nport = 3\n"
        let variables = ["MARTLET_PORT": "2"]
        #expect(try load().configuration.listen.port == 1443)
        #expect(try load(toml: toml).configuration.listen.port == 3)
        #expect(try load(variables: variables, toml: toml).configuration.listen.port == 2)
        #expect(try load(flags: ["--port", "1"], variables: variables, toml: toml).configuration.listen.port == 1)
    }

    @Test
    func `A list replaces the list of a lower source, it never adds to it`() throws {
        let toml = "[routes]\ntcp = [\"1:192.0.2.1\"]\ndc_ip = [\"1:192.0.2.1\"]\n"
        let loaded = try load(flags: ["--tcp-address", "2:192.0.2.2", "--dc-ip", "2:192.0.2.2"], toml: toml)
        let routes = loaded.configuration.routes
        #expect(routes.webSocketAddresses == [2: [SocketTarget(host: "192.0.2.2", port: 443)]])
        #expect(routes.tcpAddresses[1] == BuiltInAddresses.tcp[1])
        #expect(routes.tcpAddresses[2] == [SocketTarget(host: "192.0.2.2", port: 443)])
    }

    @Test
    func `Without anything said the defaults hold`() throws {
        var expected = ProxyConfiguration.defaults
        expected.stateDirectory = "/home/someone/.local/state/martlet"
        #expect(try load().configuration == expected)
    }

    @Test(
        arguments: [
            (["--accept", "faketls, padded"], "listen.accept"), (["--window-clamp", "off"], "listen.window_clamp"),
            (["--user-timeout", "off"], "listen.user_timeout"), (["--keepalive", "5"], "listen.keepalive"),
            (["--ad-tag", "none"], "middle_proxy.ad_tag"), (["--dh-prime", "none"], "middle_proxy.dh_prime"),
            (["--address-service", "none"], "middle_proxy.address_services"), (["--max-masked", "0"], "limits.masked"),
            (["--max-memory", "auto"], "limits.memory"), (["--client-queue", "65536"], "middle_proxy.client_queue"),
        ] as [([String], String)])
    func `Words and bounds of values are printed back`(flags: [String], key: String) throws {
        let loaded = try load(flags: flags)
        let text = ConfigurationPrinter(settings: loaded.settings, given: loaded.given).text()
        let again = try load(toml: text)
        #expect(again.settings == loaded.settings)
        #expect(Set(again.given.keys) == [key])
    }

    @Test(
        arguments: [
            (
                "listen.accept = [\"faketsl\"]",
                "is not one of faketls, padded, obfuscated2, open, plain, http; did you mean"
            ),
            ("listen.accept = []", "is empty, so nobody could connect"),
            ("listen.keepalive = \"1s\"", "is out of range; expected 5s to 2h"),
            ("listen.keepalive = \"5500ms\"", "is not a whole number of seconds"),
            ("listen.window_clamp = \"12 parsecs\"", "is not a number of bytes; expected a number with B, kB"),
            ("listen.window_clamp = 100", "is out of range; expected 1 KiB to 1 GiB"),
            ("middle_proxy.ad_tag = \"3f40\"", "is not an ad tag; expected 32 hexadecimal digits"),
            ("middle_proxy.use = \"taged\"", "did you mean tagged?"),
            ("middle_proxy.secret_file = \"/nowhere/secret\"", "cannot be read: No such file"),
            ("middle_proxy.secret_url = \"off\"", "is not an address of a web page; expected https://…"),
            ("middle_proxy.public_address = \"2001:db8::1\"", "is not an IPv4 address"),
            ("middle_proxy.public_address_v6 = \"192.0.2.1\"", "is not an IPv6 address"),
            ("middle_proxy.nat = [\"10.0.0.1:2001:db8::1\"]", "is not a pair of addresses"),
            ("middle_proxy.nat = [\"10.0.0.1:[2001:db8::1]\"]", "names addresses of two families"),
            ("middle_proxy.nat = [\"10.0.0.1:192.0.2.1\", \"10.0.0.1:192.0.2.2\"]", "10.0.0.1 is translated twice"),
            ("middle_proxy.dh_prime = \"c71c\"", "is not a prime in hexadecimal; expected 512 digits"),
            ("middle_proxy.links_per_target = 0", "is out of range; expected a number from 1 to 1024"),
            ("limits.block = [\"/nowhere/list\"]", "cannot be read: No such file"),
            ("limits.allow = [\"ftp://example.com/list\"]", "is not an address of a web page"),
            ("limits.memory = \"1 MB\"", "is out of range; expected 16 MiB to 1024 TiB"),
        ])
    func `What a new value must not be is told at its line`(toml: String, problem: String) throws {
        let key = toml.prefix { $0 != " " }
        let messages = try refusals(toml: "\n\n" + toml)
        #expect(messages.count == 1 && messages[0].hasPrefix("martlet.toml:3: \(key): "), "\(messages)")
        #expect(messages.first?.contains(problem) == true, "\(messages)")
    }

    @Test
    func `Values that work against each other are remarked upon`() throws {
        let tag = "3f40462915a3e6026a4d790127b95ded"
        #expect(try load(flags: ["--ad-tag", tag, "--middle-proxy", "never"]).notes.count == 1)
        #expect(try load(flags: ["--ad-tag", tag, "--middle-proxy", "always"]).notes.isEmpty)
        #expect(try load(flags: ["--accept", "open", "--host", "0.0.0.0"]).notes.count == 1)
        for host in ["127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd00::1", "fe80::1"] {
            #expect(try load(flags: ["--accept", "plain", "--host", host]).notes.isEmpty, "\(host)")
        }
        for host in ["::", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2001:db8::1"] {
            #expect(try load(flags: ["--accept", "padded,open", "--host", host]).notes.count == 1, "\(host)")
        }
        #expect(try load(flags: ["--accept", "faketls"]).notes.count == 1)
        #expect(try load(flags: ["--accept", "faketls", "--fake-tls-domain", "a.example"]).notes.isEmpty)
    }

    @Test(arguments: [
        ("prot", "port"), ("poolsize", "pool-size"), ("pool-siez", "pool-size"), ("port", "port"), ("ort", "port"),
    ])
    func `The nearest name is found`(wrong: String, right: String) {
        #expect(NearestName.find(wrong, in: OptionTable.all.map(\.flag)) == right)
    }

    @Test
    func `A name that is near to none has no suggestion`() {
        #expect(NearestName.find("zzzzzz", in: OptionTable.all.map(\.flag)) == nil)
        #expect(NearestName.distance(Array("ab".unicodeScalars), Array("ba".unicodeScalars)) == 1)
        #expect(NearestName.distance(Array("kitten".unicodeScalars), Array("sitting".unicodeScalars)) == 3)
        #expect(NearestName.distance([], Array("abc".unicodeScalars)) == 3)
    }
}
