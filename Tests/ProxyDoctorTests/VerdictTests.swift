import MTProtoWire
import NIOCore
import ProxyPolicy
import ProxyStore
import Testing

@testable import ProxyDoctor

@Suite
struct MaskVerdictTests {
    private static let now: Int64 = 1_800_000_000

    private func certificate(
        days: Int64, since: Int64 = 10, fault: TLSVisit.CertificateFault? = nil, isTLS13: Bool = true
    ) -> Finding {
        let seen = TLSVisit.Certificate(
            notBefore: Self.now - since * 86_400, notAfter: Self.now + days * 86_400, fault: fault, isTLS13: isTLS13)
        return MaskVerdict.certificate("site.example", .success(seen), now: Self.now)
    }

    @Test
    func `A certificate's life and names`() {
        #expect(certificate(days: 60).level == .pass)
        #expect(certificate(days: 60).measured["days_left"] == 60)
        #expect(certificate(days: 3).level == .warn)
        #expect(certificate(days: -3).level == .fail && certificate(days: -3).value == "expired 3 days ago")
        #expect(certificate(days: 60, since: -1).value.hasPrefix("not valid yet"))
        #expect(certificate(days: 60, fault: .otherName).value == "belongs to another name")
        #expect(certificate(days: 60, fault: .untrusted).level == .fail)
        #expect(certificate(days: 60, isTLS13: false).level == .warn)
        let silent = MaskVerdict.certificate("a", .failure(.route(.timedOut(stage: .tls))), now: Self.now)
        #expect(silent.level == .fail && silent.value == "TCP stands, no answer to TLS")
    }

    private let here = IPAddress(v4: 0xCB00_7105)
    private let elsewhere = IPAddress(v4: 0x0101_0101)

    @Test
    func `The name has to lead here, and nowhere else`() {
        func level(_ found: NameLookup.Outcome, _ own: Set<IPAddress>) -> Level {
            MaskVerdict.address("a", found, own: own).level
        }
        #expect(level(.found([here]), [here]) == .pass)
        #expect(level(.found([elsewhere]), [here]) == .warn)
        #expect(level(.found([here, elsewhere]), [here]) == .warn)
        #expect(level(.noSuchName, [here]) == .warn)
        #expect(level(.found([here]), []) == .skipped)
        let reason = MaskVerdict.address("a", .found([elsewhere]), own: [here]).reason ?? ""
        #expect(reason.contains("203.0.113.5"))
    }

    @Test
    func `A mask host that is ourselves is recognised by every address`() {
        let anywhere = ListenPlace.tcp(IPAddress(v4: 0), port: 443)
        let loopback = IPAddress(v4: 0x7f00_0001)
        #expect(MaskVerdict.isOurs(here, 443, [anywhere], [here]))
        #expect(MaskVerdict.isOurs(loopback, 443, [anywhere], []))
        #expect(!MaskVerdict.isOurs(here, 8_443, [anywhere], [here]))
        #expect(!MaskVerdict.isOurs(elsewhere, 443, [anywhere], [here]))
        #expect(MaskVerdict.isOurs(here, 443, [.tcp(here, port: 443)], []))
        #expect(!MaskVerdict.isOurs(here, 443, [.unix(path: "/x", mode: 0o600)], [here]))
    }
}

@Suite
struct MachineVerdictTests {
    @Test
    func `Open files against the clients that are configured`() {
        func finding(_ descriptors: UInt64?, _ wanted: Int?, isPublic: Bool = true) -> Finding {
            FileLimitVerdict.finding(descriptors: descriptors, wanted: wanted, pooled: 0, isPublic: isPublic)
        }
        #expect(finding(nil, 100_000).level == .pass)
        #expect(finding(1_024, nil).level == .warn)
        #expect(finding(1_024, nil, isPublic: false).level == .pass)
        #expect(finding(1_024, 1_000).level == .fail)
        #expect(finding(65_536, 1_000).level == .pass)
    }

    @Test
    func `The limit of another process`() {
        let text = """
            Limit                     Soft Limit           Hard Limit           Units
            Max processes             31382                31382                processes
            Max open files            1024                 524288               files
            """
        #expect(FileLimitVerdict.limit(in: text) == 1_024)
        #expect(FileLimitVerdict.limit(in: "Max open files            unlimited            unlimited   files") == .max)
        #expect(FileLimitVerdict.limit(in: "") == nil)
    }

    @Test
    func `Memory for sessions`() {
        func level(_ budget: Int, _ total: UInt64?, _ wanted: Int? = nil, _ available: UInt64? = nil) -> Level {
            MemoryVerdict.finding(budget: budget, total: total, wanted: wanted, available: available).level
        }
        #expect(level(1 << 30, 2 << 30) == .pass)
        #expect(level(4 << 30, 2 << 30) == .fail)
        #expect(level(1 << 30, 2 << 30, 100_000) == .warn)
        #expect(level(1 << 30, 2 << 30, 1_000, 100 << 20) == .warn)
        #expect(level(1 << 30, nil) == .pass)
        #expect(MemoryVerdict.available(in: "MemTotal: 5 kB\nMemAvailable:   2048 kB\n") == 2 << 20)
        #expect(MemoryVerdict.available(in: "MemTotal: 5 kB") == nil)
    }

    @Test
    func `Kernel settings that are too small are named with the command that raises them`() {
        let small = [
            "net.core.somaxconn": "128\n", "net.ipv4.tcp_max_syn_backlog": "256\n",
            "net.ipv4.ip_local_port_range": "32768\t40000\n", "net.ipv4.tcp_rmem": "4096\t16384\t65536\n",
            "net.netfilter.nf_conntrack_max": "8192\n", "net.netfilter.nf_conntrack_count": "8000\n",
            "vm.overcommit_memory": "2\n",
        ]
        let findings = KernelVerdict.findings(small, connections: 20_000)
        #expect(findings.map(\.subject).count == 6 && findings.allSatisfy { $0.level == .warn })
        #expect(findings.allSatisfy { $0.commands.first?.hasPrefix("sysctl -w ") == true })
        #expect(findings.contains { $0.commands == ["sysctl -w net.ipv4.ip_local_port_range='1024 65535'"] })
        let usual = [
            "net.core.somaxconn": "4096\n", "net.ipv4.tcp_max_syn_backlog": "4096",
            "net.ipv4.ip_local_port_range": "32768\t60999", "net.ipv4.tcp_wmem": "4096\t16384\t4194304",
            "net.netfilter.nf_conntrack_max": "262144", "net.netfilter.nf_conntrack_count": "12",
            "vm.overcommit_memory": "0",
        ]
        let good = KernelVerdict.findings(usual, connections: 20_000)
        #expect(good.count == 6 && good.allSatisfy { $0.level == .pass })
        #expect(KernelVerdict.findings([:], connections: 1).isEmpty)
        #expect(KernelVerdict.findings(["net.core.somaxconn": "what"], connections: 1).isEmpty)
    }

    @Test
    func `Who listens on a port stands in the kernel's table`() {
        let table = """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 41001 1 0 100
               1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 41002 1 0 20
               2: 00000000:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 41003 1 0 100
            """
        #expect(PortOwner.listeners(in: table, port: 8_080) == ["41001"])
        #expect(PortOwner.listeners(in: table, port: 443) == ["41003"])
        #expect(PortOwner.listeners(in: table, port: 80).isEmpty)
        #expect(PortOwner.listeners(in: "", port: 80).isEmpty)
    }

    @Test
    func `A port is free, ours, or somebody else's`() {
        let running = ServerReach.running(
            ServerStatus(version: "1", pid: 77, uptimeSeconds: 5), hasTaggedUsers: false)
        func level(_ holding: ListeningCheck.Holding, _ server: ServerReach) -> Level {
            PortVerdict.finding("127.0.0.1:1443", holding, server: server).level
        }
        #expect(level(.nobody, .none) == .pass)
        #expect(level(.nobody, running) == .warn)
        #expect(level(.server, running) == .pass && level(.manager, .none) == .pass)
        let taken = PortVerdict.finding("127.0.0.1:1443", .other("nginx (process 3)"), server: .none)
        #expect(taken.level == .fail && taken.value == "taken by nginx (process 3)")
        #expect(taken.commands == ["ss -ltnp 'sport = :1443'"])
    }

    @Test
    func `Every address of this machine is tried, those of others first`() {
        var addresses = PublicAddresses()
        let own = ["127.0.0.1", "::1", "10.0.0.5", "1.2.3.4", "fe80::1", "2001:db8::5"].compactMap { IPAddress($0) }
        addresses.own = Set(own)
        let v4 = ListeningCheck.targets(IPAddress(v4: 0), addresses)
        #expect(v4.map(\.description) == ["127.0.0.1", "1.2.3.4", "10.0.0.5"])
        let v6 = ListeningCheck.targets(IPAddress(high: 0, low: 0), addresses)
        #expect(v6.first?.description == "::1" && v6.contains { $0.description == "2001:db8::5" } && v6.count == 4)
        let one = IPAddress(v4: 0x0a00_0005)
        #expect(ListeningCheck.targets(one, addresses) == [one])
    }

    @Test
    func `Lost packets are a packet filter's`() {
        let (a, b) = (IPAddress(v4: 0x7f00_0001), IPAddress(v4: 0x0102_0304))
        #expect(PortVerdict.through("x", 443, [(a, nil), (b, nil)]).level == .pass)
        let lost = PortVerdict.through("x", 443, [(a, nil), (b, .timedOut(stage: .tcp))])
        #expect(lost.level == .fail && lost.value == "1.2.3.4: packets are lost")
        #expect(lost.reason?.contains("drops") == true)
        #expect(PortVerdict.through("x", 443, [(a, .refused)]).reason?.contains("rejects") == true)
    }

    @Test
    func `Services have to agree about our address`() {
        let local = IPAddress(v4: 0x0a00_0005)
        let (one, two) = (IPAddress(v4: 0x0102_0304), IPAddress(v4: 0x0506_0708))
        func global(_ answers: [IPAddress?]) -> IPAddress? {
            PublicAddresses.elect(answers, services: answers.count, local: local).global
        }
        #expect(global([one, one, two]) == one)
        #expect(global([one, two, nil]) == nil)
        #expect(global([one]) == one)
        #expect(global([]) == nil && global([nil]) == nil)
        #expect(PublicAddresses.address(Array("1.2.3.4\n".utf8), like: local) == one)
        #expect(PublicAddresses.address(Array("10.0.0.1".utf8), like: local) == nil)
        #expect(PublicAddresses.address(Array("<html> 1.2.3.4".utf8), like: local) == nil)
        #expect(PublicAddresses.address(Array("2a00::1".utf8), like: local) == nil)
    }
}
