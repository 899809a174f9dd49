import Foundation
import MTProtoWire
import ProxyTestKit
import Testing

@testable import martlet

/// One server takes over from another under load: the real program.
@Suite(.serialized, .timeLimit(.minutes(5))) struct TakeoverTests {
    @Test(arguments: [(1, 1), (2, 2), (2, 3), (3, 2), (1, 2)])
    func `Nobody is refused, no session is cut, and everything is counted`(old: Int, new: Int) async throws {
        let site = try await Site()
        let first = try await site.start(["--threads", "\(old)", "--drain-time", "60s"])
        let port = try first.port
        let crowd = Crowd(port: port, secrets: [try site.secret, try site.plainSecret])
        let sessions = try await withThrowingTaskGroup(of: TelegramClient.self) { group in
            for index in 0..<60 {
                group.addTask {
                    try await TelegramClient.connect(
                        port: port, secret: index % 2 == 0 ? site.secret : site.plainSecret)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for session in sessions { try await session.exchange([UInt8](repeating: 1, count: 2_000)) }
        // Somebody who was accepted and has said nothing yet.
        let late = try site.hello()
        let silent = try await ByteStream.connect(port: port)
        try await crowd.serve(20)

        let second = try await site.start(["--threads", "\(new)", "--take-over"])
        #expect(try second.port == port)
        #expect(await first.says("handed over"))
        try await silent.write(late.wire)
        #expect(await silent.isAnswered())
        await silent.close()
        try await crowd.serve(50)
        for session in sessions { try await session.exchange([UInt8](repeating: 2, count: 50_000)) }
        // What is open in the old one shows up in the new one.
        let commands = try await site.command("users", "list")
        #expect(commands.status == 0, "\(commands.errors)")
        for session in sessions { await session.close() }
        let gone = await first.ended()
        #expect(gone.status == 0 && gone.errors.contains("sessions_cut=0"), "\(gone.errors)")
        await crowd.expectEnd()
        second.terminate()
        await second.expectEnd()
        #expect(try await site.usage().sessions == UInt64(sessions.count + crowd.served))
        #expect(try await site.usage().up >= UInt64(sessions.count * 52_000))
    }

    @Test func `What was seen is known to the new one, and what is older than it is not refused for that`() async throws
    {
        let site = try await Site()
        let first = try await site.start()
        let port = try first.port
        let client = try await TelegramClient.connect(port: port, secret: try site.secret)
        try await client.exchange([1])
        let plain = try await TelegramClient.connect(port: port, secret: try site.plainSecret)
        try await plain.exchange([1])
        // Made now and sent when the new process has begun, which is later by more than the second that is forgiven.
        let older = try site.hello()
        try await site.letSecondsPass(3)

        let second = try await site.start(["--take-over"])
        let hello = try #require(client.hello)
        #expect(try await site.isUnanswered(hello, port: port))
        #expect(await second.says("replayedHello"))
        #expect(try await site.isAnswered(older, port: port))
        let stream = try await TelegramClient.knock(
            port: port, secret: try site.plainSecret,
            options: TelegramClientOptions(replayedHeader: plain.header.bytes))
        #expect(await second.says("replayedHeader"))
        #expect(stream.bytesReceived == 0)
        stream.closeSocket()
        await client.close()
        await plain.close()
        await first.expectEnd()
        second.terminate()
        await second.expectEnd()
    }

    @Test func `Who was accepted by the old one and opens late is asked for at the new one`() async throws {
        let site = try await Site()
        let first = try await site.start(["--drain-time", "60s"])
        let port = try first.port
        let waiting = [try await ByteStream.connect(port: port), try await ByteStream.connect(port: port)]
        // Who came later is served, so they were accepted.
        let other = try await TelegramClient.connect(port: port, secret: try site.plainSecret)
        try await other.exchange([1])
        await other.close()
        let second = try await site.start(["--take-over"])
        // Seen by the new one first: the old one must not answer it again.
        let hello = try site.hello()
        #expect(try await site.isAnswered(hello, port: port))
        try await waiting[0].write(hello.wire)
        #expect(await first.says("replayedHello"))
        #expect(waiting[0].bytesReceived == 0)
        // Seen by the old one first: the new one must not answer it again.
        let another = try site.hello()
        try await waiting[1].write(another.wire)
        #expect(await waiting[1].isAnswered())
        #expect(try await site.isUnanswered(another, port: port))
        #expect(await second.says("replayedHello"))
        for stream in waiting { stream.closeSocket() }
        await first.expectEnd()
        second.terminate()
        await second.expectEnd()
    }

    @Test func `A server that was taken over from can be followed by a third`() async throws {
        let site = try await Site()
        let first = try await site.start(["--drain-time", "60s"])
        let port = try first.port
        let session = try await TelegramClient.connect(port: port, secret: try site.secret)
        try await session.exchange([1])
        let second = try await site.start(["--take-over", "--drain-time", "60s"])
        let third = try await site.start(["--take-over"])
        await second.expectEnd("nobody was connected to it")
        try await session.exchange([UInt8](repeating: 3, count: 9_000))
        #expect(try await site.isUnanswered(try #require(session.hello), port: port))
        await session.close()
        await first.expectEnd()
        third.terminate()
        await third.expectEnd()
        #expect(try await site.usage().up >= 9_000)
    }

    @Test func `A Unix socket goes along and keeps its file`() async throws {
        let site = try await Site()
        let path = site.directory.path("m.sock")
        try site.directory.write("[[listeners]]\naddress = \"unix:\(path)\"\n", to: "m.toml")
        let first = try await site.start(["--config", site.directory.path("m.toml")])
        let second = try await site.start(["--config", site.directory.path("m.toml"), "--take-over"])
        await first.expectEnd()
        #expect(FileManager.default.fileExists(atPath: path))
        second.terminate()
        await second.expectEnd()
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func `Without a running server it is a plain start`() async throws {
        let site = try await Site()
        let server = try await site.start(["--take-over"])
        #expect(server.saidOnErrors.contains("there is nothing to take over"))
        server.terminate()
        await server.expectEnd()
    }
}
