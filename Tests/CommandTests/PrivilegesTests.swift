import Foundation
import ProxyPolicy
import ProxyTestKit
import Testing

@testable import martlet

/// Root's rights, and what is left of them. Where the tests are not root's, there is nothing to give up.
@Suite(.enabled(if: geteuid() == 0), .timeLimit(.minutes(5))) struct PrivilegesTests {
    private static let quiet = [
        "--pool-size", "0", "--no-cfproxy", "--dc-ip", "none", "--tcp-address", "none", "--host", "127.0.0.1",
    ]

    /// A directory that everybody may pass through.
    private func openDirectory() throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: directory.url.path)
        return directory
    }

    private func start(_ arguments: [String], _ directory: TemporaryDirectory) async throws -> RunningProgram {
        let server = try RunningProgram(
            Program.path,
            ["run", "--state-dir", directory.path("state"), "--user", "nobody"] + Self.quiet + arguments, variables: [:]
        )
        try #require(await server.says("listening"), "\(server.saidOnErrors)")
        return server
    }

    /// A line of the process's status, without its name: `Uid`, `Gid`, `Groups`.
    private func status(_ process: Int32, _ name: String) throws -> [Int] {
        let text = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix("\(name):") }
        return line.map { $0.split(whereSeparator: \.isWhitespace).dropFirst().compactMap { Int($0) } } ?? []
    }

    /// A port below 1024 that nobody uses.
    private func lowPort() throws -> Int {
        for port in (600...1_000).shuffled() {
            let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(socket) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
            let result = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            if result == 0 { return port }
        }
        throw KitError.command("no port below 1024")
    }

    @Test func `A server keeps its port and its state, and nothing of root`() async throws {
        let directory = try openDirectory()
        let nobody = try #require(getpwnam("nobody")?.pointee)
        let log = directory.path("martlet.log")
        let port = try lowPort()
        // What commands of root's have left there belongs to the account too.
        let added = try await Program.martlet(["users", "add", "anna", "--state-dir", directory.path("state")])
        #expect(added.status == 0)
        for _ in 0..<2 {
            let server = try await start(["--port", "\(port)", "--log-file", log], directory)
            let process = server.identifier
            #expect(try status(process, "Uid") == Array(repeating: Int(nobody.pw_uid), count: 4))
            #expect(try status(process, "Gid") == Array(repeating: Int(nobody.pw_gid), count: 4))
            #expect(try status(process, "Groups") == [Int(nobody.pw_gid)])
            // Commands still reach it, and what they change is written.
            let name = "user\(process)"
            let second = try await Program.martlet(["users", "add", name, "--state-dir", directory.path("state")])
            #expect(second.status == 0, "\(second.errors)")
            server.terminate()
            let result = await server.ended()
            #expect(result.status == 0 && !result.errors.contains("ERROR"), "\(result.errors)")
            let listed = try await Program.martlet(["users", "list", "--state-dir", directory.path("state")])
            #expect(listed.output.contains(name) && listed.output.contains("anna"))
        }
        for name in ["state", "state/martlet.db", "martlet.log"] {
            var found = stat()
            #expect(stat(directory.path(name), &found) == 0 && found.st_uid == nobody.pw_uid, "\(name)")
        }
    }

    @Test func `What root's commands make belongs to the account that the directory belongs to`() async throws {
        let directory = try openDirectory()
        let nobody = try #require(getpwnam("nobody")?.pointee)
        let state = directory.path("state")
        #expect(mkdir(state, 0o700) == 0 && chown(state, nobody.pw_uid, nobody.pw_gid) == 0)
        let link = try await Program.martlet(["link", "--state-dir", state])
        let added = try await Program.martlet(["users", "add", "anna", "--state-dir", state])
        #expect(link.status == 0 && added.status == 0, "\(link.errors) \(added.errors)")
        let names = try FileManager.default.contentsOfDirectory(atPath: state)
        #expect(Set(names).isSuperset(of: ["secret", "martlet.db", "martlet.lock"]))
        for name in names {
            var found = stat()
            #expect(lstat("\(state)/\(name)", &found) == 0 && found.st_uid == nobody.pw_uid, "\(name)")
            #expect(found.st_gid == nobody.pw_gid, "\(name)")
        }
    }

    @Test func `A file of the state directory that is a link is not followed`() async throws {
        let directory = try openDirectory()
        let other = try directory.write("mine", to: "other.txt")
        #expect(chmod(other, 0o644) == 0)
        #expect(mkdir(directory.path("state"), 0o700) == 0)
        #expect(symlink(other, directory.path("state/martlet.db")) == 0)
        let added = try await Program.martlet(["users", "add", "anna", "--state-dir", directory.path("state")])
        #expect(added.status == 73 && added.errors.contains("martlet.db"), "\(added.status) \(added.errors)")
        var found = stat()
        #expect(stat(other, &found) == 0 && found.st_mode & 0o777 == 0o644)
    }

    @Test func `An account that is not there is told`() async throws {
        let directory = try openDirectory()
        let result = try await Program.martlet(
            ["run", "--port", "0", "--state-dir", directory.path("state"), "--user", "nobody-at-all"] + Self.quiet)
        #expect(result.status == 73 && result.errors.contains("there is no account \"nobody-at-all\""))
        #expect(result.errors.contains("--user"))
    }

    @Test func `A directory that the account could not use is told, and others' files are left alone`() async throws {
        let closed = try TemporaryDirectory()
        let below = try await Program.martlet(
            ["run", "--port", "0", "--state-dir", closed.path("state"), "--user", "nobody"] + Self.quiet)
        #expect(below.status == 73 && below.errors.contains("cannot use \(closed.url.path)"), "\(below.errors)")

        let directory = try openDirectory()
        let foreign = try directory.write("x", to: "somebody.txt")
        let result = try await Program.martlet(
            ["run", "--port", "0", "--state-dir", directory.url.path, "--user", "nobody"] + Self.quiet)
        #expect(result.status == 73 && result.errors.contains("\"somebody.txt\""), "\(result.errors)")
        var found = stat()
        #expect(stat(foreign, &found) == 0 && found.st_uid == 0)
    }
}
