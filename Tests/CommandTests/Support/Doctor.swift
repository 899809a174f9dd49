import Foundation
import MTProtoWire
import ProxyTestKit
import Testing

/// What `martlet doctor --json` says.
struct Diagnosis: Decodable {
    struct Verdict: Decodable {
        var level: String
        var text: String
        var failed: Int
    }
    struct Check: Decodable {
        var id: String
        var subject: String?
        var level: String
        var value: String
        var reason: String?
        var advice: String?
        var commands: [String]?
        var measured: [String: Double]?
    }
    var version: String
    var verdict: Verdict
    var checks: [Check]

    /// All findings of a check.
    func of(_ id: String) -> [Check] { checks.filter { $0.id == id } }

    /// The only finding of a check, or that about a subject.
    func one(_ id: String, _ subject: String? = nil) throws -> Check {
        let found = of(id).filter { subject == nil || $0.subject == subject }
        try #require(found.count == 1, "\(id): \(found)")
        return found[0]
    }

    /// Names of what failed.
    var failed: [String] {
        checks.filter { $0.level == "fail" }.map { [$0.id, $0.subject].compactMap { $0 }.joined(separator: " ") }
    }
}

/// Flags of a server whose whole world is on this machine, for the doctor to look at.
struct DoctorCase {
    static let key = "000102030405060708090a0b0c0d0e0f"

    let directory: TemporaryDirectory
    var flags: [String]

    /// - Parameters:
    ///   - dataCenter: the port of every data center's TCP address; nil: there is none.
    ///   - place: where it listens; nil: where nobody else does. The kit's servers are on other addresses, and the
    ///     system gives other ports.
    init(dataCenter: Int? = nil, place: (host: String, port: Int)? = nil, timeout: String = "30s") async throws {
        directory = try TemporaryDirectory()
        // A port that was only just free may still be open in a program that another test started meanwhile.
        let quiet = ("127.0.9.\(Int.random(in: 1...250))", Int.random(in: 20_000...30_000))
        let (host, port) = place ?? quiet
        flags = [
            "--state-dir", directory.path("state"), "--host", host, "--port", "\(port)", "--secret", Self.key,
            "--no-cfproxy", "--pool-size", "0", "--address-service", "none", "--timeout", timeout, "--clock-url",
            Self.nobody,
        ]
        if let dataCenter { addTCP(dataCenter) }
    }

    /// A page of a server that is not there.
    static let nobody = "http://127.0.0.1:1/"

    /// Every data center that Telegram has, on one port.
    mutating func addTCP(_ port: Int, only ids: [Int] = [1, 2, 3, 4, 5, 203]) {
        for id in ids { flags += ["--tcp-address", "\(id):127.0.0.1:\(port)"] }
    }

    /// With the ways to Telegram that are not given turned off.
    var allFlags: [String] {
        flags + ["--dc-ip", "--tcp-address"].filter { !flags.contains($0) }.flatMap { [$0, "none"] }
    }

    /// Runs `martlet doctor --json` with these flags and reads its answer.
    func examine(only: String? = nil, launcher: [String] = []) async throws -> (Diagnosis, ProgramResult) {
        let command = [Program.path, "doctor", "--json"] + allFlags + (only.map { ["--only", $0] } ?? [])
        let outcome = try await ChildProcess.run(
            launcher + command, environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"])
        let result = ProgramResult(
            output: String(decoding: outcome.output, as: UTF8.self),
            errors: String(decoding: outcome.errors, as: UTF8.self), status: outcome.status)
        do {
            return (try JSONDecoder().decode(Diagnosis.self, from: Data(result.output.utf8)), result)
        } catch {
            throw KitError.command("doctor said \(result.output) \(result.errors): \(error)")
        }
    }
}
