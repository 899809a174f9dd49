import Foundation
import ProxyStore
import ProxyTestKit
import Testing

@testable import martlet

/// `martlet users` by the built program on the database of a stopped server.
@Suite
struct UsersCommandTests {
    private static let key = "000102030405060708090a0b0c0d0e0f"
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func users(_ arguments: String...) async throws -> ProgramResult {
        try await Program.martlet(["users"] + arguments, variables: ["XDG_STATE_HOME": directory.url.path])
    }

    /// The standard output of a command that has to succeed.
    private func output(_ arguments: String...) async throws -> String {
        let result = try await Program.martlet(["users"] + arguments, variables: ["XDG_STATE_HOME": directory.url.path])
        #expect(result.status == 0, "\(result.errors)")
        return result.output
    }

    private func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    private func list(_ text: String) throws -> [[String: Any]] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
    }

    private func userPart(_ report: [String: Any]) throws -> [String: Any] {
        try #require(report["user"] as? [String: Any])
    }

    @Test
    func `Without users nothing is made`() async throws {
        let result = try await users("list")
        #expect(result.status == 0 && result.output.isEmpty && result.errors.contains("martlet users add NAME"))
        #expect(try await output("list", "--json") == "[]\n")
        #expect(try await users("set", "nobody", "--dd").status == 64)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.url.path).isEmpty)
    }

    @Test
    func `A new user gets a secret and links, which show says again`() async throws {
        let added = try await output("add", "anna")
        #expect(added.contains(/tg:\/\/proxy\?server=127\.0\.0\.1&port=1443&secret=dd[0-9a-f]{32}\n/))
        #expect(try await output("show", "anna") == added)
        let shown = try await json(output("show", "anna", "--json"))
        let link = try #require((shown["links"] as? [[String: Any]])?.first?["tg"] as? String)
        #expect(added.contains(link))
        #expect(shown["state"] as? String == "active" && shown["origin"] as? String == "managed")
        let table = try await output("list")
        #expect(table.contains("anna") && !table.contains(link.suffix(32)))
        #expect(try await output("list", "--secrets").contains(link.suffix(32)))
        #expect(!(try await output("list", "--json").contains(link.suffix(32))))
        #expect(try await output("list", "--json", "--secrets").contains(link.suffix(32)))
    }

    @Test
    func `Every flag arrives, and none takes it away`() async throws {
        let before = Int64(Date().timeIntervalSince1970)
        _ = try await output(
            "add", "anna", "--secret", Self.key, "--domain", "www.example.com", "--dd", "--ad-tag",
            "3f40462915a3e6026a4d790127b95ded", "--expires", "+30d", "--max-connections", "10", "--max-addresses",
            "2", "--address-window", "2h", "--quota", "1.5 GB", "--quota-period", "month", "--quota-day", "31",
            "--rate-up", "2MB/s", "--rate-down", "10Mbit/s", "--allow", "10.0.0.0/8", "--allow", "2001:db8::/32",
            "--refuse", "10.1.0.0/16", "--disabled", "--note", "my aunt")
        var user = try await userPart(json(output("show", "anna", "--json")))
        let secrets = try #require(user["secrets"] as? [String])
        #expect(secrets.count == 3 && secrets[0] == Self.key)
        #expect(secrets[1].hasSuffix("7777772e6578616d706c652e636f6d") && secrets[2].hasPrefix("dd"))
        let numbers: [String: Int64] = [
            "max_connections": 10, "max_addresses": 2, "address_window": 7_200, "rate_up": 2_000_000,
            "rate_down": 1_250_000,
        ]
        for (key, number) in numbers { #expect((user[key] as? NSNumber)?.int64Value == number, "\(key)") }
        let expires = try #require((user["expires"] as? NSNumber)?.int64Value)
        #expect((before + 30 * 86_400...before + 30 * 86_400 + 60).contains(expires))
        let quota = try #require(user["quota"] as? [String: Any])
        #expect(quota["bytes"] as? Int == 1_500_000_000 && quota["period"] as? String == "month")
        #expect(quota["day"] as? Int == 31 && user["enabled"] as? Bool == false)
        #expect(user["allow"] as? [String] == ["10.0.0.0/8", "2001:db8::/32"])
        #expect(user["refuse"] as? [String] == ["10.1.0.0/16"] && user["note"] as? String == "my aunt")
        #expect(try await output("list").contains("disabled"))

        let absences = [
            "--ad-tag", "--expires", "--max-connections", "--max-addresses", "--address-window", "--quota",
            "--rate-up", "--rate-down", "--allow", "--refuse",
        ].flatMap { [$0, "none"] }
        let result = try await Program.martlet(
            ["users", "set", "anna", "--enabled", "--note", ""] + absences,
            variables: ["XDG_STATE_HOME": directory.url.path])
        #expect(result.status == 0, "\(result.errors)")
        user = try await userPart(json(output("show", "anna", "--json")))
        for key in ["ad_tag", "expires", "max_connections", "max_addresses", "quota", "rate_up", "rate_down"] {
            #expect(user[key] is NSNull, "\(key)")
        }
        #expect(user["address_window"] as? Int == 3_600 && user["enabled"] as? Bool == true)
        #expect((user["allow"] as? [String])?.isEmpty == true && user["note"] as? String == "")
        #expect(user["secrets"] as? [String] == secrets)
    }

    @Test
    func `Secrets are replaced or added to`() async throws {
        _ = try await output("add", "anna", "--secret", Self.key)
        let both = try await userPart(json(output("set", "anna", "--dd", "--keep-secrets", "--json")))
        #expect((both["secrets"] as? [String])?.count == 2)
        let new = try await userPart(json(output("set", "anna", "--domain", "a.example", "--json")))
        #expect((new["secrets"] as? [String])?.count == 1)
    }

    @Test(
        arguments: [
            (["add", "a b"], "letters, digits"), (["add", "anna", "--secret", "zz"], "--secret"),
            (["add", "anna", "--domain", "no site"], "--domain"), (["add", "anna", "--quota", "50XB"], "50 GB"),
            (["add", "anna", "--rate-up", "fast"], "2 MB/s"), (["add", "anna", "--expires", "soon"], "2026-12-31"),
            (["add", "anna", "--max-addresses", "0"], "1 to"), (["add", "anna", "--allow", "home"], "ADDRESS"),
            (["add", "anna", "--quota-period", "month"], "how much"),
            (["add", "anna", "--quota", "1GB", "--quota-period", "day", "--quota-day", "3"], "day is 1 to 7"),
            (["add", "anna", "--qouta", "1GB"], "--quota"), (["add", "anna", "--enabled", "--disabled"], "--disabled"),
            (["add"], "NAME"), (["set", "nobody", "--dd"], "users list"), (["set", "nobody"], "nothing"),
            (["show", "nobody"], "users list"), (["remove", "nobody"], "users list"), (["reset-quota"], "--all"),
            (["reset-quota", "nobody"], "users list"), (["import", "/nonexistent"], "/nonexistent"),
            (["import", "/dev/null"], "JSON"), (["frobnicate"], "frobnicate"),
        ] as [([String], String)])
    func `What is wrong is refused with status 64 and what to do`(arguments: [String], message: String) async throws {
        let result = try await Program.martlet(["users"] + arguments, variables: ["XDG_STATE_HOME": directory.url.path])
        #expect(result.status == 64)
        #expect(result.errors.contains(message), "\(result.errors)")
        #expect(result.output.isEmpty)
    }

    @Test
    func `All mistakes of a command are told at once, and no secret with them`() async throws {
        let result = try await users("add", "anna", "--quota", "x", "--rate-up", "y", "--secret", "dd0011223344")
        #expect(result.status == 64)
        #expect(result.errors.split(separator: "\n").count == 3 && !result.errors.contains("0011223344"))
    }

    @Test
    func `Errors are JSON as well when that is asked for`() async throws {
        let result = try await users("show", "nobody", "--json")
        #expect(result.status == 64 && result.errors.contains("nobody"))
        let error = try #require(json(result.output)["error"] as? [String: Any])
        #expect(error["code"] as? String == "not_found")
        #expect(error["hint"] as? String == "`martlet users list` shows all")
    }

    @Test
    func `Users are removed, and their quota is reset`() async throws {
        for name in ["anna", "bob", "carol"] { _ = try await output("add", name) }
        #expect(try await users("add", "anna").errors.contains("exists already"))
        #expect(try await output("reset-quota", "--all") == "reset the quota of all users\n")
        let reset = try await json(output("reset-quota", "anna", "bob", "--json"))
        #expect(reset["ok"] as? Bool == true)
        #expect(try await output("remove", "anna", "bob", "--now") == "removed anna, bob\n")
        let names = try await list(output("list", "--json")).map { try userPart($0)["name"] as? String }
        #expect(names == ["carol"])
        #expect(try await users("remove", "carol", "anna").status == 64)
        #expect(try await list(output("list", "--json")).count == 1)
    }

    @Test
    func `What is exported is imported again, by the rule that is asked for`() async throws {
        _ = try await output("add", "anna", "--quota", "5GB", "--note", "one")
        _ = try await output("add", "bob", "--domain", "a.example")
        let file = directory.path("users.json")
        let exported = try await users("export", file)
        #expect(exported.status == 0 && exported.output.isEmpty && exported.errors.contains("2 users"))
        let attributes = try FileManager.default.attributesOfItem(atPath: file)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        let text = try String(contentsOfFile: file, encoding: .utf8)
        #expect(try await output("export") == text)
        let before = try await output("list", "--json", "--secrets")

        let refused = try await users("import", file)
        #expect(refused.status == 64 && refused.errors.contains("--replace, --skip or --merge"))
        #expect(try await output("import", file, "--skip") == "0 added, 0 changed, 2 skipped\n")
        _ = try await output("set", "anna", "--note", "two")
        _ = try await output("remove", "bob")
        #expect(
            try await output("import", file, "--replace", "--json") == "{\"added\":1,\"changed\":1,\"skipped\":0}\n")
        #expect(try await output("list", "--json", "--secrets") == before)
        let change = try directory.write(#"[{"name":"anna","rate_up":9000,"note":null}]"#, to: "change.json")
        #expect(try await output("import", change, "--merge") == "0 added, 1 changed, 0 skipped\n")
        let anna = try await userPart(json(output("show", "anna", "--json")))
        #expect(anna["rate_up"] as? Int == 9_000 && anna["note"] as? String == "")
        #expect((anna["quota"] as? [String: Any])?["bytes"] as? Int == 5_000_000_000)
    }

    @Test(
        arguments: [
            (#"[{"name":"x","secrets":["\#(key)"],"max_conections":3}]"#, "[0].max_conections"),
            (#"[{"name":"x","secrets":["\#(key)"]},{"name":"y","secrets":["\#(key)"]}]"#, "secret"),
            (#"[{"name":"x","secrets":["\#(key)"]},{"name":"y"}]"#, "no secret"),
            (#"{"name":"x"}"#, "users import"), ("[{]", "JSON"),
        ])
    func `A file with one mistake imports nobody`(text: String, message: String) async throws {
        let result = try await users("import", try directory.write(text, to: "users.json"))
        #expect(result.status == 64)
        #expect(result.errors.contains(message) && !result.errors.contains(Self.key), "\(result.errors)")
        #expect(try await output("list", "--json") == "[]\n")
    }

    @Test
    func `Declared users and the state directory come from the configuration`() async throws {
        let file = try directory.write(
            """
            state_dir = "kept"
            [listen]
            port = 2443
            [link]
            server = "proxy.example.com"
            [secrets]
            family = "\(Self.key)"
            [[users]]
            name = "boss"
            secret = "101112131415161718191a1b1c1d1e1f"
            """, to: "martlet.toml")
        #expect(try await output("add", "anna", "--config", file).contains("server=proxy.example.com&port=2443"))
        #expect(FileManager.default.fileExists(atPath: directory.path("kept/martlet.db")))
        let names = try await list(output("list", "--json", "--config", file)).map {
            try userPart($0)["name"] as? String
        }
        #expect(names == ["family", "boss", "anna"])
        for arguments in [["set", "boss", "--disabled"], ["remove", "family"]] {
            let result = try await Program.martlet(
                ["users"] + arguments + ["--config", file], variables: ["XDG_STATE_HOME": directory.url.path])
            #expect(result.status == 64 && result.errors.contains("is declared in \(file)"), "\(result.errors)")
        }
        #expect(try await users("list", "--config", "/nonexistent.toml").status == 64)
        let wrong = try directory.write("port = true", to: "wrong.toml")
        #expect(try await users("list", "--config", wrong).status == 78)
    }

    @Test
    func `A domain in the configuration makes new secrets FakeTLS ones`() async throws {
        let file = try directory.write("[listen]\nfake_tls_domain = \"a.example\"\n", to: "martlet.toml")
        let result = try await Program.martlet(
            ["users", "add", "anna"],
            variables: ["XDG_STATE_HOME": directory.url.path, "MARTLET_FAKE_TLS_DOMAIN": "a.example"])
        #expect(result.output.contains(/secret=ee[0-9a-f]{32}612e6578616d706c65/), "\(result.errors) \(file)")
    }

    @Test
    func `Trouble with the state directory has status 73, a database in use 69`() async throws {
        let unusable = try await users("add", "anna", "--state-dir", "/proc/martlet")
        #expect(unusable.status == 73 && unusable.errors.contains("--state-dir"))
        let state = directory.path("martlet")
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        try "this is no database but some text".write(
            toFile: "\(state)/martlet.db", atomically: true, encoding: .utf8)
        let damaged = try await users("list")
        #expect(damaged.status == 73 && damaged.errors.contains("damaged"), "\(damaged.errors)")
        let other = directory.path("other")
        let store = try UserStore(directory: other)
        let used = try await users("list", "--state-dir", other)
        #expect(used.status == 69 && used.errors.contains("process \(getpid())"), "\(used.errors)")
        withExtendedLifetime(store) {}
    }

    @Test
    func `Many commands at once all succeed`() async throws {
        let path = directory.url.path
        let programs = try (0..<8).map {
            try RunningProgram(
                Program.path, ["users", "add", "user\($0)"], variables: ["XDG_STATE_HOME": path])
        }
        for program in programs {
            let result = await program.ended()
            #expect(result.status == 0, "\(result.errors)")
        }
        #expect(try await list(output("list", "--json")).count == 8)
    }

    @Test
    func `Help has examples everywhere`() async throws {
        let verbs = ["list", "show", "add", "set", "remove", "reset-quota", "import", "export"]
        for verb in verbs {
            #expect(try await Program.martlet(["help", "users", verb]).output.contains("EXAMPLES:"), "\(verb)")
        }
        let help = try await Program.martlet(["help", "users"]).output
        #expect(help.contains("EXIT CODES") && verbs.allSatisfy { help.contains($0) })
    }
}
