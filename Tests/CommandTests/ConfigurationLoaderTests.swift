import MTProtoWire
import ProxyPolicy
import Testing

@testable import martlet

@Suite
struct ConfigurationLoaderTests {
    private static let key = "000102030405060708090a0b0c0d0e0f"

    @Test
    func `A file is refused with line, key, what was expected and an example`() throws {
        let toml = """
            [listen]
            port = 1443

            [routes]
            dc_ip = [
              "4:149.154.167.220",  # fine
              "2:foo",
            ]
            """
        #expect(
            try refusals(toml: toml) == [
                "martlet.toml:7: routes.dc_ip: \"2:foo\" is not an IP address;"
                    + " expected DC:ADDRESS[:PORT], for example 2:149.154.167.220"
            ])
    }

    @Test
    func `Everything that is wrong is told at once, in order`() throws {
        let messages = try refusals(
            flags: ["--prot", "1", "--pool-size", "many"],
            variables: ["MARTLET_POOLSIZE": "1", "MARTLET_PORT": "x"],
            toml: "lisen.port = 1\n[routes]\ndcip = []\nwebsocket = 5\nbudget = \"1 year\"\n"
        )
        #expect(
            messages == [
                "--prot: is not a flag of martlet; did you mean --port?",
                "MARTLET_POOLSIZE: is not a variable of martlet; did you mean MARTLET_POOL_SIZE?",
                "martlet.toml:1: lisen: is not a key of martlet; did you mean listen?",
                "martlet.toml:3: routes.dcip: is not a key of martlet; did you mean routes.dc_ip?",
                "MARTLET_PORT: \"x\" is not a whole number; expected a number from 0 to 65535",
                "martlet.toml:4: routes.websocket: \"5\" is neither true nor false; expected true or false",
                "martlet.toml:5: routes.budget: \"1 year\" is not a span of time;"
                    + " expected a number with ms, s, m, h or d, for example 10s",
                "--pool-size: \"many\" is not a whole number; expected a number from 0 to 64",
            ])
    }

    @Test
    func `The exit status tells whose fault it is`() {
        let flag = ConfigurationError(source: .flag("--port"), problem: "")
        let variable = ConfigurationError(source: .environment("MARTLET_PORT"), problem: "")
        #expect(ConfigurationFailure(errors: [variable]).exitStatus == .configuration)
        #expect(ConfigurationFailure(errors: [variable, flag]).exitStatus == .usage)
    }

    @Test(arguments: [
        ("a = ", 1), ("[listen]\nport = = 2", 2), ("[listen]\nport = 1\nport = 2", 3), ("x = \"open", 1),
    ])
    func `What is not TOML is refused with its line`(toml: String, line: Int) throws {
        let messages = try refusals(toml: toml)
        #expect(messages.count == 1 && messages[0].hasPrefix("martlet.toml:\(line): is not TOML: "), "\(messages)")
    }

    @Test
    func `A key of another table is suggested with its table`() throws {
        #expect(
            try refusals(toml: "port = 1\n") == [
                "martlet.toml:1: port: is not a key of martlet; did you mean listen.port?"
            ])
        #expect(
            try refusals(toml: "[listen]\npool_size = 1\n") == [
                "martlet.toml:2: listen.pool_size: is not a key of martlet; did you mean pool.size?"
            ])
    }

    @Test
    func `A table where a value belongs and a value where a table belongs are refused`() throws {
        #expect(
            try refusals(toml: "listen = 5\n") == [
                "martlet.toml:1: listen: must be a table; expected [listen] and its keys below"
            ])
        #expect(
            try refusals(toml: "[listen.port]\nx = 1\n") == [
                "martlet.toml:1: listen.port: must be one value; for example port = 443"
            ])
    }

    @Test
    func `A file that cannot be read is refused by who named it`() throws {
        let missing = "\"missing.toml\" cannot be read: No such file or directory"
        #expect(try refusals(flags: ["--config", "missing.toml"], toml: "") == ["--config: \(missing)"])
        #expect(try refusals(variables: ["MARTLET_CONFIG": "missing.toml"]) == ["MARTLET_CONFIG: \(missing)"])
    }

    @Test
    func `Empty variables count as unset and service links of containers are left alone`() throws {
        let loaded = try load(variables: [
            "MARTLET_SECRET": "", "MARTLET_CONFIG": "", "MARTLET_PORT": "tcp://10.0.0.7:443",
            "MARTLET_SERVICE_HOST": "10.0.0.7", "MARTLET_PORT_443_TCP_ADDR": "10.0.0.7",
        ])
        #expect(loaded.configuration.listen.port == 1443)
        #expect(loaded.notes.count == 3)
    }

    @Test
    func `Switches have a negative variable as they have a negative flag`() throws {
        #expect(try !load(variables: ["MARTLET_NO_CFPROXY": "1"]).configuration.routes.usesCloudflareDomains)
        #expect(try !load(variables: ["MARTLET_CFPROXY": "off"]).configuration.routes.usesCloudflareDomains)
        #expect(
            try load(flags: ["--cfproxy"], variables: ["MARTLET_NO_CFPROXY": "1"]).configuration.routes
                .usesCloudflareDomains)
        let both = try refusals(variables: ["MARTLET_NO_CFPROXY": "1", "MARTLET_CFPROXY": "1"])
        #expect(both == ["MARTLET_NO_CFPROXY: is given together with MARTLET_CFPROXY"])
        #expect(try load(variables: ["MARTLET_VERBOSE": "yes"]).configuration.log.level == .debug)
        #expect(
            try load(variables: ["MARTLET_VERBOSE": "1", "MARTLET_LOG_LEVEL": "error"]).configuration.log.level
                == .error)
    }

    @Test
    func `Secrets come from a table, a list or one text, with and without names`() throws {
        let other = Self.key.replacing("00", with: "ee")
        let table = try load(toml: "[secrets]\nfamily = \"dd\(Self.key)\"\n\"the-office\" = \"\(other)\"\n")
        #expect(table.configuration.secrets.map(\.name).sorted() == ["family", "the-office"])
        let list = try load(toml: "secrets = [\"\(Self.key)\", \"dd\(Self.key.replacing("00", with: "ff"))\"]\n")
        #expect(list.configuration.secrets.map(\.name) == ["secret1", "secret2"])
        let one = try load(flags: ["--secret", Self.key])
        #expect(one.configuration.secrets.map(\.name) == ["default"])
        #expect(one.configuration.secrets.map(\.secret.kind) == [.plain])
        let base64 = try load(flags: ["--secret", "phone=AAECAwQFBgcICQoLDA0ODw=="])
        #expect(base64.configuration.secrets.map(\.name) == ["phone"])
        #expect(base64.configuration.secrets.map(\.secret.text) == [Self.key])
        #expect(
            try load(flags: ["--secret", "AAECAwQFBgcICQoLDA0ODw=="]).configuration.secrets == one.configuration.secrets
        )
    }

    @Test
    func `A wrong secret is told without showing it`() throws {
        let blank = try refusals(flags: ["--secret", "00010203 405060708090a0b0c0d0e0f0"])
        #expect(blank.count == 1 && blank[0].contains("contains a blank"))
        for message in try blank + refusals(variables: ["MARTLET_SECRET": "c0ffee,me=cafe"]) {
            #expect(!message.contains("405060") && !message.contains("c0ffee") && !message.contains("cafe"))
        }
        let twice = try refusals(flags: ["--secret", "a=\(Self.key)", "--secret", "b=dd\(Self.key)"])
        #expect(twice == ["--secret: \"b\" is the same secret as \"a\""])
        let name = try refusals(toml: "[secrets]\n\"a b\" = \"\(Self.key)\"\n")
        #expect(name.count == 1 && name[0].hasPrefix("martlet.toml:2: secrets: "))
    }

    @Test
    func `A FakeTLS domain forms plain secrets and is the site that strangers see`() throws {
        let other = Self.key.replacing("00", with: "ff")
        let loaded = try load(flags: [
            "--fake-tls-domain", "WWW.Example.com", "--secret", "a=\(Self.key)", "--secret", "b=dd\(other)",
        ])
        #expect(loaded.configuration.secrets.map(\.secret.kind) == [.fakeTLS(domain: "www.example.com"), .padded])
        #expect(loaded.configuration.mask.host == "www.example.com")
        #expect(loaded.configuration.mask.target == SocketTarget(host: "www.example.com", port: 443))
        let apart = try load(flags: [
            "--fake-tls-domain", "a.example", "--mask-host", "b.example", "--mask-address", "::1",
        ])
        #expect(apart.configuration.mask.host == "b.example")
        #expect(apart.configuration.mask.target == SocketTarget(host: "::1", port: 443))
    }

    @Test
    func `A mask that leads back to the proxy is refused`() throws {
        let own = try refusals(flags: ["--mask-address", "127.0.0.1:1443"])
        #expect(own.count == 1 && own[0].hasPrefix("--mask-address: "))
        #expect(try refusals(flags: ["--host", "0.0.0.0", "--mask-address", "127.0.0.1:1443"]).count == 1)
        #expect(try refusals(flags: ["--mask-address", "127.0.0.1:8443"]).isEmpty)
        #expect(try refusals(flags: ["--mask-http", "redirect"]).count == 1)
    }

    @Test
    func `Relative paths start at the file that names them`() throws {
        let fromFile = try load(toml: "state_dir = \"state\"\nlog.file = \"~/m.log\"\n").configuration
        #expect(fromFile.stateDirectory.hasSuffix("/state") && fromFile.stateDirectory.hasPrefix("/"))
        #expect(fromFile.log.file == "/home/someone/m.log")
        let fromFlags = try load(flags: ["--state-dir", "./state", "--log-file", "/var/m.log"]).configuration
        #expect(fromFlags.stateDirectory == "/work dir/state")
        #expect(fromFlags.log.file == "/var/m.log")
    }

    @Test
    func `The state directory follows the XDG specification and systemd`() {
        func directory(_ variables: [String: String]) -> String? {
            HostEnvironment(variables: variables, workingDirectory: "/", accountHome: nil).defaultStateDirectory
        }
        #expect(directory(["XDG_STATE_HOME": "/s", "HOME": "/h"]) == "/s/martlet")
        #expect(directory(["XDG_STATE_HOME": "s", "HOME": "/h"]) == "/h/.local/state/martlet")
        #expect(directory(["STATE_DIRECTORY": "/var/lib/martlet:/x", "HOME": "/h"]) == "/var/lib/martlet")
        #expect(directory([:]) == nil)
    }

    @Test(
        arguments: [
            ("10s", 10_000), ("500ms", 500), ("2m", 120_000), ("1h", 3_600_000), ("1d", 86_400_000), ("7", 7_000),
            ("1.5s", 1_500), ("0", 0),
        ] as [(String, Int64)])
    func `Spans of time are read and printed`(text: String, milliseconds: Int64) {
        #expect(DurationText.parse(text) == milliseconds)
        #expect(DurationText.parse(DurationText.print(milliseconds)) == milliseconds)
    }

    @Test(arguments: ["", "s", "-1s", "1 s", "1e3", "nan", "inf", "0x10", "1.", ".5", "1.2.3", "99999999999999999999d"])
    func `What is no span of time is refused`(text: String) {
        #expect(DurationText.parse(text) == nil)
    }
}
