import Foundation
import ProxyTestKit
import Testing

@testable import martlet

/// Listening sockets that a service manager passes: here the test is one.
@Suite(.serialized, .timeLimit(.minutes(3))) struct SocketActivationTests {
    /// Starts a server as systemd does. LISTEN_PID is known when the process is there, so a shell sets it.
    private func start(_ site: Site, port: Int, sockets: [Int32], _ more: [String] = []) throws -> RunningProgram {
        try RunningProgram(
            "/bin/sh",
            ["-c", "LISTEN_PID=$$; export LISTEN_PID; exec \"$0\" \"$@\"", Program.path]
                + site.arguments(port: port, more),
            variables: ["LISTEN_FDS": "\(sockets.count)", "LISTEN_FDNAMES": "main"], sockets: sockets)
    }

    @Test func `Newcomers wait in the queue from one server to the next, and no replay passes`() async throws {
        let site = try await Site()
        let socket = try ManagedSocket()
        defer { socket.close() }
        let first = try start(site, port: socket.port, sockets: [socket.descriptor], ["--threads", "2"])
        #expect(await first.says("run `martlet link`"), "\(first.saidOnErrors)")
        let client = try await TelegramClient.connect(port: socket.port, secret: try site.secret)
        try await client.exchange([1])
        let hello = try #require(client.hello)
        await client.close()
        first.terminate()
        await first.expectEnd()

        // Nobody accepts now.
        let waiting = try await ByteStream.connect(port: socket.port)
        let older = try site.hello()
        try await waiting.write(older.wire)
        try await site.letSecondsPass(3)
        let second = try start(site, port: socket.port, sockets: [socket.descriptor])
        #expect(await waiting.isAnswered(), "\(second.saidOnErrors)")
        waiting.closeSocket()
        #expect(try await site.isUnanswered(hello, port: socket.port))
        let fresh = try await TelegramClient.connect(port: socket.port, secret: try site.secret)
        try await fresh.exchange([2])

        // The socket goes on to a process that takes over, as any other.
        let third = try await site.start(port: socket.port, ["--take-over", "--threads", "2"])
        try await fresh.exchange([3])
        await fresh.close()
        await second.expectEnd()
        let last = try await TelegramClient.connect(port: socket.port, secret: try site.secret)
        try await last.exchange([4])
        await last.close()
        third.terminate()
        await third.expectEnd()
        // It stays the manager's.
        (try await ByteStream.connect(port: socket.port)).closeSocket()
    }

    @Test func `Sockets and places that do not fit are named`() async throws {
        let site = try await Site()
        let socket = try ManagedSocket()
        defer { socket.close() }
        for port in [0, socket.port == 9_999 ? 9_998 : 9_999] {
            let result = try await start(site, port: port, sockets: [socket.descriptor]).ended()
            #expect(result.status == 69)
            #expect(
                result.errors.contains("127.0.0.1:\(socket.port)") && result.errors.contains("127.0.0.1:\(port)"),
                "\(result.errors)")
        }
        let result = try await start(site, port: 0, sockets: [0]).ended()
        #expect(result.status == 69 && result.errors.contains("(main)"), "\(result.errors)")
    }

    @Test func `Variables that name another process mean nothing`() async throws {
        let site = try await Site()
        let server = try await site.start(variables: ["LISTEN_PID": "1", "LISTEN_FDS": "1"])
        server.terminate()
        await server.expectEnd()
    }
}

/// A listening TCP socket on a port of the system's choice.
private struct ManagedSocket {
    let descriptor: Int32
    let port: Int

    init() throws {
        #if canImport(Glibc)
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let file = descriptor
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(file, $0, size) == 0 && listen(file, 64) == 0 && getsockname(file, $0, &size) == 0
            }
        }
        try #require(result)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    func close() { _ = Foundation.close(descriptor) }
}
