import MTProtoWire
import ProxyPolicy
import ProxyStore
import Testing

@testable import martlet

/// What a reload calls changed and what it calls waiting, in keys of the file.
@Suite struct ReloadDifferenceTests {
    private func difference(_ old: String, _ new: String) throws -> ReloadDifference {
        ReloadDifference(from: try load(toml: old).settings, to: try load(toml: new).settings)
    }

    @Test func `Equal settings differ in nothing, however they are written`() throws {
        let news = try difference("[limits]\nconnections = 10\n", "# more\nlimits.connections = 10\n")
        #expect(news.changed == [] && news.needsRestart == [])
    }

    @Test func `Keys are named where they differ`() throws {
        let news = try difference(
            "[limits]\nconnections = 10\n",
            """
            state_dir = "/elsewhere"
            secrets = ["000102030405060708090a0b0c0d0e0f"]
            [listen]
            port = 443
            [limits]
            connections = 11
            [mask]
            host = "www.example.com"
            [log]
            level = "debug"
            file = "/tmp/log"
            [handshake]
            time_window = "5m"
            timeout = "5s"
            [[users]]
            name = "anna"
            secret = "dd101112131415161718191a1b1c1d1e1f"
            """)
        // Users are told by name, apart from this.
        #expect(news.changed == ["mask.host", "handshake.timeout", "limits.connections", "log.level"])
        #expect(news.needsRestart == ["listen.port", "handshake.time_window", "log.file", "state_dir"])
    }

    @Test func `Further listeners wait for a restart`() throws {
        let news = try difference("", "[[listeners]]\naddress = \"127.0.0.1:8443\"\n")
        #expect(news.changed == [] && news.needsRestart == ["listeners"])
    }

    @Test func `What waits is named again until the restart`() throws {
        let (old, new) = (try load().settings, try load(toml: "[listen]\nport = 443\n").settings)
        let inForce = old.reloaded(with: new)
        #expect(inForce == old)
        #expect(ReloadDifference(from: inForce, to: new).needsRestart == ["listen.port"])
    }

    @Test func `A report in words`() {
        var report = ReloadReport()
        #expect(report.text == "nothing has changed")
        report.needsRestart = ["listen.port"]
        #expect(report.text == "nothing has changed\nwaits for a restart: listen.port")
        report.changed = ["mask.host", "log.level"]
        report.users.added = (1...60).map { "user\($0)" }
        report.users.removed = ["anna"]
        let lines = report.text.split(separator: "\n")
        #expect(lines.map { $0.prefix(13) } == ["changed: mask", "users added: ", "users removed", "waits for a r"])
        #expect(lines[0] == "changed: mask.host, log.level")
        #expect(lines[1].hasSuffix("user49, user50 and 10 more"))
    }

    private func settings(_ option: OptionDefinition, _ texts: [String]) throws -> Settings {
        var settings = Settings.defaults
        let source = ConfigurationError.Source.flag("--\(option.flag)")
        let items = texts.map { GivenValue.Item(text: $0, source: source) }
        let value = GivenValue(items: items, source: source, directory: "/")
        var reading = ValueReading(option, value, key: option.key, home: "/home/someone")
        #expect(reading.apply(to: &settings) == [])
        return settings
    }

    @Test(arguments: OptionTable.all.filter { $0.key != "secrets" })
    func `Every option is either taken or waits`(option: OptionDefinition) throws {
        try withExampleFiles(option.example) { example in
            var new = try settings(
                option, option.shape == .toggle ? [option.isOnByDefault ? "false" : "true"] : example)
            // Some examples are what holds without them.
            if new == .defaults, let none = option.emptyWord { new = try settings(option, [none]) }
            let news = ReloadDifference(from: .defaults, to: new)
            #expect((news.changed + news.needsRestart) == [option.key])
            let single = [
                "handshake.time_window", "handshake.replay_life", "relay.buffer_kb", "state_dir", "user",
            ]
            let sections = ["listen.", "admin.", "log."]
            let isLevel = option.key == "log.level" || option.key == "log.levels"
            let waits = single.contains(option.key) || sections.contains { option.key.hasPrefix($0) } && !isLevel
            #expect(news.needsRestart.isEmpty != waits, "\(option.key)")
        }
    }
}
