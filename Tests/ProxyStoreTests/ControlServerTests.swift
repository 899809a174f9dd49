import Foundation
import MTProtoWire
import NIOCore
import NIOPosix
import ProxyPolicy
import ProxyTestKit
import Testing

@testable import ProxyStore

/// Runs what blocks on a thread of its own: the server's tasks need those of the tests.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Value, any Error>) in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}

/// A connection to the control socket that sends what it likes.
final class RawControl: Sendable {
    let file: Int32

    init(_ path: String) throws {
        guard case .connected(let file) = ControlSocket.connect(path) else {
            throw KitError.command("nobody listens on \(path)")
        }
        self.file = file
        signal(SIGPIPE, SIG_IGN)
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(file) }

    /// False when the other side has closed.
    @discardableResult
    func send(_ text: String) async throws -> Bool {
        try await blocking { [self] in sendNow(text) }
    }

    private func sendNow(_ text: String) -> Bool {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// One line; nil at the end.
    func line() async throws -> String? {
        try await blocking { [self] in lineNow() }
    }

    private func lineNow() -> String? {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while recv(file, &byte, 1, 0) == 1 {
            if byte == UInt8(ascii: "\n") { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(byte)
        }
        return nil
    }

    func reply() async throws -> ControlReply {
        try JSONDecoder().decode(ControlReply.self, from: Data(try #require(try await line()).utf8))
    }
}

@Suite
struct ControlServerTests {
    private let directory: TemporaryDirectory

    init() throws {
        // The path of a socket is short: macOS's temporary directories alone take most of it.
        directory = try TemporaryDirectory(prefix: "m")
    }

    private var path: String { directory.path("martlet.sock") }

    /// Runs a server for the time of the body.
    private func serving(
        _ bounds: ControlServer.Bounds = .init(),
        _ handler: @escaping ControlServer.Handler = { _ in .done(notes: []) },
        body: () async throws -> Void
    ) async throws {
        let server = ControlServer(
            directory: directory.url.path, group: MultiThreadedEventLoopGroup.singleton, bounds: bounds,
            handler: handler)
        let listening = try await server.start()
        do {
            try await body()
        } catch {
            listening.close()
            throw error
        }
        listening.close()
        try await listening.closed()
    }

    /// A request as a command makes it.
    private func ask(_ request: ControlRequest) async throws -> ControlReply? {
        let client = ControlClient(directory: directory.url.path)
        return try await blocking { try client.ask(request) }
    }

    @Test
    func `The socket is its owner's alone, and gone afterwards`() async throws {
        try await serving {
            let bits = try mode(path)
            let files = try FileManager.default.contentsOfDirectory(atPath: directory.url.path)
            #expect(bits == 0o600 && files == ["martlet.sock"])
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test
    func `A stale socket is replaced, a living one is not`() async throws {
        let stale = try ControlSocket.bind(StateFiles(directory: directory.url.path))
        close(stale)
        #expect(FileManager.default.fileExists(atPath: path))
        #expect(try await ask(.status) == nil)
        try await serving {
            let error = try #require(throws: StoreError.self) {
                try ControlSocket.bind(StateFiles(directory: directory.url.path))
            }
            #expect(error.code == .inUse)
            #expect(try await ask(.exportUsers) == .done(notes: []))
        }
    }

    @Test
    func `A path that is too long is refused with advice, and no server can be there`() async throws {
        let long = directory.path(String(repeating: "d", count: 120))
        let server = ControlServer(directory: long, group: MultiThreadedEventLoopGroup.singleton) { _ in
            .done(notes: [])
        }
        let error = await #expect(throws: StoreError.self) { try await server.start() }
        #expect(error?.hint.contains("--state-dir") == true)
        #expect(try ControlClient(directory: long).ask(.status) == nil)
    }

    @Test
    func `Every request and every answer survives the line`() throws {
        let requests: [ControlRequest] = [
            .status, .listUsers(withSecrets: true), .showUser(name: "a"), .addUser(UserFields(try fullUser("a", 1))),
            .setUser(name: "a", changes: fields("a", 1), keepsSecrets: true, now: true),
            .removeUsers(names: ["a", "b"], now: true), .resetQuota(names: nil), .resetQuota(names: ["a"]),
            .importUsers([fields("a", 1)], existing: .merge), .exportUsers,
        ]
        for request in requests {
            #expect(try ControlLine.request(ControlLine.encode(request).dropLast()) == request)
        }
        let entry = UserEntry(user: try fullUser("a", 1), usage: usage(up: 1, since: noon))
        let report = UserReport(
            entry, withSecrets: true, shadowedBy: "b", live: UserLive(connections: 1, addresses: 1), now: noon)
        var summary = ImportSummary()
        summary.added = 3
        let replies: [ControlReply] = [
            .status(ServerStatus(version: "1", pid: 7, uptimeSeconds: 9)), .users([report]), .user(report),
            .exported([fields("a", 1)]), .imported(summary), .done(notes: ["x"]),
            .failure(ControlError(.notFound, "m", hint: "h")),
        ]
        for reply in replies {
            let line = ControlLine.encode(reply)
            #expect(line.last == UInt8(ascii: "\n") && !line.dropLast().contains(UInt8(ascii: "\n")))
            #expect(try JSONDecoder().decode(ControlReply.self, from: Data(line)) == reply)
        }
    }

    @Test
    func `A connection serves one request after the other, also when they come at once`() async throws {
        let handler: ControlServer.Handler = { request in
            guard case .showUser(let name) = request else { return .done(notes: []) }
            return .done(notes: [name])
        }
        try await serving(.init(), handler) {
            let raw = try RawControl(path)
            try await raw.send((1...50).map { #"{"command":"users.show","name":"\#($0)"}"# + "\n" }.joined())
            for number in 1...50 { #expect(try await raw.reply() == .done(notes: ["\(number)"])) }
            for byte in #"{"command":"status"}"# + "\n" { try await raw.send(String(byte)) }
            #expect(try await raw.reply() == .done(notes: []))
        }
    }

    @Test(
        arguments: [
            "", "garbage", "{}", "[]", "null", #"{"command":7}"#, #"{"command":"users.lsit"}"#,
            #"{"command":"users.list","secrts":true}"#, #"{"command":"users.show"}"#,
            #"{"command":"users.add","user":{"nmae":"x"}}"#, #"{"command":"status","name":"x"}"#,
            #"{"command":"users.import","users":[{"name":"x","quota":{"byts":1}}]}"#, "\u{0}\u{1}\u{7F}",
            #"{"command":"users.remove","names":["x"],"now":"yes"}"#, "GET / HTTP/1.1\r",
        ])
    func `A line that is no request is refused in words, and the next one is served`(line: String) async throws {
        try await serving {
            let raw = try RawControl(path)
            try await raw.send(line + "\n")
            guard case .failure(let error) = try await raw.reply() else {
                Issue.record("accepted")
                return
            }
            #expect(error.code == .badRequest && !error.message.isEmpty)
            try await raw.send(#"{"command":"status"}"# + "\n")
            #expect(try await raw.reply() == .done(notes: []))
        }
    }

    @Test
    func `Seeded garbage harms nobody`() async throws {
        try await serving {
            var generator = SeededGenerator(seed: 20)
            for _ in 0..<100 {
                let raw = try RawControl(path)
                let count = Int.random(in: 1...300, using: &generator)
                let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
                try await raw.send(String(decoding: bytes, as: UTF8.self) + "\n")
                _ = try await raw.line()
            }
            #expect(try await ask(.status) == .done(notes: []))
        }
    }

    @Test
    func `A line beyond the bound is refused and the connection closed`() async throws {
        var bounds = ControlServer.Bounds()
        bounds.lineBytes = 10_000
        try await serving(bounds) {
            for ending in ["", "\n"] {
                let raw = try RawControl(path)
                try await raw.send(String(repeating: "x", count: 20_000) + ending)
                #expect(try await raw.line()?.contains("too_long") == true)
                #expect(try await raw.line() == nil)
            }
        }
    }

    @Test
    func `A slow client is told that it took too long, a silent one is let go`() async throws {
        var bounds = ControlServer.Bounds()
        bounds.requestMilliseconds = 300
        try await serving(bounds) {
            let slow = try RawControl(path)
            let silent = try RawControl(path)
            try await slow.send("{\"comm")
            #expect(try await slow.line()?.contains("timeout") == true)
            #expect(try await slow.line() == nil)
            #expect(try await silent.line() == nil)
        }
    }

    @Test
    func `A client that does not read its answers is let go`() async throws {
        var bounds = ControlServer.Bounds()
        bounds.requestMilliseconds = 300
        let long = String(repeating: "x", count: 4 << 20)
        try await serving(bounds, { _ in .done(notes: [long]) }) {
            let raw = try RawControl(path)
            try await raw.send(#"{"command":"status"}"# + "\n")
            try await eventually { try await !raw.send("\n") }
        }
    }

    @Test
    func `A handler that hangs does not hold the client for ever`() async throws {
        var bounds = ControlServer.Bounds()
        bounds.requestMilliseconds = 300
        let handler: ControlServer.Handler = { _ in
            try? await Task.sleep(for: .seconds(2))
            return .done(notes: [])
        }
        try await serving(bounds, handler) {
            let reply = try await ask(.status)
            guard case .failure(let error) = reply else {
                Issue.record("\(String(describing: reply))")
                return
            }
            #expect(error.code == .timeout)
        }
    }

    @Test
    func `More connections than the bound are refused until one ends`() async throws {
        var bounds = ControlServer.Bounds()
        bounds.connections = 2
        try await serving(bounds) {
            var held: [RawControl] = []
            for _ in 0..<2 {
                let raw = try RawControl(path)
                try await raw.send(#"{"command":"status"}"# + "\n")
                _ = try await raw.reply()
                held.append(raw)
            }
            #expect(try await RawControl(path).line()?.contains("busy") == true)
            held.removeFirst()
            try await eventually { try await ask(.status) == .done(notes: []) }
        }
    }

    @Test
    func `Users are managed over the socket`() async throws {
        let manager = UserManager(declared: [], directory: directory.url.path, now: { noon })
        await manager.use(.init(status: { ServerStatus(version: "1.2.3", pid: getpid(), uptimeSeconds: 5) }))
        try await serving(.init(), { await manager.perform($0) }) {
            #expect(try await ask(.status) == .status(.init(version: "1.2.3", pid: getpid(), uptimeSeconds: 5)))
            let many = (1...1_000).map { fields("user\($0)", $0) }
            guard case .imported(let summary) = try await ask(.importUsers(many, existing: .refuse)) else {
                Issue.record("not imported")
                return
            }
            #expect(summary.added == 1_000)
            guard case .users(let users) = try await ask(.listUsers(withSecrets: false)) else { return }
            #expect(users.count == 1_000)
        }
        try await manager.close()
    }
}
