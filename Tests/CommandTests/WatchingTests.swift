import Foundation
import Logging
import MTProtoWire
import ProxyPolicy
import ProxyStore
import ProxyTestKit
import Testing

@testable import martlet

@Suite
struct LogLevelTests {
    private func levels(_ adapt: (inout ProxyConfiguration.Log) -> Void = { _ in }) -> LogLevels {
        var log = ProxyConfiguration.Log()
        adapt(&log)
        return LogLevels(log)
    }

    @Test
    func `A subsystem has its own level or the general one`() {
        let levels = levels { $0.levels = [.routes: .debug] }
        #expect(levels.level(of: .routes).value == .debug)
        #expect(levels.level(of: .clients).value == .info)
        #expect(levels.change(["all": "error", "clients": "trace"]).isEmpty)
        #expect(levels.level(of: .routes).value == .debug && levels.level(of: .users).value == .error)
        #expect(levels.level(of: .clients).value == .trace)
        #expect(levels.change(["routes": "default"]).isEmpty)
        #expect(levels.level(of: .routes).value == .error)
        levels.apply(ProxyConfiguration.Log())
        #expect(Set(levels.inForce.map(\.level)) == ["info"])
    }

    @Test(arguments: [["all": "default"], ["all": "loud"], ["route": "debug"], ["routes": ""], ["": "info"]])
    func `What nobody knows changes nothing`(wanted: [String: String]) {
        let levels = levels()
        var all = wanted
        all["users"] = "error"
        #expect(!levels.change(all).isEmpty)
        #expect(Set(levels.inForce.map(\.level)) == ["info"])
    }

    @Test
    func `The handler asks the level of its line's subsystem`() {
        let levels = levels { $0.levels = [.routes: .trace, .clients: .error] }
        let writer = LogWriter(overflowLine: { "\($0)" }, write: { _ in })
        let general = Logger(label: "test") { _ in
            LineLogHandler(levels: levels, format: LogFormat(style: .text), writer: writer)
        }
        var routes = general
        routes[metadataKey: LogSubsystem.metadataKey] = "routes"
        var clients = general
        clients[metadataKey: LogSubsystem.metadataKey] = "clients"
        #expect((general.logLevel, routes.logLevel, clients.logLevel) == (.info, .trace, .error))
        writer.finish()
    }

    @Test(arguments: [
        ("2026-08-07T12:34:56.007Z INFO     hello a=1", "<6>hello a=1"),
        ("2026-08-07T12:34:56.007Z CRITICAL bye", "<2>bye"),
        ("2026-08-07T12:34:56.007Z WARNING  x", "<4>x"),
        ("2026-08-07T12:34:56.007Z TRACE    x", "<7>x"),
        ("short", "<6>short"),
        ("a line of another shape that is long enough to have columns", nil),
    ])
    func `The journal gets a number for the level and no time`(line: String, journal: String?) {
        let made = JournalText.lines(Array("\(line)\n".utf8)[...])
        #expect(String(decoding: made, as: UTF8.self) == "\(journal ?? "<6>\(line)")\n")
    }
}

@Suite
struct TopPictureTests {
    private static func overview(up: UInt64) -> ServerOverview {
        var overview = ServerOverview(
            server: ServerStatus(version: "1.2.3", pid: 7, uptimeSeconds: 7_300))
        overview.connections = 5
        overview.connectionLimit = 100
        overview.sessions = [.init(dataCenter: "2", route: "tcp", sessions: 3, up: up, down: 9)]
        overview.routes = [
            .init(
                dataCenter: "2", route: "tcp 1.2.3.4", failure: "refused", restMilliseconds: 61_000,
                workedBeforeMilliseconds: nil),
            .init(
                dataCenter: "4", route: "websocket", failure: nil, restMilliseconds: nil,
                workedBeforeMilliseconds: 5_000),
        ]
        overview.users = [.init(name: "an\u{1b}na", connections: 3, up: 1_500, down: 2)]
        overview.onlineUsers = 4
        return overview
    }

    @Test
    func `The picture shows who goes where, how fast, and what ails`() {
        let text = TopPicture(Self.overview(up: 5_000), before: Self.overview(up: 1_000), seconds: 2).text
        #expect(text.contains("martlet 1.2.3, process 7, up 2 h"))
        #expect(text.contains("connections 5 of 100"))
        #expect(text.contains("2 kB"))
        #expect(text.contains("refused, rests 61 s") && text.contains("works") && text.contains("5 s ago"))
        #expect(text.contains("… and 3 more") && !text.contains("\u{1b}"))
    }

    @Test
    func `A small terminal gets what fits, and an ended session no negative rate`() {
        let picture = TopPicture(Self.overview(up: 5), before: Self.overview(up: 1_000))
        let lines = picture.lines(columns: 20, rows: 4)
        #expect(lines.count == 4 && lines.allSatisfy { $0.count <= 20 })
        #expect(!picture.text.contains(" -"))
    }
}

/// The built program, asked what it does.
@Suite(.timeLimit(.minutes(4))) struct WatchingTests {
    @Test
    func `Sessions, routes and users are shown, and log levels change at once`() async throws {
        let directory = try TemporaryDirectory(prefix: "m")
        let port = try await FreePort.find()
        let dataCenter = try await FakeDataCenter.start(.echo)
        let secret = "dd000102030405060708090a0b0c0d0e0f"
        let server = try RunningProgram(
            Program.path,
            [
                "run", "--port", "\(port)", "--secret", "anna=\(secret)", "--state-dir", directory.path("state"),
                "--dc-ip", "none", "--no-cfproxy", "--tcp-address", "2:127.0.0.1:\(dataCenter.port)", "--pool-size",
                "0",
            ], variables: [:])
        #expect(await server.says("listening"))
        let client = try await TelegramClient.connect(port: port, secret: try ProxySecret(parsing: secret))
        try await client.exchange([1, 2, 3])

        func ask(_ arguments: String...) async throws -> ProgramResult {
            try await Program.martlet(arguments + ["--state-dir", directory.path("state")])
        }
        let picture = try await ask("top")
        #expect(picture.status == 0 && picture.output.contains("anna"), "\(picture.output) \(picture.errors)")
        #expect(picture.output.contains("sessions 1") && picture.output.contains("tcp"))
        let reply = try await JSONDecoder().decode(ControlReply.self, from: Data(try ask("top", "--json").output.utf8))
        guard case .overview(let overview) = reply else {
            Issue.record("\(reply)")
            return
        }
        #expect(overview.sessions.first?.sessions == 1 && overview.users.map(\.name) == ["anna"])
        #expect(overview.routes.first?.failure == nil && overview.routes.first?.workedBeforeMilliseconds != nil)

        #expect(try await ask("log", "routes=debug", "all=warning").status == 0)
        let shown = try await ask("log")
        #expect(shown.output.contains("routes") && shown.output.contains("debug"), "\(shown.output)")
        let wrong = try await ask("log", "paths=debug")
        #expect(wrong.status == 64 && wrong.errors.contains("middle-proxies"), "\(wrong.errors)")

        await client.close()
        server.terminate()
        #expect(await server.ended().status == 0)
        let nobody = try await ask("top")
        #expect(nobody.status == 69 && nobody.errors.contains("no server runs"))
    }
}
