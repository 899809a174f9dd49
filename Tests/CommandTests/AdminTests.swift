import Foundation
import ProxyAdmin
import ProxyPolicy
import ProxyTestKit
import Testing

@testable import martlet

/// Metrics and health over HTTP, as an operator meets them.
@Suite(.timeLimit(.minutes(4))) struct AdminTests {
    private static let token = "0123456789abcdef0123456789abcdef"

    // MARK: Configuration

    @Test(arguments: ["0.0.0.0:8888", "[::]:8888", "10.0.0.1:8888", "[2001:db8::1]:8888"])
    func `A place that others can reach needs a token`(place: String) throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write(Self.token + "\n", to: "token")
        let refused = try refusals(toml: "[admin]\nlisten = \"\(place)\"\n")
        #expect(refused.count == 1 && refused[0].hasPrefix("martlet.toml:2: admin.listen: "), "\(refused)")
        #expect(refused[0].contains("admin.token_file"))
        let loaded = try load(toml: "[admin]\nlisten = \"\(place)\"\ntoken_file = \"\(file)\"\n")
        #expect(loaded.configuration.admin.place?.description == place)
    }

    @Test(arguments: ["127.0.0.1:8888", "127.1.2.3:0", "[::1]:8888", "localhost:8888", "unix:/run/martlet/admin.sock"])
    func `A place of this machine needs none`(place: String) throws {
        let loaded = try load(flags: ["--admin", place])
        #expect(loaded.configuration.admin.place != nil && loaded.configuration.admin.tokenFile == nil)
    }

    @Test func `It is off unless somebody wants it`() throws {
        #expect(try load().configuration.admin == ProxyConfiguration.Admin())
        #expect(try load(flags: ["--admin", "off"]).configuration.admin.place == nil)
        #expect(try load(flags: ["--admin-user-metrics"]).notes.contains { $0.contains("no effect") })
    }

    @Test(arguments: ["short", "", "with blanks in it 0123456789", "0123456789abcdef\n0123456789abcdef"])
    func `A file without a token is refused`(text: String) throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write(text, to: "token")
        let refused = try refusals(flags: ["--admin", "127.0.0.1:8888", "--admin-token-file", file])
        #expect(refused.count == 1 && refused[0].contains("holds no token"), "\(refused)")
        #expect(text.isEmpty || !refused[0].contains(text))
        let missing = try refusals(flags: ["--admin", "127.0.0.1:8888", "--admin-token-file", file + "x"])
        #expect(missing.count == 1 && missing[0].contains("cannot be read"))
    }

    @Test func `Clients and operators do not share a place`() throws {
        #expect(try refusals(flags: ["--port", "8888", "--admin", "127.0.0.1:8888"]).count == 1)
        #expect(try refusals(flags: ["--port", "0", "--admin", "127.0.0.1:0"]).isEmpty)
    }

    // MARK: The program

    private static let nowhere = [
        "--port", "0", "--dc-ip", "none", "--tcp-address", "none", "--no-cfproxy", "--pool-size", "0",
    ]

    private func start(_ directory: TemporaryDirectory, _ flags: [String]) async throws -> RunningProgram {
        let server = try RunningProgram(
            Program.path, ["run", "--state-dir", directory.path("state")] + Self.nowhere + flags, variables: [:])
        #expect(await server.says("admin place"), "\(server.saidOnErrors)")
        return server
    }

    private func place(_ server: RunningProgram) throws -> String {
        let match = server.saidOnErrors.firstMatch(of: /admin place.*on="?(127\.0\.0\.1:[0-9]+)/)
        return try #require(match.map { String($0.1) })
    }

    private func curl(_ arguments: [String]) async throws -> ProgramResult {
        try await run(
            "curl", ["--disable", "--silent", "--show-error", "--noproxy", "*", "--max-time", "60"] + arguments,
            variables: ["PATH": "/usr/bin:/bin:/usr/sbin:/sbin"])
    }

    @Test func `Prometheus' own tool finds nothing to complain about`() async throws {
        let directory = try TemporaryDirectory()
        let server = try await start(directory, ["--admin", "127.0.0.1:0", "--admin-user-metrics"])
        let metrics = try await curl(["http://\(try place(server))/metrics"])
        #expect(metrics.status == 0 && metrics.output.contains("martlet_build_info{version=\"\(Martlet.version)\"} 1"))
        #expect(metrics.output.contains("martlet_user_connections{user=\"default\"} 0"))
        let file = try directory.write(metrics.output, to: "metrics.txt")
        let verdict = try await run("sh", ["-c", "promtool check metrics < '\(file)'"], variables: [:])
        #expect(verdict.status == 0 && verdict.output.isEmpty && verdict.errors.isEmpty, "\(verdict)")
        server.terminate()
        #expect(await server.ended().status == 0)
    }

    @Test func `The documented rules and scrape configuration are sound`() async throws {
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/metrics.md")
        let parts = try String(contentsOf: page, encoding: .utf8).components(separatedBy: "```yaml\n").dropFirst()
            .compactMap { $0.components(separatedBy: "```").first }
        #expect(parts.count == 2)
        let directory = try TemporaryDirectory()
        let token = try directory.write(Self.token, to: "token")
        let scrape = parts[0].replacingOccurrences(of: "/etc/prometheus/martlet-token", with: token)
        let files = [
            try directory.write(scrape + "rule_files: [rules.yml]\n", to: "prometheus.yml"),
            try directory.write(parts[1], to: "rules.yml"),
        ]
        let verdict = try await run("promtool", ["check", "config", files[0]], variables: [:])
        #expect(verdict.status == 0 && verdict.output.contains("5 rules found"), "\(verdict)")
        // Each rule is about metrics that there are.
        for name in parts[1].matches(of: /martlet_[a-z_]+/).map({ String($0.output) }) {
            let base = name.replacingOccurrences(of: "_bucket", with: "")
            #expect(MetricCatalog.all.contains { $0.name == base }, "\(name)")
        }
    }

    @Test func `A health check asks the admin place`() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("admin.sock")
        let file = try directory.write(Self.token, to: "token")
        let flags = ["--admin", "unix:\(path)", "--admin-token-file", file]
        let before = try await Program.martlet(["healthcheck", "--state-dir", directory.path("state")] + flags)
        #expect(before.status == 1 && before.errors.contains("does not answer"), "\(before)")
        let server = try await start(directory, flags)
        let healthy = try await Program.martlet(["healthcheck"] + flags)
        #expect(healthy.status == 0 && healthy.output == "ok\n", "\(healthy)")
        // There is no route at all, so that nobody would be served.
        let ready = try await Program.martlet(["healthcheck", "--ready"] + flags)
        #expect(ready.status == 1 && ready.errors == "no route to data center 2 is configured\n", "\(ready)")
        let stranger = try await curl([
            "--unix-socket", path, "-o", "/dev/null", "-w", "%{http_code}", "http://x/healthz",
        ])
        #expect(stranger.output == "401")
        server.terminate()
        #expect(await server.ended().status == 0 && !FileManager.default.fileExists(atPath: path))
    }

    @Test func `Without an admin place a health check asks the control socket`() async throws {
        let directory = try TemporaryDirectory()
        let state = ["--state-dir", directory.path("state")]
        let before = try await Program.martlet(["healthcheck"] + state)
        #expect(before.status == 1 && before.errors.contains("no server runs"), "\(before)")
        let server = try RunningProgram(Program.path, ["run"] + state + Self.nowhere, variables: [:])
        #expect(await server.says("listening"))
        let healthy = try await Program.martlet(["healthcheck"] + state)
        #expect(healthy.status == 0 && healthy.output.contains("runs as process \(server.identifier)"), "\(healthy)")
        let ready = try await Program.martlet(["healthcheck", "--ready"] + state)
        #expect(ready.status == 1 && ready.errors.contains("needs admin.listen"))
        server.terminate()
        #expect(await server.ended().status == 0)
    }

    @Test func `Whoever has the place keeps it, and the proxy serves all the same until it is free`() async throws {
        let directory = try TemporaryDirectory()
        let first = try await start(directory, ["--admin", "127.0.0.1:0"])
        let place = try place(first)
        let other = try RunningProgram(
            Program.path,
            ["run", "--state-dir", directory.path("other"), "--admin", place] + Self.nowhere, variables: [:])
        #expect(await other.says("nobody can ask on the admin place yet"))
        #expect(await other.says("listening"))
        first.terminate()
        #expect(await first.ended().status == 0)
        #expect(await other.says("admin place on"))
        #expect(try await curl(["http://\(place)/healthz"]).output == "ok\n")
        other.terminate()
        #expect(await other.ended().status == 0)
    }

    // MARK: From another machine

    #if os(Linux)
        @Test(.enabled(if: getuid() == 0, "network namespaces need root"))
        func `From another machine nobody reaches loopback, and an address only with the token`() async throws {
            let directory = try TemporaryDirectory()
            let network = try await TwoNamespaces()
            defer { network.remove() }
            let file = try directory.write(Self.token, to: "token")
            func start(_ place: String, _ name: String) async throws -> RunningProgram {
                let flags = ["--admin", place, "--admin-token-file", file, "--state-dir", directory.path(name)]
                let server = try RunningProgram(
                    "ip", ["netns", "exec", network.server, Program.path, "run"] + flags + Self.nowhere, variables: [:])
                #expect(await server.says("admin place"), "\(server.saidOnErrors)")
                return server
            }
            func ask(_ extra: [String] = []) async throws -> ProgramResult {
                try await run(
                    "ip",
                    [
                        "netns", "exec", network.client, "curl", "--disable", "--silent", "--noproxy", "*",
                        "--max-time", "30", "-o", "/dev/null", "-w", "%{http_code}",
                    ] + extra + ["http://10.203.0.1:8888/healthz"], variables: [:])
            }
            let hidden = try await start("127.0.0.1:8888", "hidden")
            // 7: nobody listens there.
            #expect(try await ask().status == 7)
            hidden.terminate()
            _ = await hidden.ended()

            let open = try await start("10.203.0.1:8888", "open")
            #expect(try await ask().output == "401")
            #expect(try await ask(["-H", "Authorization: Bearer \(Self.token)0"]).output == "401")
            #expect(try await ask(["-H", "Authorization: Bearer \(Self.token)"]).output == "200")
            open.terminate()
            _ = await open.ended()
        }

        /// Two machines on one cable.
        private struct TwoNamespaces {
            let server = "martlet-a\(getpid())"
            let client = "martlet-b\(getpid())"

            init() async throws {
                let cable = "ve\(getpid())"
                let commands = [
                    "netns add \(server)", "netns add \(client)",
                    "-n \(server) link add \(cable) type veth peer name eth0 netns \(client)",
                    "-n \(server) address add 10.203.0.1/24 dev \(cable)", "-n \(server) link set \(cable) up",
                    "-n \(server) link set lo up", "-n \(client) address add 10.203.0.2/24 dev eth0",
                    "-n \(client) link set eth0 up",
                ]
                for command in commands {
                    let result = try await run("ip", command.split(separator: " ").map(String.init), variables: [:])
                    guard result.status == 0 else {
                        remove()
                        throw KitError.command("ip \(command): \(result.errors)")
                    }
                }
            }

            func remove() {
                for name in [server, client] { _ = try? ChildProcess(["ip", "netns", "delete", name]).waitUntilExit() }
            }
        }
    #endif
}
