import Foundation
import MTProtoWire
import ProxyPolicy
import Testing

@testable import martlet

@Suite
struct SecretStoreTests {
    private func mode(_ path: String) throws -> Int {
        try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    @Test
    func `The first start makes a secret and the next ones find it`() throws {
        try withTemporaryDirectory { directory in
            let store = SecretStore(directory: "\(directory)/deep/state")
            var generator = SystemRandomNumberGenerator()
            #expect(try store.load() == nil)
            let first = try store.obtain(using: &generator)
            let second = try store.obtain(using: &generator)
            #expect(first.isNew && !second.isNew)
            #expect(first.secret == second.secret)
            #expect(try mode(store.path) == 0o600)
            #expect(try mode(store.directory) == 0o700)
            #expect(try FileManager.default.contentsOfDirectory(atPath: store.directory) == ["secret"])
        }
    }

    @Test
    func `Many first starts at once agree on one secret`() throws {
        try withTemporaryDirectory { directory in
            let store = SecretStore(directory: directory)
            let found = Found()
            DispatchQueue.concurrentPerform(iterations: 16) { _ in
                var generator = SystemRandomNumberGenerator()
                if let kept = try? store.obtain(using: &generator) { found.add(kept.secret) }
            }
            #expect(found.secrets.count == 1)
        }
    }

    @Test
    func `A secret that somebody put there is taken in every form, and closed to others`() throws {
        try withTemporaryDirectory { directory in
            let store = SecretStore(directory: directory)
            try "  dd000102030405060708090a0b0c0d0e0f\n".write(toFile: store.path, atomically: true, encoding: .utf8)
            chmod(store.path, 0o644)
            let kept = try #require(try store.load())
            #expect(kept.secret.kind == .padded)
            #expect(kept.notes.count == 1)
            #expect(try mode(store.path) == 0o600)
        }
    }

    @Test(arguments: ["", "not a secret", "\u{0}\u{1}", String(repeating: "0", count: 10_000)])
    func `A file that holds no secret is refused without being replaced or shown`(content: String) throws {
        try withTemporaryDirectory { directory in
            let store = SecretStore(directory: directory)
            try content.write(toFile: store.path, atomically: true, encoding: .utf8)
            var generator = SystemRandomNumberGenerator()
            let error = try #require(throws: StateError.self) { try store.obtain(using: &generator) }
            #expect(error.description.contains(store.path))
            #expect(content.isEmpty || !error.description.contains(content))
            #expect(try String(contentsOfFile: store.path, encoding: .utf8) == content)
        }
    }

    @Test
    func `A directory that cannot be made is refused with what to do`() throws {
        try withTemporaryDirectory { directory in
            try "a file".write(toFile: "\(directory)/file", atomically: true, encoding: .utf8)
            var generator = SystemRandomNumberGenerator()
            for place in ["\(directory)/file/state", "/proc/martlet", ""] {
                let error = try #require(throws: StateError.self) {
                    try SecretStore(directory: place).obtain(using: &generator)
                }
                #expect(error.description.contains("--state-dir"))
            }
        }
    }

    @Test
    func `A FakeTLS domain changes the form of the kept secret and not its key`() throws {
        try withTemporaryDirectory { directory in
            let plain = try load(flags: ["--state-dir", directory]).withSecrets()
            let masked = try load(flags: ["--state-dir", directory, "--fake-tls-domain", "a.example"]).withSecrets()
            let key = try #require(plain.configuration.secrets.first?.secret.key)
            #expect(plain.notes.count == 1 && masked.notes.isEmpty)
            #expect(
                masked.configuration.secrets.map(\.secret) == [
                    ProxySecret(key: key, kind: .fakeTLS(domain: "a.example"))
                ])
            let given = try load(flags: ["--state-dir", "/nonexistent", "--secret", "000102030405060708090a0b0c0d0e0f"])
            #expect(try given.withSecrets().configuration.secrets.count == 1)
        }
    }
}

private final class Found: @unchecked Sendable {
    private let lock = NSLock()
    private var all: Set<ProxySecret> = []

    func add(_ secret: ProxySecret) {
        _ = lock.withLock { all.insert(secret) }
    }

    var secrets: Set<ProxySecret> { lock.withLock { all } }
}
