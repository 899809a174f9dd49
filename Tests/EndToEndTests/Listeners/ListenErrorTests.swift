import Foundation
import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension ListenerSuites {
    @Suite("Places that cannot be listened on") struct ListenErrorTests {
        @Test("A port that another program has is named, whatever the number of event loops", arguments: [1, 2])
        func portTaken(threads: Int) async throws {
            try await withKit { kit in
                let other = kit.keep(try await FakeDataCenter.start())
                let error = try #require(
                    try await startError {
                        $0.listen.port = other.port
                        $0.listen.threads = threads
                    })
                #expect(error.code == .addressInUse)
                #expect(error.message == "cannot listen on 127.0.0.1:\(other.port): another program has that port")
                #expect(error.hint == "stop it, or choose another port with --port")
            }
        }

        @Test("When one of several cannot be had none is left behind", arguments: [1, 2])
        func noneLeft(threads: Int) async throws {
            let directory = try TemporaryDirectory()
            let path = directory.path("proxy.socket")
            let free = try await FreePort.find()
            try await withKit { kit in
                let other = kit.keep(try await FakeDataCenter.start())
                let taken = ListenPlace.tcp(IPAddress(v4: 0x7F00_0001), port: other.port)
                let error = try #require(
                    try await startError {
                        $0.listen.port = free
                        $0.listen.threads = threads
                        $0.listeners = [.unix(path), ListenerConfiguration(place: taken), .loopback()]
                    })
                #expect(error.code == .addressInUse)
                #expect(error.message.contains("\(taken)"))
                #expect(fileKind(path) == nil)
                await #expect(throws: (any Error).self) { try await ByteStream.connect(port: free) }
            }
        }

        @Test("The same place twice is a conflict like any other", arguments: [1, 2])
        func twice(threads: Int) async throws {
            let directory = try TemporaryDirectory()
            let path = directory.path("proxy.socket")
            let free = try await FreePort.find()
            let place = ListenPlace.tcp(IPAddress(v4: 0x7F00_0001), port: free)
            let error = try #require(
                try await startError {
                    $0.listen.threads = threads
                    $0.listeners = [ListenerConfiguration(place: place), ListenerConfiguration(place: place)]
                })
            #expect(error.code == .addressInUse)
            let other = try #require(try await startError { $0.listeners = [.unix(path), .unix(path)] })
            #expect(other.code == .addressInUse)
            #expect(other.message == "cannot listen on unix:\(path): another program listens there")
        }

        @Test("An address of another machine is named")
        func foreignAddress() async throws {
            let place = ListenPlace.tcp(IPAddress(v4: 0xC000_0201), port: 0)
            let error = try #require(try await startError { $0.listeners = [ListenerConfiguration(place: place)] })
            #expect(error.code == .addressNotAvailable)
            #expect(error.message == "cannot listen on 192.0.2.1:0: this machine does not have that address")
        }

        // MARK: Unix sockets

        struct Obstacle: Sendable, CustomTestStringConvertible {
            var testDescription: String
            var path: @Sendable (TemporaryDirectory) throws -> String
            var why: String

            static let all = [
                Obstacle(
                    testDescription: "a path that is too long",
                    path: { $0.path(String(repeating: "long", count: 30)) },
                    why: "the path is longer than a socket's may be"),
                Obstacle(
                    testDescription: "a plain file", path: { try $0.write("precious", to: "file") },
                    why: "there is a file of that name that is no socket"),
                Obstacle(
                    testDescription: "a directory", path: { $0.url.path },
                    why: "there is a file of that name that is no socket"),
                Obstacle(
                    testDescription: "a link to nothing",
                    path: { directory in
                        guard symlink("/nonexistent/socket", directory.path("link")) == 0 else {
                            throw KitError.command("symlink")
                        }
                        return directory.path("link")
                    }, why: "there is a file of that name that is no socket"),
                Obstacle(
                    testDescription: "no such directory", path: { $0.path("none/socket") },
                    why: "No such file or directory"
                ),
            ]
        }

        @Test("What is in the way of a Unix socket is said and left alone", arguments: Obstacle.all)
        func obstacle(_ obstacle: Obstacle) async throws {
            let directory = try TemporaryDirectory()
            let path = try obstacle.path(directory)
            let before = fileKind(path)
            let error = try #require(
                try await startError {
                    $0.listen.isOff = true
                    $0.listeners = [.unix(path)]
                })
            #expect(error.code == .cannotListen)
            #expect(error.message == "cannot listen on unix:\(path): \(obstacle.why)")
            #expect(!error.hint.isEmpty)
            #expect(fileKind(path) == before)
        }
    }
}

/// The type bits of a file's mode; nil where there is none.
func fileKind(_ path: String) -> mode_t? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & mode_t(S_IFMT) : nil
}
