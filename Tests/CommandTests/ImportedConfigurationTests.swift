import Foundation
import MTProtoWire
import ProxyPolicy
import ProxySwitching
import ProxyTestKit
import Testing

@testable import martlet

/// Configurations of other programs, made into martlet's: they pass its loader, and links stay what they were.
@Suite struct ImportedConfigurationTests {
    struct Sample: Sendable, CustomTestStringConvertible {
        var kind: ForeignKind
        var name: String
        var text: String
        /// `server port secret` of the other program's links, with - for a server that is the machine's own address;
        /// nil where it has none.
        var links: [String]?

        var testDescription: String { "\(kind.rawValue)/\(name)" }
    }

    static let samples: [Sample] = {
        let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("ProxySwitchingTests/Samples")
        return ForeignKind.allCases.flatMap { kind -> [Sample] in
            let place = directory.appendingPathComponent(kind.rawValue)
            func content(_ name: String) -> String? {
                try? String(contentsOf: place.appendingPathComponent(name), encoding: .utf8)
            }
            let names = (try? FileManager.default.contentsOfDirectory(atPath: place.path)) ?? []
            return names.filter { !$0.hasSuffix(".links") }.sorted().map { name in
                Sample(
                    kind: kind, name: name, text: content(name) ?? "",
                    links: content("\(name).links")?.split(separator: "\n").map(String.init))
            }
        }
    }()

    private func load(_ sample: Sample, in directory: TemporaryDirectory) throws -> LoadedConfiguration {
        for name in ["proxy-multi.conf", "proxy-secret", "block.txt"] { try directory.write("", to: name) }
        // The unit names the directory where MTProxy's files are.
        let text = sample.text.replacing("/opt/MTProxy\n", with: "\(directory.url.path)\n")
        let translation = try ForeignConfiguration(
            kind: sample.kind, text: text, name: sample.name, directory: directory.url.path
        ).translate()
        let host = HostEnvironment(variables: [:], workingDirectory: directory.url.path, accountHome: "/home/someone")
        do throws(ConfigurationFailure) {
            return try ConfigurationLoader(text: (name: "result", content: translation.toml), host: host).load()
        } catch {
            let problems = error.errors.map { "\($0)" }
            Issue.record("\(problems)\n\(translation.toml)")
            throw error
        }
    }

    @Test(arguments: samples)
    func `The result passes martlet's loader, and its links are those of the other program`(sample: Sample) throws {
        let directory = try TemporaryDirectory()
        let loaded = try load(sample, in: directory)
        guard let expected = sample.links else { return }
        let links = ProxyLink.all(for: loaded.configuration)
        let hasServer = expected.first?.hasPrefix("- ") == false
        #expect(Set(links.map { "\(hasServer ? $0.server : "-") \($0.port) \($0.secret)" }) == Set(expected))
        #expect(links.count == expected.count)
    }

    @Test func `The samples are found`() {
        #expect(Self.samples.count > 15 && Self.samples.count { $0.links != nil } > 12)
    }
}

/// `martlet config import`, as people call it.
@Suite struct ConfigImportCommandTests {
    private static let key = "000102030405060708090a0b0c0d0e0f"
    private static let telemt = """
        [general]
        fast_mode = true
        [general.modes]
        secure = true
        tls = false
        [server]
        port = 2443
        [access.users]
        alice = "\(key)"
        """

    private func write(_ text: String, _ name: String, _ directory: TemporaryDirectory) throws -> String {
        try directory.write(text, to: name)
    }

    @Test func `The result is printed, and starts a server's configuration`() async throws {
        let directory = try TemporaryDirectory()
        let file = try write(Self.telemt, "telemt.toml", directory)
        let result = try await Program.martlet(["config", "import", "auto", file])
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.output.contains("\"alice\" = \"dd\(Self.key)\""))
        #expect(result.output.contains("# general.fast_mode = true: no equivalent, because"))
        #expect(result.errors.contains("The result passes martlet's check.") && !result.errors.contains(Self.key))
        let made = try write(result.output, "martlet.toml", directory)
        let links = try await Program.martlet(["link", "--config", made], variables: ["HOME": directory.url.path])
        #expect(links.output.contains("port=2443&secret=dd\(Self.key)"))
    }

    @Test func `A file is closed to others, and replaced only by force`() async throws {
        let directory = try TemporaryDirectory()
        let file = try write(Self.telemt, "telemt.toml", directory)
        let output = directory.path("new.toml")
        let first = try await Program.martlet(["config", "import", "telemt", file, "--output", output])
        #expect(first.status == 0 && first.output.isEmpty)
        let mode = try FileManager.default.attributesOfItem(atPath: output)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let second = try await Program.martlet(["config", "import", "telemt", file, "--output", output])
        #expect(second.status == 73 && second.errors.contains("--force"))
        let third = try await Program.martlet(["config", "import", "telemt", file, "--output", output, "--force"])
        #expect(third.status == 0)
        #expect(try String(contentsOfFile: output, encoding: .utf8).contains(Self.key))
        let left = try FileManager.default.contentsOfDirectory(atPath: directory.url.path).sorted()
        #expect(left == ["new.toml", "telemt.toml"])
    }

    @Test func `The summary is JSON without secrets`() async throws {
        let directory = try TemporaryDirectory()
        let file = try write(Self.telemt, "telemt.toml", directory)
        let result = try await Program.martlet(["config", "import", "telemt", file, "--json"])
        #expect(result.status == 0 && !result.output.contains(Self.key))
        let summary = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        #expect(summary["kind"] as? String == "telemt" && summary["valid"] as? Bool == true)
        #expect((summary["translated"] as? [String])?.contains("access.users") == true)
        let commented = try #require(summary["commented"] as? [[String: String]])
        #expect(commented.contains { $0["name"] == "general.fast_mode" && $0["reason"]?.isEmpty == false })
    }

    @Test func `What cannot be read is told with its line`() async throws {
        let directory = try TemporaryDirectory()
        let broken = try write("PORT = 443\nUSERS = {\"a\": \"zz\"}\n", "config.py", directory)
        let wrong = try await Program.martlet(["config", "import", "mtprotoproxy", broken])
        #expect(wrong.status == 78 && wrong.output.isEmpty)
        #expect(
            wrong.errors == "\(broken): line 2: USERS.a: the secret is not accepted; expected 32 hexadecimal digits\n")
        #expect(
            try await Program.martlet(["config", "import", "mtprotoprox", broken]).errors.contains(
                "did you mean mtprotoproxy?"))
        #expect(try await Program.martlet(["config", "import", "mtprotoprox", broken]).status == 64)
        let unknown = try write("hello\n", "hello.txt", directory)
        #expect(try await Program.martlet(["config", "import", "auto", unknown]).status == 64)
        #expect(try await Program.martlet(["config", "import", "mtg", directory.path("none")]).status == 78)
    }

    @Test func `A result that needs a file which is not there says so`() async throws {
        let directory = try TemporaryDirectory()
        let file = try write(
            "mtproto-proxy -H 443 -S \(Self.key) --aes-pwd secret proxy-multi.conf\n", "run.sh", directory)
        let result = try await Program.martlet(["config", "import", "mtproxy", file])
        #expect(
            result.status == 78 && result.output.contains("config_file = \"\(directory.path("proxy-multi.conf"))\""))
        #expect(result.errors.contains("would not start") && result.errors.contains("cannot be read"))
    }
}
