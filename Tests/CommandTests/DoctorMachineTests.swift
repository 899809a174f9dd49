import Foundation
import ProxyTestKit
import Testing

/// What the doctor says about mask hosts, ports, packet filters and limits of this machine.
@Suite(.timeLimit(.minutes(3))) struct DoctorMachineTests {
    // MARK: Mask host

    private func maskCase(_ mask: MaskHost) async throws -> DoctorCase {
        var one = try await DoctorCase()
        let authority = try await CertificateAuthority.shared()
        one.flags += ["--fake-tls-domain", "mask.example", "--mask-address", "127.0.0.1:\(mask.port)"]
        one.flags += ["--ca-file", authority.certificatePath]
        return one
    }

    @Test func `A mask host with another name's certificate`() async throws {
        try await withKit { kit in
            let mask = kit.keep(try await MaskHost.start(names: ["other.example"]))
            let (diagnosis, result) = try await maskCase(mask).examine(only: "mask")
            #expect(result.status == 1 && diagnosis.failed == ["mask.certificate mask.example"])
            #expect(try diagnosis.one("mask.certificate").value == "belongs to another name")
        }
    }

    @Test func `A mask host whose certificate has expired, or signed itself`() async throws {
        try await withKit { kit in
            let authority = try await CertificateAuthority.shared()
            let expired = try await authority.expiredIdentity(for: ["mask.example"])
            let old = kit.keep(try await MaskHost.start(identity: expired))
            let (late, _) = try await maskCase(old).examine(only: "mask")
            #expect(try late.one("mask.certificate").value == "expired 24 h ago")
            let own = try await authority.selfSignedIdentity(for: ["mask.example"])
            let selfMade = kit.keep(try await MaskHost.start(identity: own))
            let (untrusted, result) = try await maskCase(selfMade).examine(only: "mask")
            #expect(result.status == 1)
            #expect(try untrusted.one("mask.certificate").value == "signed by nobody whom this machine trusts")
        }
    }

    @Test func `A mask host that is not there`() async throws {
        var one = try await DoctorCase(timeout: "3s")
        one.flags += ["--mask-host", "mask.example", "--mask-address", "127.0.0.1:1"]
        let (diagnosis, result) = try await one.examine(only: "mask")
        #expect(result.status == 1 && diagnosis.failed == ["mask.host 127.0.0.1:1"])
    }

    // MARK: Ports

    @Test func `A port that another program has`() async throws {
        try await withKit { kit in
            let other = kit.keep(try await FakeDataCenter.start())
            let one = try await DoctorCase(place: ("127.0.0.1", other.port))
            let (diagnosis, result) = try await one.examine(only: "listen")
            #expect(result.status == 1 && diagnosis.failed == ["listen.port 127.0.0.1:\(other.port)"])
            #expect(try diagnosis.one("listen.port").value.hasPrefix("taken by "))
        }
    }

    @Test func `The port of the running server is as it should be`() async throws {
        let one = try await DoctorCase()
        var run = one.allFlags
        for name in ["--timeout", "--clock-url"] {
            let place = try #require(run.firstIndex(of: name))
            run.removeSubrange(place...place + 1)
        }
        let server = try RunningProgram(Program.path, ["run"] + run, variables: [:])
        #expect(await server.says("listening"))
        let (diagnosis, result) = try await one.examine(only: "listen,server,version,state,system")
        #expect(result.status == 0, "\(result.output)")
        #expect(try diagnosis.one("listen.port").value == "held by the running server (process \(server.identifier))")
        #expect(try diagnosis.one("listen.firewall").level == "pass")
        #expect(try diagnosis.one("server").measured?["pid"] == Double(server.identifier))
        #expect(try diagnosis.one("version").level == "pass")
        server.terminate()
        #expect(await server.ended().status == 0)
    }

    @Test func `An address that this machine does not have`() async throws {
        var one = try await DoctorCase()
        one.flags += ["--host", "192.0.2.77"]
        let (diagnosis, result) = try await one.examine(only: "listen")
        #expect(result.status == 1)
        #expect(try diagnosis.one("listen.port").value == "not an address of this machine")
    }

    /// Whether a network of our own can be made here.
    private static let hasNetworks =
        getuid() == 0 && (try? ChildProcess(["sh", "-c", "command -v nft && ip netns list"]).waitUntilExit()) == 0

    @Test(.enabled(if: hasNetworks)) func `A packet filter that drops a port`() async throws {
        let name = "doctor-\(getpid())-\(UInt32.random(in: 0...(.max)))"
        func shell(_ command: String) async throws -> ProgramResult {
            try await run("/bin/sh", ["-c", command], variables: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"])
        }
        let made = try await shell(
            """
            ip netns add \(name) && ip -n \(name) link set lo up && ip netns exec \(name) nft 'add table inet doctor;
            add chain inet doctor in { type filter hook input priority 0; };
            add rule inet doctor in tcp dport 7777 drop; add rule inet doctor in tcp dport 7778 reject with tcp reset'
            """)
        defer { _ = try? ChildProcess(["ip", "netns", "delete", name]).waitUntilExit() }
        try #require(made.status == 0, "\(made.errors)")
        func examine(_ port: Int) async throws -> Diagnosis {
            let one = try await DoctorCase(place: ("0.0.0.0", port), timeout: "2s")
            return try await one.examine(only: "listen", launcher: ["ip", "netns", "exec", name]).0
        }
        let dropped = try await examine(7_777)
        #expect(dropped.failed == ["listen.firewall 0.0.0.0:7777"])
        #expect(try dropped.one("listen.firewall").value == "127.0.0.1: packets are lost")
        #expect(try dropped.one("listen.port").level == "pass")
        #expect(try await examine(7_778).one("listen.firewall").value == "127.0.0.1: refused")
        #expect(try await examine(7_779).failed.isEmpty)
    }

    // MARK: Limits and state

    @Test func `Too few open files for the clients that are configured`() async throws {
        var one = try await DoctorCase()
        one.flags += ["--max-connections", "1000"]
        let (diagnosis, result) = try await one.examine(
            only: "system", launcher: ["/bin/sh", "-c", "ulimit -n 256; exec \"$@\"", "sh"])
        #expect(result.status == 1 && diagnosis.failed == ["system.files"])
        #expect(try diagnosis.one("system.files").measured?["limit"] == 256)
        let (enough, _) = try await one.examine(only: "system")
        #expect(enough.failed.isEmpty)
    }

    @Test func `More memory for sessions than there is`() async throws {
        var one = try await DoctorCase()
        one.flags += ["--max-memory", "1000000 GiB"]
        let (diagnosis, result) = try await one.examine(only: "system.memory")
        #expect(result.status == 1 && diagnosis.failed == ["system.memory"])
    }

    @Test func `A state directory that others can read`() async throws {
        let one = try await DoctorCase()
        let state = one.directory.path("state")
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: false)
        chmod(state, 0o755)
        try one.directory.write("x", to: "state/secret")
        chmod(state + "/secret", 0o644)
        let (diagnosis, result) = try await one.examine(only: "state")
        #expect(result.status == 0)
        let finding = try diagnosis.one("state")
        #expect(finding.level == "warn" && finding.commands?.contains("chmod 700 \(state)") == true)
        // Nothing is changed by looking.
        let mode = try FileManager.default.attributesOfItem(atPath: state + "/secret")[.posixPermissions] as? Int
        #expect(mode == 0o644)
    }

    // MARK: The command

    @Test func `Wrong flags and configurations end as for other commands`() async throws {
        let wrong = try await Program.martlet(["doctor", "--only", "dns.nam"])
        #expect(wrong.status == 64 && wrong.errors.contains("did you mean dns.name?"))
        #expect(try await Program.martlet(["doctor", "--timeout", "soon"]).status == 64)
        let unknown = try await Program.martlet(["doctor", "--jsno"])
        #expect(unknown.status == 64 && unknown.errors.contains("did you mean --json?"))
        let directory = try TemporaryDirectory()
        let file = try directory.write("[listen]\nport = 99999\n", to: "bad.toml")
        let bad = try await Program.martlet(["doctor", "--config", file])
        #expect(bad.status == 78 && bad.errors.contains("bad.toml:2"))
    }

    @Test func `Nothing is made by looking`() async throws {
        let one = try await DoctorCase()
        _ = try await one.examine(only: "config,version,cipher,server,state,listen,system")
        #expect(!FileManager.default.fileExists(atPath: one.directory.path("state")))
    }
}
