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

    @Test(arguments: OptionTable.all.map(\.key))
    func `An example means the same in all three sources`(key: String) throws {
        let option = try #require(OptionTable.option(forKey: key))
        let literals = option.example.map { option.isNumber ? $0 : ConfigurationPrinter.tomlString($0) }
        let value = option.isList ? "[\(literals.joined(separator: ", "))]" : try #require(literals.first)
        // Needed beside some options to make sense.
        let company = key == "mask.http" ? ["--mask-host", "www.example.com"] : []
        let flags =
            option.shape == .toggle ? ["--\(option.flag)"] : option.example.flatMap { ["--\(option.flag)", $0] }

        let fromFlags = try load(flags: flags + company)
        let fromVariable = try load(
            flags: company, variables: [option.variable: option.example.joined(separator: "; ")]
        )
        let fromFile = try load(flags: company, toml: "\(key) = \(value)\n")
        #expect(fromFlags.settings == fromVariable.settings)
        #expect(fromFlags.settings == fromFile.settings)
        #expect(fromFlags.given[key]?.source == .flag("--\(option.flag)"))
        #expect(fromVariable.given[key]?.source == .environment(option.variable))
        #expect(fromFile.given[key]?.source == .file(path: "martlet.toml", line: 1))
    }

    @Test(arguments: OptionTable.all.map(\.key))
    func `A wrong value is refused with file, line and key`(key: String) throws {
        let messages = try refusals(toml: "# one\n# two\n\(key) = 2026-08-07\n")
        let message = try #require(messages.first)
        #expect(messages.count == 1)
        #expect(message.hasPrefix("martlet.toml:3: \(key): "), "\(message)")
    }

    @Test(arguments: OptionTable.all.filter { $0.placeholder != "PATH" }.map(\.key))
    func `A wrong text is refused wherever it stands`(key: String) throws {
        let option = try #require(OptionTable.option(forKey: key))
        let inFile = try refusals(toml: "\n\(key) = \"?!\"\n")
        #expect(inFile.count == 1 && inFile[0].hasPrefix("martlet.toml:2: \(key): "), "\(inFile)")
        let inVariable = try refusals(variables: [option.variable: "?!"])
        #expect(inVariable.count == 1 && inVariable[0].hasPrefix("\(option.variable): "), "\(inVariable)")
        guard option.shape != .toggle else { return }
        let inFlag = try refusals(flags: ["--\(option.flag)", "?!"])
        #expect(inFlag.count == 1 && inFlag[0].hasPrefix("--\(option.flag): "), "\(inFlag)")
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
