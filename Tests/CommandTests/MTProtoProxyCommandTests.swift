import Foundation
import MTProtoWire
import ProxyPolicy
import ProxySwitching
import ProxyTestKit
import Testing

@testable import martlet

/// `martlet mtproto-proxy`: MTProxy's options with their meaning.
@Suite(.timeLimit(.minutes(5))) struct MTProtoProxyCommandTests {
    private static let key = "000102030405060708090a0b0c0d0e0f"
    private static let tag = "3f40462915a3e6026a4d790127b95ded"

    /// The configuration that a command line gives, with the kit's files in place.
    private func configuration(
        _ arguments: [String], change: (inout MTProxyCommand.Surroundings) -> Void = { _ in }
    ) throws -> (ProxyConfiguration, MTProxyCommand) {
        let directory = try TemporaryDirectory()
        for name in ["proxy-multi.conf", "proxy-secret", "secret"] { try directory.write("", to: name) }
        var surroundings = MTProxyCommand.Surroundings(directory: directory.url.path)
        change(&surroundings)
        let command = try #require(try MTProxyCommand.read(arguments + ["proxy-multi.conf"], in: surroundings))
        let host = HostEnvironment(
            variables: ["MARTLET_PORT": "1"], workingDirectory: directory.url.path, accountHome: "/home/x")
        let loaded = try MTProtoProxyCommand.loader(command.translation.toml, host: host).load()
        return (loaded.configuration, command)
    }

    @Test func `Everything has its meaning`() throws {
        let (configuration, command) = try configuration([
            "-u", "nobody", "-p", "8888", "--http-stats", "-H", "2443,2444", "-S", Self.key, "-P", Self.tag, "-M", "4",
            "-C", "1000", "-c", "5000", "-W", "65536", "--aes-pwd", "proxy-secret", "--nat-info",
            "10.0.0.5:203.0.113.5", "--address", "127.0.0.1", "-l", "/tmp/m.log", "-v", "--max-accept-rate", "300",
            "--msg-buffers-size", "512m",
        ])
        #expect(command.warnings.count == 1 && command.warnings[0].hasPrefix("--address"))
        #expect(configuration.user == "nobody")
        #expect(configuration.admin.place?.description == "127.0.0.1:8888")
        #expect(configuration.places.map(\.description) == ["127.0.0.1:2443", "127.0.0.1:2444"])
        #expect(configuration.secrets.map(\.secret.text) == [Self.key])
        #expect(configuration.middleProxy.adTag?.text == Self.tag && configuration.middleProxy.use == .always)
        #expect(configuration.listen.threads == 4 && configuration.limits.connections == 4_000)
        #expect(configuration.allListeners.allSatisfy { $0.socket.windowClampBytes == 65_536 })
        #expect(configuration.allListeners.allSatisfy { $0.transports == [.padded, .obfuscated2] })
        #expect(configuration.middleProxy.secretFile?.hasSuffix("/proxy-secret") == true)
        #expect(configuration.middleProxy.configFile?.hasSuffix("/proxy-multi.conf") == true)
        #expect(configuration.middleProxy.natRules.count == 1)
        #expect(configuration.log.file == "/tmp/m.log" && configuration.log.level == .debug)
        #expect(configuration.limits.acceptsPerSecond == 300 && configuration.limits.memoryBytes == 512 << 20)
        // There is no other way than middle proxies.
        #expect(!configuration.routes.usesWebSocket && !configuration.routes.usesTCP && configuration.pool.size == 0)
        #expect(!configuration.routes.usesCloudflareDomains && configuration.routes.workers.isEmpty)
    }

    @Test func `Ways in follow secrets and domains`() throws {
        let open = try configuration(["-H", "2443"]).0
        #expect(open.listen.transports == .open && open.secrets.isEmpty && open.listen.host.isUnspecified)
        #expect(open.listen.socket.windowClampBytes == 131_072)
        #expect(open.middleProxy.secretFile == nil)
        #expect(
            try configuration(["-H", "2443"]) { $0.hasSecretFile = true }.0.middleProxy.secretFile?.hasSuffix("/secret")
                == true)
        #expect(try configuration(["-H", "2443", "-S", Self.key, "-R"]).0.listen.transports == .padded)
        let masked = try configuration(["-6", "-H", "2443", "-S", Self.key, "-D", "a.example", "-D", "b.example"]).0
        #expect(masked.listen.transports == .fakeTLS && masked.mask.host == "a.example")
        #expect(masked.secrets.first?.secret.kind == .fakeTLS(domain: "a.example"))
        #expect(masked.listen.host.description == "::" && masked.listen.socket.windowClampBytes == nil)
    }

    @Test func `A process that leaves its terminal writes to its log alone`() throws {
        let (configuration, command) = try configuration(["-H", "2443", "-d", "-l", "m.log"])
        #expect(command.daemonizes && command.daemonLog?.hasSuffix("/m.log") == true && configuration.log.file == nil)
        #expect(try !self.configuration(["-H", "2443", "-d0"]).1.daemonizes)
        #expect(try self.configuration(["-H", "2443", "-d"]).1.daemonLog == nil)
        let root = try self.configuration(["-H", "2443"]) {
            $0.defaultUser = "mtproxy"
            $0.stateDirectory = { "/var/lib/martlet/mtproto-proxy-\($0)" }
        }.0
        #expect(root.user == "mtproxy" && root.stateDirectory == "/var/lib/martlet/mtproto-proxy-2443")
    }

    @Test func `What does nothing is taken with one warning each`() throws {
        let idle = [
            "-T", "5", "-b", "100", "--nice", "5", "--disable-tcp", "--cpu-threads", "8", "--io-threads", "16",
            "--multithread", "--tcp-cpu-threads", "1", "--tcp-iothreads", "1", "--crc32c", "--force-dh",
            "--allow-skip-dh",
            "--max-dh-accept-rate", "5",
        ]
        let command = try configuration(["-H", "2443"] + idle).1
        #expect(command.warnings.count == idle.count { $0.hasPrefix("-") }, "\(command.warnings)")
        #expect(try configuration(["-H", "2443", "-p", "8888"]).1.warnings.count == 1)
        #expect(try configuration(["-H", "2443", "--http-stats"]).1.warnings.count == 1)
        #expect(
            try configuration(["-H", "2443", "-p", "8888:8890", "--http-stats"]).0.admin.place?.description
                == "127.0.0.1:8888")
    }

    @Test(
        arguments: [
            (["--unheard-of"], "unrecognized option"), (["-H"], "needs an argument"),
            (["-H", "0443", "x"], "ports from 1 to 65535"), (["-H", "70000", "x"], "ports from 1 to 65535"),
            (["-H", (1...129).map(String.init).joined(separator: ","), "x"], "at most 128 ports"),
            (["-H", "443"], "configuration file"), (["-H", "443", "x", "y"], "more than one configuration file"),
            (["x"], "-H with one or more ports"), (["-H", "443", "-D", "a.example", "x"], "-D needs a secret"),
            (["-H", "443", "-S", "dd\(key)", "x"], "32 hexadecimal digits"),
            (["-H", "443", "-S", "zz", "x"], "32 hexadecimal digits"),
            (["-H", "443", "-P", "1", "x"], "ad tag"), (["-H", "443", "-C", "many", "x"], "whole number"),
            (["-H", "443", "-M", "1000", "x"], "from 0 to 256"),
            (["-H", "443", "--nat-info", "1.2.3.4", "x"], "LOCAL:GLOBAL"),
            (["-h"], "This is martlet"),
        ] as [([String], String)])
    func `Mistakes get the usage text and status 2`(arguments: [String], message: String) async throws {
        let result = try await Program.martlet(["mtproto-proxy"] + arguments)
        #expect(result.status == 2 && result.output.isEmpty)
        #expect(result.errors.contains("usage: mtproto-proxy") && result.errors.contains(message), "\(result.errors)")
        #expect(!result.errors.contains(Self.key))
    }

    // MARK: Running

    @Test(arguments: [false, true])
    func `A client is served over middle proxies, also through a link called mtproto-proxy`(usesLink: Bool) async throws
    {
        let directory = try TemporaryDirectory()
        let fleet = try await MiddleProxyFleet.start(2)
        let files = try MiddleProxyFiles.write(config: fleet.configText(), into: directory)
        let port = try await FreePort.find()
        let statistics = try await FreePort.find()
        var program = Program.path
        if usesLink {
            program = directory.path("mtproto-proxy")
            try FileManager.default.createSymbolicLink(atPath: program, withDestinationPath: Program.path)
        }
        let log = directory.path("proxy.log")
        let server = try RunningProgram(
            program,
            (usesLink ? [] : ["mtproto-proxy"]) + [
                "-u", "root", "-H", "\(port)", "-S", Self.key, "-P", Self.tag, "--aes-pwd", files.secret, files.config,
                "--address", "127.0.0.1", "-M", "1", "--nat-info", "127.0.0.1:127.0.0.1", "-p", "\(statistics)",
                "--http-stats",
                "-l", log,
            ], variables: ["XDG_STATE_HOME": directory.url.path, "HOME": directory.url.path])
        try #require(await server.says("listening"), "\(server.saidOnErrors)")
        let options = TelegramClientOptions(
            framing: .paddedIntermediate, dataCenter: 2, form: .encrypted,
            connect: ConnectOptions(timeout: .seconds(60)),
            patience: .seconds(60))
        let client = try await TelegramClient.connect(
            host: "127.0.0.1", port: port, secret: try ProxySecret(parsing: "dd\(Self.key)"), options: options)
        try await client.exchange(Array("hello".utf8))
        let facts = try #require(fleet.sessionFacts.first)
        #expect(
            facts.adTag.map { bytes in bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() } == Self.tag
        )

        // As logrotate does it.
        try FileManager.default.moveItem(atPath: log, toPath: "\(log).old")
        #expect(kill(server.identifier, SIGUSR1) == 0)
        try await eventually(timeout: .seconds(60), "a new log file") {
            (try? String(contentsOfFile: log, encoding: .utf8))?.contains("opened again") == true
        }
        await client.close()
        server.terminate()
        #expect(await server.ended().status == 0)
        await fleet.stop()
    }

    @Test func `It goes on in the background with its log`() async throws {
        let directory = try TemporaryDirectory()
        let list = try directory.write("default 2;\nproxy_for 2 127.0.0.1:9;\n", to: "proxy-multi.conf")
        let secret = try directory.write(Array(repeating: 7, count: 64), to: "proxy-secret")
        let log = directory.path("proxy.log")
        let port = try await FreePort.find()
        let server = try RunningProgram(
            Program.path,
            [
                "mtproto-proxy", "-d", "-l", log, "-u", "root", "-H", "\(port)", "--address", "127.0.0.1", "--aes-pwd",
                secret,
                "--nat-info", "127.0.0.1:127.0.0.1", list,
            ],
            variables: ["XDG_STATE_HOME": directory.url.path])
        @Sendable func content() -> String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }
        try await eventually(timeout: .seconds(60), "a line in the log: \(server.saidOnErrors)") {
            content().contains("listening")
        }
        #expect(getsid(server.identifier) == server.identifier || getpgid(server.identifier) != getpgrp())
        try FileManager.default.moveItem(atPath: log, toPath: "\(log).old")
        #expect(kill(server.identifier, SIGUSR1) == 0)
        try await eventually(timeout: .seconds(60), "a new log file") { content().contains("opened again") }
        server.terminate()
        let result = await server.ended()
        #expect(result.status == 0 && !result.errors.contains("listening"))
    }
}
