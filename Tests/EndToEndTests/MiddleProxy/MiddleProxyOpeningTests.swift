import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("Middle proxies that do not open links as they should", .timeLimit(.minutes(5)))
struct MiddleProxyOpeningFaultTests {
    struct Trouble: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var opening: MiddleProxyOpening
        var message = "link to a middle proxy failed"
        /// The word in the log; nil where the message says everything.
        var because: String?

        static let hint = "the middle proxy closed right after the handshake: our public address or our clock is wrong"
        static let clock = "our clock is too far from the middle proxy's: put it right"

        private static func fault(_ fault: MiddleProxyOpening.Fault, _ because: String) -> Trouble {
            Trouble(
                testDescription: "\(fault)", opening: MiddleProxyOpening(fault: fault),
                because: because.isEmpty ? nil : because)
        }

        private static func hinted(_ fault: MiddleProxyOpening.Fault) -> Trouble {
            Trouble(testDescription: "\(fault)", opening: MiddleProxyOpening(fault: fault), message: hint)
        }

        private static func changed(
            _ name: String, _ message: String, _ because: String?, _ change: (inout MiddleProxyOpening) -> Void
        ) -> Trouble {
            var opening = MiddleProxyOpening()
            change(&opening)
            return Trouble(testDescription: name, opening: opening, message: message, because: because)
        }

        static let all =
            [
                fault(.closesAtOnce, ""), fault(.resetsAtOnce, ""), fault(.silentBeforeNonce, "timeout-upgrade"),
                fault(.garbage, "middle-proxy-bad-frame"), fault(.wrongNonceType, "middle-proxy-unexpected-message"),
                fault(.wrongSelector, "middle-proxy-wrong-selector"),
                fault(.wrongSchema(0), "middle-proxy-wrong-schema"),
                fault(.wrongSchema(2), "middle-proxy-wrong-schema"),
                fault(.longNonce, "middle-proxy-wrong-length"), fault(.nonceFrame(.checksum), "middle-proxy-bad-frame"),
                fault(.nonceFrame(.sequence), "middle-proxy-bad-frame"),
                fault(.nonceFrame(.length(0x7fff_fffc)), "middle-proxy-bad-frame"),
                fault(.bytesBehindNonce, "middle-proxy-unexpected-bytes"), fault(.closesBeforeNonce, "closed-early"),
                fault(.silentAfterHandshake, "timeout-upgrade"),
                fault(.handshakeError(-4), "middle-proxy-handshake-refused"),
                fault(.wrongHandshakeType, "middle-proxy-unexpected-message"),
                fault(.wrongProcess, "middle-proxy-wrong-process"),
            ] + [
                hinted(.closesAfterNonce), hinted(.closesAfterHandshake), hinted(.resetsAfterHandshake),
                hinted(.wrongKey),
                hinted(.handshakeFrame(.checksum)), hinted(.longHandshake),
                changed("flags that must not be set", "link to a middle proxy failed", "middle-proxy-wrong-flags") {
                    $0.handshakeFlags = 0x801
                },
                changed("a clock 45 s ahead", clock, nil) { $0.skewSeconds = 45 },
                changed("a clock 45 s behind", clock, nil) { $0.skewSeconds = -45 },
            ]
    }

    @Test("The log says what is wrong, and the client is served directly", arguments: Trouble.all)
    func trouble(_ trouble: Trouble) async throws {
        try await withMiddleProxyAndDataCenter(
            MiddleProxyBehaviour(opening: trouble.opening),
            adapt: { $0.middleProxy.openingMilliseconds = 5_000 }
        ) { proxy, middle, dataCenter in
            let client = try await proxy.messenger()
            try await client.exchange([1, 2, 3])
            await client.close()
            let line = try await proxy.line(trouble.message)
            #expect(line["target"] == middle.target)
            if let because = trouble.because { #expect(line["because"] == because) }
            #expect(try await proxy.routeOfSession().hasPrefix("tcp "))
            #expect(dataCenter.facts.count == 1)
            #expect(proxy.metrics.value("martlet_middle_proxy_links") == 0)
            if trouble.message == Trouble.clock {
                let skew = try #require(line["clock_skew_seconds"].flatMap { Int($0) })
                #expect((44...46).contains(abs(skew)) && (skew > 0) == (trouble.opening.skewSeconds > 0))
            }
        }
    }

    @Test("The hint about address and clock names the measured skew")
    func measuredSkew() async throws {
        var opening = MiddleProxyOpening(fault: .closesAfterHandshake)
        opening.skewSeconds = 17
        try await withMiddleProxyAndDataCenter(MiddleProxyBehaviour(opening: opening)) { proxy, _, _ in
            let client = try await proxy.messenger()
            try await client.exchange([1])
            await client.close()
            let line = try await proxy.line(Trouble.hint)
            #expect((16...18).contains(try #require(line["clock_skew_seconds"].flatMap { Int($0) })))
            #expect(line["hint"]?.contains("middle_proxy.nat") == true)
            #expect((16...18).contains(proxy.metrics.value("martlet_middle_proxy_clock_skew_seconds")))
        }
    }

    @Test("A clock that is less than 30 s off is good enough", arguments: [-27, 27])
    func toleratedSkew(seconds: Int) async throws {
        var behaviour = MiddleProxyBehaviour()
        behaviour.opening.skewSeconds = seconds
        try await withMiddleProxy(behaviour) { proxy, _ in
            try await proxy.settledMessenger().close()
        }
    }

    /// Failures with and without a link that stood before.
    static let repeated: [MiddleProxyOpening.Fault?] = [.closesAtOnce, .wrongSelector, .closesAfterHandshake, nil]

    @Test("Attempts back off however many clients come; then it heals", arguments: repeated)
    func backOff(fault: MiddleProxyOpening.Fault?) async throws {
        var behaviour = MiddleProxyBehaviour(opening: MiddleProxyOpening(fault: fault))
        // Closed as soon as it stands.
        if fault == nil { (behaviour.linkLifetime, behaviour.session) = (.zero, .silence) }
        try await withMiddleProxy(behaviour) { proxy, middle in
            let start = ContinuousClock.now
            var clients = 0
            while ContinuousClock.now - start < .seconds(3) {
                // They come, wait in vain and go.
                let client = try await proxy.messenger()
                try? await client.send([1])
                _ = try await client.waitUntilOver()
                await client.close()
                clients += 1
            }
            let opened = middle.links.count
            print(
                "figure: \(opened) links opened for \(clients) clients in 3 s, \(fault.map { "\($0)" } ?? "closed when they stand")"
            )
            // 1 s after the first, 1.5 s after the second; a slow machine takes a little longer for all of it.
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            #expect(opened <= 3 + Int(seconds / 2))
            #expect(clients > 0)

            middle.setBehaviour(MiddleProxyBehaviour())
            try await eventually(timeout: .seconds(60), every: .milliseconds(200), "a client that is served") {
                let client = try await proxy.messenger()
                let isServed = await client.echoes([1])
                await client.close()
                return isServed
            }
            #expect(middle.sessionFacts.contains { $0.messagesSent == 1 })
        }
    }

    @Test("With a direct route beside it, the middle proxy is tried again by itself and taken again")
    func heals() async throws {
        try await withKit { kit in
            let place = ListenOptions(host: SocketTarget.lonelyHost)
            let middle = kit.keep(try await FakeMiddleProxy.start(listen: place))
            let dataCenter = kit.keep(try await FakeDataCenter.start())
            let (port, list) = (middle.port, middle.configText())
            await middle.stop()
            try await withProxy(
                list: list, adapt: { $0.routes.tcpAddresses = [2: [.loopback(dataCenter.port)]] }
            ) { proxy in
                try await proxy.settledMessenger().close()
                #expect(try await proxy.routeOfSession(0).hasPrefix("tcp "))
                #expect(try await proxy.line("link to a middle proxy failed")["because"] == "refused")
                try await proxy.settledMessenger().close()
                #expect(try await proxy.routeOfSession(1).hasPrefix("tcp "))
                let back = ListenOptions(host: SocketTarget.lonelyHost, port: port)
                let healed = kit.keep(try await FakeMiddleProxy.start(listen: back))
                _ = try await proxy.line("route works again", within: .seconds(60))
                try await proxy.settledMessenger().close()
                #expect(try await proxy.routeOfSession(2) == "middle-proxy dc 2")
                #expect(healed.sessions.count == 1)
            }
        }
    }

    @Test("Diffie-Hellman with a value that everybody knows is no link")
    func weakExchange() async throws {
        var opening = MiddleProxyOpening(fault: .weakPublicValue)
        opening.prime = LinkExchange.testPrime
        try await withMiddleProxyAndDataCenter(
            MiddleProxyBehaviour(opening: opening),
            adapt: { $0.middleProxy.diffieHellmanPrime = LinkExchange.testPrime }
        ) { proxy, _, _ in
            try await proxy.settledMessenger().close()
            // Without optimization the numbers may take longer than an opening may, so not every attempt gets so far.
            try await eventually(timeout: .seconds(120), "the reason in the log") {
                proxy.log.lines("link to a middle proxy failed").contains {
                    $0["because"] == "middle-proxy-bad-diffie-hellman"
                }
            }
        }
    }
}
