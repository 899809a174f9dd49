import Foundation
import MTProtoWire
import ProxyTestKit
import Testing

/// The doctor of the built program, with a world of fakes around it.
@Suite(.timeLimit(.minutes(3))) struct DoctorTests {
    /// A page whose server's clock is so many seconds ahead.
    private func clockPage(_ kit: KitScope, ahead seconds: Int) async throws -> String {
        let server = kit.keep(try await ListServer.start("", certificate: .plaintext))
        server.setClock(ahead: seconds)
        return "http://127.0.0.1:\(server.port)/"
    }

    @Test func `All is well`() async throws {
        try await withKit { kit in
            let dataCenter = kit.keep(try await FakeDataCenter.start(.keyExchange))
            let edge = kit.keep(try await WebSocketEdge.start(dataCenter: .keyExchange))
            let middle = kit.keep(try await FakeMiddleProxy.start())
            let mask = kit.keep(try await MaskHost.start(names: ["mask.example"]))
            var one = try await DoctorCase(dataCenter: dataCenter.port)
            let files = try MiddleProxyFiles.write(config: middle.configText(), into: one.directory)
            let authority = try await CertificateAuthority.shared()
            one.flags += ["--clock-url", try await clockPage(kit, ahead: 0), "--ca-file", authority.certificatePath]
            one.flags += (1...5).flatMap { ["--dc-ip", "\($0):127.0.0.1:\(edge.port)"] }
            one.flags += ["--middle-proxy", "always", "--middle-proxy-secret-file", files.secret]
            one.flags += ["--middle-proxy-config-file", files.config, "--fake-tls-domain", "mask.example"]
            one.flags += ["--mask-address", "127.0.0.1:\(mask.port)"]
            let (diagnosis, result) = try await one.examine()
            #expect(result.status == 0, "\(result.output)")
            #expect(diagnosis.failed.isEmpty && diagnosis.verdict.level != "fail")
            for id in ["1", "2", "3", "4", "5", "203"] { #expect(try diagnosis.one("dc", id).level == "pass") }
            let routes = diagnosis.of("dc.route")
            #expect(routes.count == 6 + 5 * 2 && routes.allSatisfy { $0.level == "pass" })
            let webSocket = routes.first { $0.subject?.contains("kws2.web.telegram.org") == true }?.measured ?? [:]
            #expect(Set(webSocket.keys) == ["tcp_ms", "tls_ms", "upgrade_ms", "answer_ms"])
            let link = try diagnosis.one("middle-proxy.link")
            #expect(link.level == "pass" && link.measured?["ping_ms"] != nil)
            for id in ["clock.web", "clock.middle-proxy", "listen.port", "listen.firewall", "state", "mask.host"] {
                #expect(try diagnosis.one(id).level == "pass", "\(id)")
            }
            // Certificates of tests live for two days only.
            #expect(try diagnosis.one("mask.certificate").value.hasPrefix("valid for 1 day"))
            #expect(try diagnosis.one("mask.hello").measured?["records"] != nil)
            #expect(!result.output.contains(DoctorCase.key))
        }
    }

    @Test func `People get a table, what to do, and one sentence at the end`() async throws {
        let one = try await DoctorCase()
        let result = try await Program.martlet(["doctor", "--only", "cipher,dc,clock.web"] + one.allFlags)
        #expect(result.status == 1)
        let lines = result.output.split(separator: "\n").map(String.init)
        #expect(lines.contains("Telegram's data centers") && lines.contains("What to do"))
        #expect(lines.contains { $0.hasPrefix("  warn  clock.web ") })
        #expect(lines.contains("  failed dc 1, dc 2, dc 3, dc 4, dc 5, dc 203: no route"))
        #expect(lines.last == "6 checks failed: dc 1, dc 2, dc 3, dc 4 and 2 more; 1 warning beside.")
        #expect(!result.output.contains("\u{1b}") && result.errors.isEmpty)
    }

    // MARK: Clock

    @Test(arguments: [3_600, -3_600]) func `A clock that is an hour off`(ahead: Int) async throws {
        try await withKit { kit in
            var one = try await DoctorCase()
            one.flags += ["--clock-url", try await clockPage(kit, ahead: ahead)]
            let (diagnosis, result) = try await one.examine(only: "clock")
            #expect(result.status == 1 && diagnosis.failed == ["clock.web"])
            let clock = try diagnosis.one("clock.web")
            #expect(abs((clock.measured?["skew_s"] ?? 0) - Double(ahead)) < 60)
            #expect(clock.commands?.contains("timedatectl set-ntp true") == true)
        }
    }

    // MARK: Middle proxies

    private func middleProxyCase(_ middle: FakeMiddleProxy) async throws -> DoctorCase {
        var one = try await DoctorCase()
        let files = try MiddleProxyFiles.write(config: middle.configText(), into: one.directory)
        one.flags += ["--middle-proxy", "always", "--middle-proxy-secret-file", files.secret]
        one.flags += ["--middle-proxy-config-file", files.config]
        return one
    }

    @Test func `A middle proxy whose clock differs`() async throws {
        try await withKit { kit in
            var behaviour = MiddleProxyBehaviour()
            behaviour.opening.skewSeconds = 300
            let middle = kit.keep(try await FakeMiddleProxy.start(behaviour))
            let (diagnosis, result) = try await middleProxyCase(middle).examine(only: "middle-proxy,clock.middle-proxy")
            #expect(result.status == 1)
            #expect(try diagnosis.one("clock.middle-proxy").level == "fail")
            #expect(try diagnosis.one("middle-proxy.link").value.contains("its clock differs by"))
        }
    }

    @Test func `A middle proxy that closes after the handshake means a wrong address`() async throws {
        try await withKit { kit in
            let middle = kit.keep(try await FakeMiddleProxy.start(.failing(.closesAfterHandshake)))
            let (diagnosis, result) = try await middleProxyCase(middle).examine(only: "middle-proxy")
            #expect(result.status == 1)
            let link = try diagnosis.one("middle-proxy.link")
            #expect(link.level == "fail" && link.value.hasPrefix("closed right after the handshake"))
            #expect(link.reason?.contains("public address") == true)
            #expect(try diagnosis.one("middle-proxy.lists", "secret").level == "pass")
        }
    }

    @Test func `A list that is none, and a secret that cannot be had`() async throws {
        var one = try await DoctorCase()
        let list = try one.directory.write("<html>", to: "list")
        one.flags += ["--middle-proxy", "always", "--middle-proxy-secret-url", "http://127.0.0.1:1/secret"]
        one.flags += ["--middle-proxy-config-file", list]
        let (diagnosis, result) = try await one.examine(only: "middle-proxy")
        #expect(result.status == 1)
        #expect(Set(diagnosis.failed) == ["middle-proxy.lists secret", "middle-proxy.lists list"])
    }

    // MARK: Data centers

    @Test func `Dead data centers are named, each with its reason`() async throws {
        try await withKit { kit in
            let good = kit.keep(try await FakeDataCenter.start(.keyExchange))
            let echo = kit.keep(try await FakeDataCenter.start(.echo))
            let mute = kit.keep(try await FakeDataCenter.start(.silence))
            let wrong = kit.keep(try await FakeDataCenter.start(.transportError(-444)))
            let hole = kit.keep(try await BlackHole.start())
            var one = try await DoctorCase(timeout: "3s")
            one.addTCP(good.port, only: [1, 5])
            for (id, port) in [(2, hole.port), (3, echo.port), (4, mute.port), (203, wrong.port)] {
                one.addTCP(port, only: [id])
            }
            one.flags += ["--tcp-address", "5:127.0.0.1:1"]
            let (diagnosis, result) = try await one.examine(only: "dc")
            #expect(result.status == 1)
            #expect(diagnosis.failed == ["dc 2", "dc 3", "dc 4", "dc 203"])
            func why(_ id: Int) -> [String] {
                diagnosis.of("dc.route").filter { $0.subject?.hasPrefix("\(id) ") == true && $0.level == "warn" }
                    .map(\.value)
            }
            #expect(why(1).isEmpty && why(5) == ["refused"])
            #expect(why(2).first == "no answer to TCP")
            #expect(why(3).first?.hasPrefix("something answers that is no data center") == true)
            #expect(why(4).first?.hasPrefix("connected, but not a byte came") == true)
            #expect(why(203).first?.hasPrefix("another data center answers (-444)") == true)
        }
    }

    @Test func `A certificate that nobody vouches for`() async throws {
        try await withKit { kit in
            let edge = kit.keep(try await WebSocketEdge.start(dataCenter: .keyExchange))
            let dataCenter = kit.keep(try await FakeDataCenter.start(.keyExchange))
            var one = try await DoctorCase(dataCenter: dataCenter.port)
            one.flags += ["--dc-ip", "2:127.0.0.1:\(edge.port)"]
            // Without --ca-file the test authority is unknown.
            let (diagnosis, result) = try await one.examine(only: "dc")
            #expect(result.status == 0)
            let route = try #require(diagnosis.of("dc.route").first { $0.subject?.contains("kws2.") == true })
            #expect(route.level == "warn" && route.value.hasPrefix("its certificate is not valid"))
            #expect(try diagnosis.one("dc", "2").value.hasPrefix("1 of 3 routes"))
        }
    }

    @Test func `Redirects and broken upgrades`() async throws {
        try await withKit { kit in
            let edge = kit.keep(try await WebSocketEdge.start(.redirect(), dataCenter: .keyExchange))
            edge.setBehaviour(.badAccept, forHost: "kws2-1.web.telegram.org")
            var one = try await DoctorCase()
            let authority = try await CertificateAuthority.shared()
            one.flags += ["--dc-ip", "2:127.0.0.1:\(edge.port)", "--ca-file", authority.certificatePath]
            let (diagnosis, result) = try await one.examine(only: "dc")
            #expect(result.status == 1 && diagnosis.failed == ["dc 2"])
            let values = diagnosis.of("dc.route").map { String($0.value.prefix { $0 != "(" }) }
            #expect(Set(values) == ["redirected ", "what answers is no WebSocket server "])
        }
    }

    @Test func `A Worker and a domain of one's own`() async throws {
        try await withKit { kit in
            let inner = kit.keep(try await FakeDataCenter.start(.keyExchange))
            let cloudflare = kit.keep(try await CloudflareEdge.start(inner: inner, dataCenter: .keyExchange))
            var one = try await DoctorCase()
            let authority = try await CertificateAuthority.shared()
            let place = "127.0.0.1:\(cloudflare.port)"
            one.flags += ["--ca-file", authority.certificatePath, "--cfproxy"]
            one.flags += ["--cfproxy-worker-domain", "worker.example", "--cfproxy-domain", "cf.example"]
            one.flags += ["--cf-dial", "worker.example=\(place)", "--cf-dial", "cf.example=\(place)"]
            let (diagnosis, result) = try await one.examine(only: "dc")
            #expect(result.status == 0, "\(result.output)")
            #expect(diagnosis.of("dc.route").count == 12)
            #expect(diagnosis.of("dc.route").allSatisfy { $0.level == "pass" })
        }
    }
}
