import Foundation
import ProxyTestKit
import Testing

@Suite("The kit's helpers")
struct HelperTests {
    @Test("A seed gives the same bytes again, another seed others")
    func seeds() {
        var (one, same, other) = (SeededGenerator(seed: 5), SeededGenerator(seed: 5), SeededGenerator(seed: 6))
        #expect(one.bytes(1001) == same.bytes(1001))
        #expect(one.bytes(32) != other.bytes(32))
        #expect(one.bytes(0).isEmpty)
    }

    @Test("eventually returns when the condition holds and throws when it never does")
    func polling() async throws {
        let start = ContinuousClock.now
        try await eventually { ContinuousClock.now - start > .milliseconds(20) }
        await #expect(throws: KitError.self) {
            try await eventually(timeout: .milliseconds(50)) { false }
        }
    }

    @Test("A temporary directory is private, holds files, and disappears")
    func directory() throws {
        var directory: TemporaryDirectory? = try TemporaryDirectory()
        let path = try #require(try directory?.write("hello", to: "file.txt"))
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "hello")
        directory = nil
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test("SHA-256 of abc is the one of FIPS 180-4")
    func digest() {
        var running = RunningDigest()
        running.update(Array("a".utf8))
        running.update(Array("bc".utf8))
        #expect(running.value == sha256(Array("abc".utf8)))
        #expect(hex(running.value) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test("A free port refuses connections; a black hole leaves them hanging")
    func ports() async throws {
        let free = try await FreePort.find()
        await #expect(throws: (any Error).self) { try await ByteStream.connect(port: free) }
        try await withKit { kit in
            let hole = try await kit.keep(BlackHole.start())
            let (_, time) = await measured {
                await #expect(throws: (any Error).self) {
                    try await ByteStream.connect(port: hole.port, options: ConnectOptions(timeout: .milliseconds(300)))
                }
            }
            #expect(time > .milliseconds(250))
        }
    }

    @Test("A scope fails the test when a server saw a violation")
    func violations() async throws {
        struct Complainer: KitServer {
            func stop() async {}
            var violations: [String] { ["rude"] }
        }
        await #expect(throws: KitError.violations(["rude"])) {
            try await withKit { kit in _ = kit.keep(Complainer()) }
        }
        try await withKit { kit in
            kit.tolerateViolations()
            _ = kit.keep(Complainer())
        }
    }
}
