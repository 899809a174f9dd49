import Foundation
import Testing

@testable import martlet

/// The built program, as people start it.
@Suite
struct ProgramTests {
    private static let key = "000102030405060708090a0b0c0d0e0f"

    /// The lines of `config print` that are no comments.
    private func printed(_ arguments: [String], variables: [String: String] = [:]) async throws -> [String] {
        let result = try await Program.martlet(["config", "print"] + arguments, variables: variables)
        try #require(result.status == 0, "\(result.errors)")
        return result.output.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") && !$0.hasPrefix("[") }
    }

    @Test(
        arguments: [
            (["--port", "2443"], ["port = 2443"]),
            (["--host", "0.0.0.0"], ["host = \"0.0.0.0\""]),
            (["--host", "localhost"], ["host = \"127.0.0.1\""]),
            (["--secret", key, "--show-secrets"], ["\"default\" = \"\(key)\""]),
            (
                ["--dc-ip", "2:149.154.167.220", "--dc-ip", "4:149.154.167.220"],
                ["dc_ip = [\"2:149.154.167.220\", \"4:149.154.167.220\"]"]
            ),
            (
                ["--dc-ip", "2:149.154.167.220,4:1.2.3.4 5:1.2.3.5"],
                ["dc_ip = [\"2:149.154.167.220\", \"4:1.2.3.4\", \"5:1.2.3.5\"]"]
            ),
            (["--dc-ip", "none"], ["dc_ip = []"]),
            (["--dc-ip", "0:0"], ["dc_ip = []"]),
            (["-v"], ["level = \"debug\""]),
            (["--verbose"], ["level = \"debug\""]),
            (["--log-file", "/tmp/m.log"], ["file = \"/tmp/m.log\""]),
            (["--log-max-mb", "2.5"], ["max_mb = 2.5"]),
            (["--log-max-mb", "0"], ["max_mb = 0.03125"]),
            (["--log-backups", "3"], ["backups = 3"]),
            (["--log-backups", "0"], ["backups = 1"]),
            (["--buf-kb", "256"], ["buffer_kb = 256"]),
            (["--buf-kb", "1"], ["buffer_kb = 4"]),
            (["--pool-size", "4"], ["size = 4"]),
            (["--pool-size=-3"], ["size = 0"]),
            (
                ["--cfproxy-domain", "https://Mine.example/", "--cfproxy-domain", "other.example; mine.EXAMPLE"],
                ["domains = [\"mine.example\", \"other.example\"]"]
            ),
            (
                ["--cfproxy-worker-domain", "a.workers.dev,b.workers.dev"],
                ["workers = [\"a.workers.dev\", \"b.workers.dev\"]"]
            ),
            (["--no-cfproxy"], ["enabled = false"]),
            (["--fake-tls-domain", "www.example.com"], ["fake_tls_domain = \"www.example.com\""]),
            (["--force-test-dc"], ["force_test_dc = true"]),
            (["--proxy-protocol"], ["proxy_protocol = true"]),
        ] as [([String], [String])])
    func `Every flag of tg-ws-proxy works under its name`(arguments: [String], lines: [String]) async throws {
        #expect(try await printed(arguments) == lines)
    }

    @Test
    func `All flags of tg-ws-proxy work together, without a command`() async throws {
        let flags = [
            "--port", "0", "--host", "127.0.0.1", "--secret", Self.key, "--dc-ip", "2:149.154.167.220", "-v",
            "--log-max-mb", "5", "--log-backups", "1", "--buf-kb", "256", "--pool-size", "0", "--cfproxy-domain",
            "a.example",
            "--cfproxy-worker-domain", "w.example", "--no-cfproxy", "--fake-tls-domain", "www.example.com",
            "--force-test-dc", "--proxy-protocol",
        ]
        let result = try await Program.martlet(["config", "check"] + flags)
        #expect(result.status == 0 && result.output == "The configuration is valid.\n")
    }

    @Test(
        arguments: [
            (["--secret", "00112233445566778899aabbccddee  "], "wrong length"),
            (["--secret", "00 112233445566778899aabbccddeeff"], "contains a blank"),
            (["--dc-ip", "2:149.154.167.220 junk"], "names no data center"),
            (["--dc-ip", "2:127.1"], "is not an IP address"),
            (["--dc-ip", "-1:149.154.167.220"], "dc-ip"),
            (["--port", "70000"], "is out of range"),
            (["--host", "no.such.name"], "is not an IP address"),
            (["--prot", "1"], "did you mean --port?"),
            (["lnik"], "did you mean martlet link?"),
            (["--fake-tls-domain", "exämple.com"], "outside ASCII"),
        ] as [([String], String)])
    func `A wrong flag is refused with status 64`(arguments: [String], message: String) async throws {
        let result = try await Program.martlet(["run"] + arguments)
        #expect(result.status == 64)
        #expect(result.errors.contains(message), "\(result.errors)")
        #expect(!result.errors.contains("112233445566"))
    }

    @Test
    func `A wrong file is refused with status 78 and its lines`() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/martlet.toml"
            try "[listen]\nport = 99999\n\n[pool]\nsise = 1\n".write(toFile: path, atomically: true, encoding: .utf8)
            let result = try await Program.martlet(["config", "check", "--config", path])
            #expect(result.status == 78 && result.output.isEmpty)
            #expect(
                result.errors == """
                    \(path):5: pool.sise: is not a key of martlet; did you mean pool.size?
                    \(path):2: listen.port: "99999" is out of range; expected a number from 0 to 65535

                    """)
        }
    }

    @Test
    func `Help and version say what there is`() async throws {
        #expect(try await Program.martlet(["--version"]).output == "\(Martlet.version)\n")
        let help = try await Program.martlet(["help", "run"]).output
        for option in OptionTable.all {
            #expect(help.contains("--\(option.flag)"), "\(option.flag)")
            #expect(help.replacing("\n", with: " ").contains(option.variable))
        }
        #expect(try await Program.martlet(["--help"]).output.contains("EXAMPLES"))
    }

    @Test
    func `New secrets come in every form and differ`() async throws {
        let padded = try await Program.martlet(["secret", "new"]).output
        #expect(padded.wholeMatch(of: /dd[0-9a-f]{32}\n/) != nil)
        #expect(try await Program.martlet(["secret", "new"]).output != padded)
        #expect(try await Program.martlet(["secret", "new", "--plain"]).output.wholeMatch(of: /[0-9a-f]{32}\n/) != nil)
        let masked = try await Program.martlet(["secret", "new", "--fake-tls-domain", "a.example"]).output
        #expect(masked.wholeMatch(of: /ee[0-9a-f]{32}612e6578616d706c65\n/) != nil)
        #expect(try await Program.martlet(["secret", "new", "--fake-tls-domain", "a b"]).status == 64)
        #expect(try await Program.martlet(["secret", "new", "--plain", "--fake-tls-domain", "a.example"]).status == 64)
    }

    @Test
    func `The link is the same each time and on stdout alone`() async throws {
        try await withTemporaryDirectory { directory in
            let variables = ["XDG_STATE_HOME": directory]
            let first = try await Program.martlet(["link"], variables: variables)
            let second = try await Program.martlet(["link"], variables: variables)
            #expect(first.status == 0 && first.output == second.output)
            #expect(first.output.contains("tg://proxy?server=127.0.0.1&port=1443&secret=dd"))
            #expect(first.errors.contains("a new secret was made") && second.errors.isEmpty)
            let secret = try String(contentsOfFile: "\(directory)/martlet/secret", encoding: .utf8)
                .trimmingCharacters(in: .newlines)
            #expect(first.output.contains(secret) && !first.errors.contains(secret))
            let masked = try await Program.martlet(["link", "--fake-tls-domain", "a.example"], variables: variables)
            #expect(masked.output.contains("secret=ee\(secret)612e6578616d706c65"))
            #expect(try await Program.martlet(["link", "--qr"], variables: variables).output.contains("▀"))
        }
    }

    @Test
    func `Links of chosen users are printed, and no secret is made beside users`() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/martlet.toml"
            let toml = """
                [[users]]
                name = "alice"
                secret = "\(Self.key)"
                [[users]]
                name = "bob"
                secret = "\(Self.key.replacing("00", with: "ff"))"
                """
            try toml.write(toFile: path, atomically: true, encoding: .utf8)
            let variables = ["MARTLET_CONFIG": path, "XDG_STATE_HOME": directory]
            let all = try await Program.martlet(["link"], variables: variables)
            #expect(all.status == 0 && all.errors.isEmpty)
            #expect(all.output.contains("Links of \"alice\":") && all.output.contains("Links of \"bob\":"))
            let one = try await Program.martlet(["link", "bob", "--port", "8443"], variables: variables)
            #expect(one.output.contains("port=8443&secret=ddff") && !one.output.contains(Self.key))
            let json = try await Program.martlet(["link", "--json", "bob", "alice"], variables: variables)
            #expect(json.output.contains("\"name\":\"alice\"") && json.output.contains("\"name\":\"bob\""))
            let wrong = try await Program.martlet(["link", "alcie", "--prot", "1"], variables: variables)
            #expect(wrong.status == 64 && wrong.errors.contains("did you mean --port?"))
            let unknown = try await Program.martlet(["link", "alcie"], variables: variables)
            #expect(unknown.status == 64 && unknown.output.isEmpty)
            #expect(unknown.errors == "\"alcie\" is no secret or user of the configuration; did you mean alice?\n")
            #expect(!FileManager.default.fileExists(atPath: "\(directory)/martlet"))
            let shown = try await Program.martlet(["config", "print", "--show-secrets"], variables: variables).output
            #expect(shown.contains("\n[[users]]\nname = \"alice\"\nsecret = \"\(Self.key)\"\n\n[[users]]\n"))
            #expect(try await Program.martlet(["config", "check"], variables: variables).status == 0)
        }
    }

    @Test
    func `Trouble with the state directory has status 73 and a way out`() async throws {
        let result = try await Program.martlet(["run", "--state-dir", "/proc/martlet"])
        #expect(result.status == 73)
        #expect(result.errors.contains("--state-dir"))
        let log = try await Program.martlet(["run", "--secret", Self.key, "--log-file", "/nonexistent/m.log"])
        #expect(log.status == 73 && log.errors.contains("/nonexistent/m.log"))
    }
}

/// `martlet run`, from start to stop, on sockets of this machine.
@Suite
struct RunningProgramTests {
    private static let quiet = ["--pool-size", "0", "--no-cfproxy", "--dc-ip", "none", "--tcp-address", "none"]

    private func start(_ arguments: [String], _ directory: String) throws -> RunningProgram {
        try RunningProgram(
            Program.path, ["run", "--port", "0"] + Self.quiet + arguments, variables: ["XDG_STATE_HOME": directory])
    }

    @Test
    func `It serves until it is told to stop, and shows no secret in its log`() async throws {
        try await withTemporaryDirectory { directory in
            let program = try start(["-v"], directory)
            try #require(await program.says("run `martlet link`"), "\(program.saidOnErrors)")
            program.terminate()
            let result = await program.ended()
            #expect(result.status == 0)
            #expect(result.output.isEmpty)
            let secret = try String(contentsOfFile: "\(directory)/martlet/secret", encoding: .utf8)
                .trimmingCharacters(in: .newlines)
            #expect(secret.count == 32 && !result.errors.contains(secret))
        }
    }

    @Test
    func `It prints the link when asked, and logs to a file as JSON`() async throws {
        try await withTemporaryDirectory { directory in
            let file = "\(directory)/m.log"
            let program = try start(["--print-link", "--log-format", "json", "--log-file", file], directory)
            try #require(await program.shows("Routes to Telegram:"))
            program.terminate()
            let result = await program.ended()
            #expect(result.status == 0 && result.output.contains("tg://proxy?server=127.0.0.1&port="))
            let log = try String(contentsOfFile: file, encoding: .utf8)
            #expect(log == result.errors && !log.isEmpty)
            for line in log.split(separator: "\n") {
                #expect(try JSONSerialization.jsonObject(with: Data(line.utf8)) is [String: Any])
            }
        }
    }

    @Test
    func `An address in use has status 69 and a hint`() async throws {
        try await withTemporaryDirectory { directory in
            let first = try start(["--print-link"], directory)
            try #require(await first.shows("Martlet is ready on"))
            try #require(await first.shows("Routes to Telegram:"))
            first.terminate()
            let ready = await first.ended().output
            let port = try #require(ready.firstMatch(of: /port=([0-9]+)/)?.1)
            let taken = try Listening(port: #require(UInt16(port)))
            defer { taken.close() }
            let second = try RunningProgram(
                Program.path, ["run", "--port", "\(port)"] + Self.quiet, variables: ["XDG_STATE_HOME": directory]
            )
            let result = await second.ended()
            #expect(result.status == 69)
            #expect(result.errors.contains("127.0.0.1:\(port)"), "\(result.errors)")
        }
    }
}

/// A listening socket of the tests.
private struct Listening {
    let socket: Int32

    init(port: UInt16) throws {
        #if canImport(Glibc)
            socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            socket = Foundation.socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(result == 0 && listen(socket, 1) == 0)
    }

    func close() { _ = Foundation.close(socket) }
}
