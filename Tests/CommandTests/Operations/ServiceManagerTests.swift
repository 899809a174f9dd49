import Foundation
import ProxyEngine
import ProxyTestKit
import Synchronization
import Testing

@testable import martlet

/// What the service manager hears: the test is one.
@Suite(.serialized, .timeLimit(.minutes(3))) struct ServiceManagerTests {
    @Test func `It hears of the start, of reloads, of life and of the end`() async throws {
        let site = try await Site()
        let ear = try NotifySocket(site.directory.path("notify"))
        let server = try await site.start(
            ["--drain-time", "7s"], variables: ["NOTIFY_SOCKET": ear.path, "WATCHDOG_USEC": "400000"])
        try await ear.expect("READY=1\nMAINPID=\(server.identifier)\nSTATUS=serving on 127.0.0.1:")
        try await ear.expect("WATCHDOG=1")
        try await ear.expect("WATCHDOG=1", times: 3)
        #expect(try await site.command("reload").status == 0)
        try await ear.expect("RELOADING=1\nMONOTONIC_USEC=")
        try await ear.expect("READY=1", times: 2)
        server.terminate()
        try await ear.expect("STOPPING=1\nEXTEND_TIMEOUT_USEC=22000000\nSTATUS=stopping")
        await server.expectEnd()
    }

    @Test func `A successor becomes the service, and the old one falls silent`() async throws {
        let site = try await Site()
        let ear = try NotifySocket(site.directory.path("notify"))
        let server = try await site.start(["--drain-time", "60s"], variables: ["NOTIFY_SOCKET": ear.path])
        let session = try await TelegramClient.connect(port: try server.port, secret: try site.secret)
        try await session.exchange([1])
        #expect(try await site.command("restart").status == 0)
        try await ear.expect("READY=1\nMAINPID=", times: 2)
        // The old one says it too, before its end could be taken for the service's.
        try await eventually("the old one's word") { ear.heard.contains { $0.hasPrefix("MAINPID=") } }
        let heard = ear.heard
        let pid = try #require(heard.last.flatMap { $0.firstMatch(of: /MAINPID=([0-9]+)/) }.flatMap { Int32($0.1) })
        #expect(pid != server.identifier)
        await session.close()
        // Its stderr stays open: the successor has it.
        #expect(await server.says("stopped"))
        #expect(ear.heard.count == heard.count)
        #expect(kill(pid, SIGTERM) == 0)
        try await ear.expect("STOPPING=1")
        await server.expectEnd()
    }

    @Test func `A name outside of the file system is understood`() async throws {
        #if os(Linux)
            let name = "@martlet-test-\(UUID().uuidString)"
            let ear = try NotifySocket(name)
            let manager = ServiceManager(variables: ["NOTIFY_SOCKET": name])
            manager.notify(.status("two\nlines"))
            try await ear.expect("STATUS=two lines")
            manager.fallSilent()
            manager.notify(.alive)
            #expect(ear.heard == ["STATUS=two lines"])
        #endif
    }

    @Test func `The watchdog is fed for as long as every loop answers`() throws {
        func interval(_ variables: [String: String]) -> Duration? {
            ServiceManager(variables: variables).watchdogInterval
        }
        let notify = ["NOTIFY_SOCKET": "/run/x"]
        #expect(interval(notify) == nil)
        #expect(interval(notify.merging(["WATCHDOG_USEC": "3000000"]) { $1 }) == .seconds(3))
        #expect(interval(notify.merging(["WATCHDOG_USEC": "3", "WATCHDOG_PID": "1"]) { $1 }) == nil)
        #expect(interval(notify.merging(["WATCHDOG_USEC": "3", "WATCHDOG_PID": "\(getpid())"]) { $1 }) != nil)
        #expect(interval(notify.merging(["WATCHDOG_USEC": "-5"]) { $1 }) == nil)
        #expect(interval(["WATCHDOG_USEC": "3"]) == nil)
    }
}

/// The datagram socket of a service manager.
private final class NotifySocket: Sendable {
    let path: String
    private let file: Int32
    private let messages = Mutex<[String]>([])

    init(_ path: String) throws {
        self.path = path
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(path.utf8)
        if name.first == UInt8(ascii: "@") { name[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = name[0] == 0 ? 2 + name.count : MemoryLayout<sockaddr_un>.size
        #if canImport(Glibc)
            let file = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        #else
            let file = socket(AF_UNIX, SOCK_DGRAM, 0)
        #endif
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(file, $0, socklen_t(length)) }
        }
        try #require(result == 0)
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
        self.file = file
        // Read all the time, as a manager does: few datagrams fit into the queue.
        Thread.detachNewThread { [weak self] in while self?.heard != nil { usleep(20_000) } }
    }

    deinit { close(file) }

    /// All datagrams so far.
    var heard: [String] {
        messages.withLock { messages in
            var buffer = [UInt8](repeating: 0, count: 4_096)
            while true {
                let count = recv(file, &buffer, buffer.count, Int32(MSG_DONTWAIT))
                guard count >= 0 else { return messages }
                messages.append(String(decoding: buffer[..<count], as: UTF8.self))
            }
        }
    }

    /// Waits for as many datagrams that begin so.
    func expect(_ text: String, times: Int = 1) async throws {
        try await eventually(timeout: .seconds(60), "\(text) in \(heard)") {
            self.heard.count { $0.hasPrefix(text) } >= times
        }
    }
}
