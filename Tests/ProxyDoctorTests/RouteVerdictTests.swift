import MTProtoWire
import NIOCore
import ProxyPolicy
import Testing

@testable import ProxyDoctor

@Suite
struct RouteVerdictTests {
    private let two = DataCenter(id: 2)
    private let four = DataCenter(id: 4)

    private func tcp(_ dataCenter: DataCenter, _ host: String, obstacle: String? = nil) -> DataCenterCheck.Try {
        let target = SocketTarget(host: host, port: 443)
        let route = Route(kind: .tcp, target: .tcp(target), name: "tcp \(target)")
        return DataCenterCheck.Try(dataCenter: dataCenter, route: route, obstacle: obstacle)
    }

    private func good(_ answer: Double) -> RouteProbe.Outcome {
        RouteProbe.Outcome(times: .init(tcp: 1, answer: answer), stage: .answer)
    }

    private func bad(_ failure: ProbeFailure) -> RouteProbe.Outcome {
        RouteProbe.Outcome(times: .init(), stage: .tcp, failure: failure)
    }

    @Test
    func `A data center is fine when one way works, and each dead way is a warning`() {
        let findings = DataCenterCheck.findings(
            [two], [tcp(two, "192.0.2.1"), tcp(two, "192.0.2.2"), tcp(two, "192.0.2.3")],
            [good(40), bad(.route(.refused)), good(9)], hasOtherDomains: false)
        #expect(findings.map(\.level) == [.pass, .pass, .warn, .pass])
        #expect(findings[0].value.contains("2 of 3 routes, best tcp 192.0.2.3:443"))
        #expect(findings[2].value == "refused" && findings[2].commands == ["nc -vz 192.0.2.2 443"])
        #expect(findings[1].measured == ["tcp_ms": 1, "answer_ms": 40])
    }

    @Test
    func `All ways dead is a failure, and no way at all a warning`() {
        let dead = DataCenterCheck.findings(
            [two, four], [tcp(two, "192.0.2.1")], [bad(.noDataCenter)], hasOtherDomains: false)
        #expect(dead.map(\.level) == [.fail, .warn, .warn])
        #expect(dead[1].value == "no route")
        let nothing = DataCenterCheck.findings([two, four], [], [], hasOtherDomains: false)
        #expect(nothing.map(\.level) == [.fail, .fail])
        let hoping = DataCenterCheck.findings(
            [two], [tcp(two, "192.0.2.1")], [bad(.route(.silent))], hasOtherDomains: true)
        #expect(hoping[0].level == .warn && hoping[0].commands.first?.contains("--community") == true)
    }

    @Test
    func `A family that the machine does not have is no warning`() {
        let findings = DataCenterCheck.findings(
            [two], [tcp(two, "192.0.2.1"), tcp(two, "2001:db8::1", obstacle: "no IPv6")], [good(3), nil],
            hasOtherDomains: false)
        #expect(findings.map(\.level) == [.pass, .pass, .skipped])
        let alone = DataCenterCheck.findings(
            [two], [tcp(two, "2001:db8::1", obstacle: "no IPv6")], [nil], hasOtherDomains: false)
        #expect(alone[0].level == .fail)
    }

    @Test
    func `Every failure has words, a reason and an advice`() {
        let route = tcp(two, "192.0.2.1").route
        let failures: [RouteFailure] = [
            .timedOut(stage: .tcp), .timedOut(stage: .tls), .timedOut(stage: .upgrade), .refused, .reset, .unreachable,
            .badCertificate, .badAcceptKey, .redirected(302), .status(403, retryAfter: nil),
            .status(429, retryAfter: 5), .status(502, retryAfter: nil), .wrongDataCenter, .silent, .closedEarly,
            .nameNotFound, .noMiddleProxy, .middleProxyRefused(skew: 1), .clockSkew(40), .other("x"),
        ]
        let all: [ProbeFailure] =
            failures.map { .route($0) } + [
                .noDataCenter, .transport(.wrongDataCenter), .transport(.flood), .transport(.unknownKey),
            ]
        for failure in all {
            let remedy = failure.remedy(route)
            #expect(!failure.words.isEmpty && !remedy.reason.isEmpty && !remedy.advice.isEmpty && !failure.code.isEmpty)
        }
    }

    @Test
    func `The head of an upgrade's answer is taken, and nothing behind it`() throws {
        var random = SecureRandom()
        let handshake = WebSocketHandshake(using: &random)
        func answer(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }
        var good = answer(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSEC-websocket-Accept:  \(handshake.expectedAccept)\r\n\r\nrest"
        )
        let head = try #require(UpgradeAnswer(reading: &good))
        #expect(head.failure(accepting: handshake) == nil)
        #expect(String(buffer: good) == "rest")
        func failure(_ text: String) -> RouteFailure? {
            var bytes = answer(text)
            return UpgradeAnswer(reading: &bytes)?.failure(accepting: handshake)
        }
        #expect(failure("HTTP/1.1 101 X\r\nSec-WebSocket-Accept: wrong\r\n\r\n") == .badAcceptKey)
        #expect(failure("HTTP/1.1 101 X\r\n\r\n") == .badAcceptKey)
        #expect(failure("HTTP/1.1 302 Found\r\nLocation: x\r\n\r\n") == .redirected(302))
        #expect(failure("HTTP/1.1 429 X\r\nRetry-After: 30\r\n\r\n") == .status(429, retryAfter: 30))
        #expect(failure("SSH-2.0-x\r\n\r\n") == .status(0, retryAfter: nil))
        var part = answer("HTTP/1.1 101 X\r\nA: b\r\n")
        #expect(UpgradeAnswer(reading: &part) == nil && part.readableBytes == 22)
    }
}

@Suite
struct MiddleProxyVerdictTests {
    private let target = MiddleProxyTarget(host: "192.0.2.1", port: 8_888)

    private func outcome(_ trouble: MiddleProxyProbe.Trouble?, skew: Int? = 0) -> MiddleProxyProbe.Outcome {
        var outcome = MiddleProxyProbe.Outcome()
        outcome.skewSeconds = skew
        outcome.trouble = trouble
        outcome.local = IPAddress(v4: 0x0a00_0005)
        outcome.announced = outcome.local
        return outcome
    }

    @Test
    func `One dead middle proxy is a warning, all dead a failure`() {
        let some = MiddleProxyVerdict.findings(
            [(target, outcome(nil)), (target, outcome(.route(.refused), skew: nil))], window: 120)
        #expect(some.map(\.level) == [.pass, .warn, .pass])
        let all = MiddleProxyVerdict.findings([(target, outcome(.refused))], window: 120)
        #expect(all.map(\.level) == [.fail, .pass])
        #expect(all[0].reason?.contains("public address in them, 10.0.0.5") == true)
    }

    @Test
    func `The clock is judged by the middle one`() {
        let findings = MiddleProxyVerdict.findings(
            [3_600, 0, 1].map { (target, outcome(nil, skew: $0)) }, window: 120)
        #expect(findings.last?.id == .middleProxyClock && findings.last?.level == .pass)
        let off = MiddleProxyVerdict.findings(
            [(target, outcome(.handshake(.clockSkew(seconds: 90)), skew: 90))], window: 120)
        #expect(off.map(\.level) == [.fail, .fail])
    }

    @Test
    func `The sample takes different middle proxies of different data centers`() throws {
        let list = try MiddleProxyList(
            parsing: (1...9).map { "proxy_for \($0) 192.0.2.\($0):80; proxy_for -\($0) 192.0.2.\($0):80;" }.joined(),
            file: "test")
        let targets = MiddleProxyCheck.sampled([list])
        #expect(targets.count == 5 && Set(targets).count == 5)
    }
}

@Suite
struct NameVerdictTests {
    private let names = [
        NameCheck.Wanted(name: "site.example", purpose: "the site", isNeeded: true),
        NameCheck.Wanted(name: "page.example", purpose: "the time", isNeeded: false),
    ]

    @Test
    func `Names that lead nowhere, and a resolver that does not answer`() {
        let fine = NameCheck.findings(names, [(.found([]), 5), (.found([]), 9)])
        #expect(fine.map(\.level) == [.pass, .pass] && fine[0].measured["slowest_ms"] == 9)
        let some = NameCheck.findings(names, [(.noSuchName, 5), (.noAnswer, 900)])
        #expect(some.map(\.level) == [.pass, .fail, .warn])
        let none = NameCheck.findings(names, [(.noAnswer, 900), (.noAnswer, 900)])
        #expect(none.map(\.level) == [.fail, .skipped] && none[0].id == .resolver)
    }

    @Test
    func `Only names that are looked up are asked for`() {
        var configuration = ProxyConfiguration()
        configuration.mask.target = SocketTarget(host: "site.example", port: 443)
        configuration.routes.ownDomains = ["mine.example", "dialled.example"]
        configuration.routes.dialOverrides = ["dialled.example": SocketTarget(host: "192.0.2.1", port: 443)]
        configuration.routes.workers = ["w.example"]
        configuration.limits.blockLists = ["/etc/list", "https://lists.example/x"]
        var patient = Patient(configuration: configuration, version: "1")
        patient.clockPage = "http://127.0.0.1:80/"
        let names = NameCheck.names(patient).map(\.name)
        #expect(names == ["site.example", "w.example"] + (1...5).map { "kws\($0).mine.example" } + ["lists.example"])
        patient.configuration.middleProxy.use = .always
        #expect(NameCheck.names(patient).contains { $0.name == "core.telegram.org" })
    }
}
