import MTProtoWire
import ProxyPolicy
import Testing

@testable import martlet

@Suite
struct DeclaredUserTests {
    private static let key = "000102030405060708090a0b0c0d0e0f"
    private static let other = "f01112131415161718191a1b1c1d1e1f"

    private static let everything = """
        [secrets]
        family = "\(other.replacing("f0", with: "ff"))"

        [[users]]
        name = "alice@home"
        secret = "dd\(key)"
        secrets = ["\(other)", "AAECAwQFBgcICQoLDA0OEA=="]
        enabled = false
        ad_tag = "3f40462915a3e6026a4d790127b95ded"
        expires = 2026-12-31
        max_connections = 50
        max_addresses = 3
        address_window = "2h"
        quota = "50 GB"
        quota_period = "month"
        quota_day = 31
        rate_up = "10 Mbit/s"
        rate_down = "5 MB/s"
        allow = ["198.51.100.0/24", "2001:db8::/32"]
        refuse = "198.51.100.7"
        note = "my aunt's \\"phone\\""

        [[users]]
        name = "bob"
        secret = "\(key.replacing("00", with: "ee"))"
        """

    @Test
    func `A table says everything about a user`() throws {
        let users = try load(toml: Self.everything).configuration.users
        #expect(users.map(\.name) == ["alice@home", "bob"])
        let alice = try #require(users.first)
        #expect(alice.origin == .declared && !alice.isEnabled)
        #expect(alice.secrets.map(\.text) == ["dd\(Self.key)", Self.other, "000102030405060708090a0b0c0d0e10"])
        #expect(alice.adTag?.text == "3f40462915a3e6026a4d790127b95ded")
        #expect(alice.expires == 1_798_761_600)
        #expect(alice.maximumConnections == 50 && alice.maximumAddresses == 3 && alice.addressWindowSeconds == 7_200)
        #expect(alice.quota == TrafficQuota(bytes: 50_000_000_000, period: .month(startingOn: 31)))
        #expect(alice.rateUp == 1_250_000 && alice.rateDown == 5_000_000)
        #expect(alice.allowedNetworks.map(\.description) == ["198.51.100.0/24", "2001:db8::/32"])
        #expect(alice.refusedNetworks.map(\.description) == ["198.51.100.7/32"])
        #expect(alice.note == "my aunt's \"phone\"")
        let bob = try #require(users.last)
        var plain = User(name: "bob", secrets: bob.secrets, origin: .declared)
        plain.origin = .declared
        #expect(bob == plain && bob.secrets.count == 1)
    }

    @Test
    func `Users are printed such that they read back as themselves`() throws {
        let loaded = try load(toml: Self.everything)
        var printer = ConfigurationPrinter(settings: loaded.settings, given: loaded.given, rows: loaded.rows)
        let hidden = printer.text()
        #expect(!hidden.contains(Self.key) && !hidden.contains(Self.other) && hidden.contains("--show-secrets"))
        #expect(hidden.contains("\n[[users]]\nname = \"alice@home\"\n"))
        printer.showsSecrets = true
        let text = printer.text()
        let again = try load(toml: text)
        #expect(again.configuration == loaded.configuration)
        #expect(again.rows["users"]?.map { Set($0.values.keys) } == loaded.rows["users"]?.map { Set($0.values.keys) })
        #expect(text.contains("rate_up = \"10 Mbit/s\"") && text.contains("expires = \"2026-12-31\""))
    }

    @Test(arguments: UserTable.definition.fields.map(\.key))
    func `A wrong value of every key is refused at its line, and a secret is not shown`(key: String) throws {
        let name = key == "name" ? "" : "name = \"alice\"\n"
        let secret = key.hasPrefix("secret") ? "" : "secret = \"\(Self.key)\"\n"
        let toml = "[[users]]\n\(name)\(secret)\(key) = \"?!\(key == "note" ? "\\n" : "")#hush\"\n"
        let line = toml.split(separator: "\n").count
        let messages = try refusals(toml: toml)
        #expect(messages.count == 1, "\(messages)")
        #expect(messages.first?.hasPrefix("martlet.toml:\(line): users.\(key): ") == true, "\(messages)")
        if key.hasPrefix("secret") { #expect(messages.first?.contains("hush") == false) }
        let time = try refusals(toml: "[[users]]\n\(name)\(secret)\(key) = 07:32:00\n")
        #expect(time.count == 1 && time[0].hasPrefix("martlet.toml:\(line): users.\(key): "), "\(time)")
    }

    @Test
    func `Everything that is wrong in several tables is told at once`() throws {
        let toml = """
            [[users]]
            name = "alice"
            secrt = "x"

            [[users]]
            secret = "zz"
            quota = "many"

            [[users]]
            name = "carol "
            secret = "\(Self.key)"
            [users.more]
            x = 1
            """
        #expect(
            try refusals(toml: toml) == [
                "martlet.toml:3: users.secrt: is not a key of [[users]]; did you mean secret?",
                "martlet.toml:12: users.more: is not a key of [[users]]",
                "martlet.toml:1: users: has no secret or secrets; every table [[users]] needs one",
                "martlet.toml:5: users: has no name; every table [[users]] needs one",
                "martlet.toml:6: users.secret: the value was not accepted: the secret cannot be read: expected 32"
                    + " hexadecimal digits, or \"dd\" and 32 digits, or \"ee\", 32 digits and the host name in"
                    + " hexadecimal, or the same bytes in base64; found 2 characters",
                "martlet.toml:7: users.quota: \"many\" is not a number of bytes; expected a number with B, kB, MB, GB,"
                    + " TB, KiB, MiB, GiB or TiB, for example 50 GB",
            ])
    }

    @Test
    func `A table with one bracket and a wrong name are put right`() throws {
        let hint = "expected [[users]], in two brackets, and its keys below, once for each"
        #expect(
            try refusals(toml: "\n[users]\nname = \"a\"\n") == [
                "martlet.toml:2: users: must be a list of tables; \(hint)"
            ])
        #expect(try refusals(toml: "users = [1]\n") == ["martlet.toml:1: users: must be a list of tables; \(hint)"])
        #expect(
            try refusals(toml: "[[user]]\nname = \"a\"\n") == [
                "martlet.toml:1: user: must be one value; did you mean [[users]]?"
            ])
        let inline = try load(toml: "users = [{ name = \"a\", secret = \"\(Self.key)\" }]\n")
        #expect(inline.configuration.users.map(\.name) == ["a"])
    }

    @Test
    func `Names and secrets are unique among users and secrets`() throws {
        let toml = """
            [secrets]
            a = "\(Self.key)"
            [[users]]
            name = "a"
            secret = "\(Self.other)"
            [[users]]
            name = "b"
            secrets = ["dd\(Self.key)"]
            [[users]]
            name = "c"
            secret = "dd\(Self.other)"
            [[users]]
            name = "d"
            secrets = []
            [[users]]
            name = "e"
            secrets = ["\(Self.other.replacing("f0", with: "99"))", "\(Self.other.replacing("f0", with: "99"))"]
            """
        #expect(
            try refusals(toml: toml) == [
                "martlet.toml:4: users.name: the name \"a\" is used twice",
                "martlet.toml:8: users.secrets: \"b\" has the same secret as \"a\"",
                "martlet.toml:11: users.secret: \"c\" has the same secret as \"a\"",
                "martlet.toml:14: users.secrets: is empty, so nobody could be \"d\"",
                "martlet.toml:17: users.secrets: \"e\" has one secret twice",
            ])
    }

    @Test(
        arguments: [
            ("quota_period = \"day\"", "users.quota_period: has no meaning without a quota"),
            ("quota_day = 1", "users.quota_day: has no meaning without a quota"),
            (
                "quota = \"1 GB\"\nquota_day = 1",
                "users.quota_day: \"1\" has no meaning without a quota that starts anew each week or month"
            ),
            (
                "quota = \"1 GB\"\nquota_period = \"day\"\nquota_day = 1",
                "users.quota_day: \"1\" has no meaning without a quota that starts anew each week or month"
            ),
            (
                "quota = \"1 GB\"\nquota_period = \"week\"\nquota_day = 8",
                "users.quota_day: \"8\" is no day of a week; expected 1 for Monday to 7 for Sunday"
            ),
        ])
    func `A quota's day needs its period`(lines: String, message: String) throws {
        let toml = "[[users]]\nname = \"a\"\nsecret = \"\(Self.key)\"\n\(lines)\n"
        let line = toml.split(separator: "\n").count
        #expect(try refusals(toml: toml) == ["martlet.toml:\(line): \(message)"])
    }

    @Test(
        arguments: [
            ("", .never), ("quota_period = \"none\"", .never), ("quota_period = \"day\"", .day),
            ("quota_period = \"week\"", .week(startingOn: 1)),
            ("quota_period = \"week\"\nquota_day = 7", .week(startingOn: 7)),
            ("quota_period = \"month\"", .month(startingOn: 1)),
            ("quota_period = \"month\"\nquota_day = 31", .month(startingOn: 31)),
        ] as [(String, QuotaPeriod)])
    func `A quota has its period`(lines: String, period: QuotaPeriod) throws {
        let toml = "[[users]]\nname = \"a\"\nsecret = \"\(Self.key)\"\nquota = 1000\n\(lines)\n"
        let loaded = try load(toml: toml)
        #expect(loaded.configuration.users.first?.quota == TrafficQuota(bytes: 1_000, period: period))
        let printer = ConfigurationPrinter(
            settings: loaded.settings, given: loaded.given, rows: loaded.rows, showsSecrets: true
        )
        #expect(try load(toml: printer.text()).configuration == loaded.configuration)
    }

    @Test(
        arguments: [
            ("2026-12-31", 1_798_761_600), ("\"2026-12-31\"", 1_798_761_600), ("2026-12-31T18:00:00Z", 1_798_740_000),
            ("2026-12-31T20:00:00+02:00", 1_798_740_000), ("2026-12-31T18:00:00", 1_798_740_000), ("\"never\"", nil),
        ] as [(String, Int64?)])
    func `A date may stand as TOML's own or as text`(value: String, moment: Int64?) throws {
        let toml = "[[users]]\nname = \"a\"\nsecret = \"\(Self.key)\"\nexpires = \(value)\n"
        #expect(try load(toml: toml).configuration.users.map(\.expires) == [moment])
    }

    @Test(arguments: ["18:00:00", "\"+30d\"", "1798761600", "true"])
    func `What is no date, or one that moves, is refused`(value: String) throws {
        let toml = "[[users]]\nname = \"a\"\nsecret = \"\(Self.key)\"\nexpires = \(value)\n"
        let messages = try refusals(toml: toml)
        #expect(messages.count == 1 && messages[0].hasPrefix("martlet.toml:4: users.expires: "), "\(messages)")
    }

    @Test
    func `A FakeTLS domain forms plain secrets of users, and no secret is made beside users`() throws {
        let toml = "[[users]]\nname = \"a\"\nsecrets = [\"\(Self.key)\", \"dd\(Self.other)\"]\n"
        let loaded = try load(flags: ["--fake-tls-domain", "a.example"], toml: toml)
        #expect(loaded.configuration.users.first?.secrets.map(\.kind) == [.fakeTLS(domain: "a.example"), .padded])
        #expect(loaded.declaresUsers)
        let (configuration, notes) = try loaded.withSecrets()
        #expect(configuration == loaded.configuration && notes.isEmpty)
        #expect(try !load().declaresUsers)
        #expect(try load(flags: ["--secret", Self.key]).declaresUsers)
    }

    @Test
    func `What has no effect is remarked upon`() throws {
        let user = "[[users]]\nname = \"a\"\nsecret = \"\(Self.key)\"\n"
        #expect(
            try load(toml: user + "address_window = \"5m\"\n").notes == [
                "martlet.toml:4: users.address_window has no effect without max_addresses"
            ])
        let tagged = user + "ad_tag = \"3f40462915a3e6026a4d790127b95ded\"\n"
        #expect(try load(toml: tagged).notes.isEmpty)
        let never = try load(flags: ["--middle-proxy", "never"], toml: tagged).notes
        #expect(never.count == 1 && never[0].contains("\"a\""))
    }

    @Test
    func `Thousands of users are read in one go`() throws {
        let toml = (0..<3_000).map { number in
            let digits = String(number, radix: 16)
            let secret = String(repeating: "0", count: 32 - digits.count) + digits
            return "[[users]]\nname = \"user\(number)\"\nsecret = \"\(secret)\"\nquota = \"1 GB\"\n"
        }
        #expect(try load(toml: toml.joined()).configuration.users.count == 3_000)
    }
}
