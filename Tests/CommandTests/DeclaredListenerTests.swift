import MTProtoWire
import ProxyPolicy
import Testing

@testable import martlet

@Suite
struct DeclaredListenerTests {
    private static let everything = """
        [[listeners]]
        address = "0.0.0.0:443"
        accept = ["faketls", "padded"]
        proxy_protocol = true
        proxy_protocol_from = ["10.0.0.0/8"]
        default_dc = 4
        window_clamp = "128 KiB"
        keepalive = "1m"
        user_timeout = "1500ms"

        [[listeners]]
        address = "unix:run/martlet.sock"
        unix_mode = "0600"
        accept = "plain"

        [[listeners]]
        address = "[::1]:0"
        """

    @Test
    func `A table says everything about a listener`() throws {
        let configuration = try load(toml: Self.everything).configuration
        #expect(configuration.listen.isOff && configuration.listeners.count == 3)
        let first = try #require(configuration.listeners.first)
        #expect(first.place == .tcp(IPAddress(v4: 0), port: 443))
        #expect(first.transports == [.fakeTLS, .padded] && first.proxyProtocol && first.defaultDataCenter == 4)
        #expect(first.trustedSources.map(\.description) == ["10.0.0.0/8"])
        #expect(first.socket.windowClampBytes == 131_072 && first.socket.keepAliveSeconds == 60)
        #expect(first.socket.userTimeoutMilliseconds == 1_500)
        let second = configuration.listeners[1]
        guard case .unix(let path, let mode) = second.place else {
            Issue.record("\(second.place)")
            return
        }
        #expect(path.hasPrefix("/") && path.hasSuffix("/run/martlet.sock") && mode == 0o600)
        #expect(second.transports == .plain)
        let last = configuration.listeners[2]
        #expect(last == ListenerConfiguration(place: .tcp(IPAddress(high: 0, low: 1), port: 0)))
    }

    @Test
    func `Listeners are printed such that they read back as themselves`() throws {
        let loaded = try load(toml: Self.everything)
        let text = ConfigurationPrinter(settings: loaded.settings, given: loaded.given, rows: loaded.rows).text()
        let again = try load(toml: text)
        #expect(again.configuration == loaded.configuration)
        #expect(text.contains("\n[[listeners]]\naddress = \"[::1]:0\""))
    }

    @Test(arguments: ListenerTable.definition.fields.map(\.key))
    func `A wrong value of every key is refused at its line`(key: String) throws {
        let address = key == "address" ? "" : "address = \"127.0.0.1:1\"\n"
        let toml = "# one\n[[listeners]]\n\(address)\(key) = \"?!\"\n"
        let line = toml.split(separator: "\n").count
        let messages = try refusals(toml: toml)
        #expect(messages.count == 1, "\(messages)")
        #expect(messages.first?.hasPrefix("martlet.toml:\(line): listeners.\(key): \"?!\" ") == true, "\(messages)")
    }

    @Test
    func `The place of the listen options counts beside listeners only when it is given`() throws {
        let toml = "[[listeners]]\naddress = \"127.0.0.1:2000\"\n"
        #expect(try load(toml: toml).configuration.listen.isOff)
        #expect(try !load(flags: ["--port", "1000"], toml: toml).configuration.listen.isOff)
        #expect(try !load(variables: ["MARTLET_HOST": "::1"], toml: toml).configuration.listen.isOff)
        #expect(try !load().configuration.listen.isOff)
        let idle = try load(flags: ["--accept", "open", "--host", "::"]).notes
        #expect(idle.count == 1)
        #expect(
            try load(flags: ["--accept", "open", "--threads", "2"], toml: toml).notes == [
                "--accept: listen.accept has no effect beside [[listeners]], which have their own, unless listen.host"
                    + " or listen.port is given"
            ])
    }

    @Test
    func `What cannot be a listener is refused`() throws {
        let toml = """
            [[listeners]]
            address = "127.0.0.1:1443"
            [[listeners]]
            address = "unix:/run/m.sock"
            accept = []
            [[listeners]]
            address = "unix:/run/m.sock"
            unix_mode = "0666"
            [[listeners]]
            address = "127.0.0.1:0"
            [[listeners]]
            address = "127.0.0.1:0"
            """
        #expect(
            try refusals(flags: ["--port", "1443"], toml: toml) == [
                "martlet.toml:5: listeners.accept: is empty, so nobody could connect",
                "martlet.toml:2: listeners.address: \"127.0.0.1:1443\" is listened on twice",
                "martlet.toml:7: listeners.address: \"unix:/run/m.sock\" is listened on twice",
            ])
        #expect(
            try refusals(toml: "\n[[listeners]]\naccept = \"open\"\nadress = \"x\"\n") == [
                "martlet.toml:4: listeners.adress: is not a key of [[listeners]]; did you mean address?",
                "martlet.toml:2: listeners: has no address; every table [[listeners]] needs one",
            ])
        let octal = try refusals(toml: "[[listeners]]\naddress = \"unix:/run/m.sock\"\nunix_mode = 0o660\n")
        #expect(octal.count == 1 && octal[0].contains("for example 0660"), "\(octal)")
    }

    @Test
    func `A mask that leads back to any listener is refused`() throws {
        let toml = "[[listeners]]\naddress = \"127.0.0.1:2000\"\n[[listeners]]\naddress = \"[::]:3000\"\n"
        for target in ["127.0.0.1:2000", "[::1]:3000", "127.0.0.1:3000"] {
            let messages = try refusals(flags: ["--mask-address", target], toml: toml)
            #expect(messages.count == 1 && messages[0].hasPrefix("--mask-address: "), "\(messages)")
        }
        // Nobody listens there beside listeners.
        #expect(try refusals(flags: ["--mask-address", "127.0.0.1:1443"], toml: toml).isEmpty)
    }

    @Test
    func `What lets everybody in or has no effect is remarked upon`() throws {
        func notes(_ lines: String) throws -> [String] { try load(toml: "[[listeners]]\n\(lines)\n").notes }
        #expect(
            try notes("address = \"0.0.0.0:443\"\naccept = [\"open\"]") == [
                "martlet.toml:3: listeners.accept lets everybody in who can reach 0.0.0.0:443"
            ])
        #expect(try notes("address = \"192.168.0.1:443\"\naccept = [\"plain\"]").isEmpty)
        #expect(try notes("address = \"unix:/run/m.sock\"\naccept = [\"plain\"]").isEmpty)
        #expect(try notes("address = \"127.0.0.1:1\"\nunix_mode = \"0600\"").count == 1)
        #expect(try notes("address = \"unix:/run/m.sock\"\nkeepalive = 10\nwindow_clamp = 4096").count == 2)
        #expect(
            try notes("address = \"127.0.0.1:443\"\naccept = [\"faketls\"]") == [
                "no secret fits 127.0.0.1:443, which accepts faketls alone"
            ])
    }
}
