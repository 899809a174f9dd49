import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

/// What an endpoint is asked, and what it has to prove. That no ping is ever sent is checked by every test that uses an
/// edge: to the kit one is a violation.
@Suite(.timeLimit(.minutes(2))) struct UpgradeRequestTests {
    @Test func `The request is the one that Telegram's endpoint knows, and nothing else`() async throws {
        try await withKit { kit in
            let edge = kit.keep(try await WebSocketEdge.start())
            try await RunningProxy.routed {
                $0.routes.webSocketAddresses = [4: [.loopback(edge.port)]]
            } _: { proxy in
                try await proxy.session(4)
                try await proxy.session(4)
                let requests = edge.facts.compactMap(\.request)
                #expect(requests.count == 2)
                for request in requests {
                    #expect(request.method == "GET")
                    #expect(request.target == "/apiws")
                    #expect(request.version == "HTTP/1.1")
                    let names = request.fields.map(\.name)
                    #expect(
                        names == [
                            "Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version",
                            "Sec-WebSocket-Protocol",
                        ])
                    #expect(request["Host"] == "kws4.web.telegram.org")
                    #expect(request["Sec-WebSocket-Protocol"] == "binary")
                }
                #expect(Set(requests.map { $0["Sec-WebSocket-Key"] }).count == 2, "a fresh key each time")
            }
        }
    }

    @Test func `The first message is the header alone, then each packet is one message`() async throws {
        try await withKit { kit in
            let edge = kit.keep(try await WebSocketEdge.start())
            try await RunningProxy.routed {
                $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
            } _: { proxy in
                let client = try await proxy.telegramClient()
                try await client.converse()
                // The kit checks each message against the packet in it.
                let sent = await client.packets.sent
                #expect(edge.facts.map(\.messages) == [1 + sent])
                #expect(edge.facts.map(\.fragmentedMessages) == [0])
                await client.close()
                try await eventually("the close frame") { edge.facts[0].closeCode == 1_000 }
            }
        }
    }

    @Test func `The certificate must carry the name that is asked, not the address that is dialled`() async throws {
        try await withKit { kit in
            let local = kit.keep(try await WebSocketEdge.start(certificate: .issued(["localhost"])))
            let named = kit.keep(try await WebSocketEdge.start(certificate: .issued(["kws2.web.telegram.org"])))
            try await RunningProxy.routed {
                $0.routes.webSocketAddresses = [2: [.loopback(local.port), .loopback(named.port)]]
            } _: { proxy in
                try await proxy.session()
                #expect(local.facts.map(\.serverName) == ["kws2.web.telegram.org"])
                #expect(local.facts.map { $0.request == nil } == [true])
                #expect(named.facts.map(\.serverName) == ["kws2.web.telegram.org"])
                #expect(named.carried.count == 1)
                #expect(proxy.log.routeFailures.map(\.code) == ["bad-certificate"])
            }
        }
    }

    @Test func `Without a CA file only the system's authorities are trusted`() async throws {
        try await withKit { kit in
            let edge = kit.keep(try await WebSocketEdge.start())
            let center = kit.keep(try await FakeDataCenter.start())
            try await RunningProxy.routed {
                $0.connect.caFile = nil
                $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
                $0.routes.tcpAddresses = [2: [.loopback(center.port)]]
            } _: { proxy in
                try await proxy.session()
                #expect(proxy.log.routeFailures.map(\.code) == ["bad-certificate", "bad-certificate"])
                #expect(edge.facts.map { $0.request == nil } == [true, true])
                #expect(center.facts.count == 1)
            }
        }
    }

    @Test(arguments: ["missing", "empty", "rubbish"])
    func `A CA file that cannot be used is told at the start`(_ kind: String) async throws {
        let directory = try TemporaryDirectory()
        if kind != "missing" { try directory.write(kind == "empty" ? "" : "no certificate", to: "ca.pem") }
        let error = await #expect(throws: ProxyError.self) {
            let proxy = try await RunningProxy.start { $0.connect.caFile = directory.path("ca.pem") }
            await proxy.stop()
        }
        #expect(error?.code == .badCertificateFile)
        #expect(error?.message.contains("ca.pem") == true)
    }

    @Test func `A domain's full name may be dialled elsewhere than its base`() async throws {
        try await withKit { kit in
            let special = kit.keep(try await CloudflareEdge.start(domains: ["own.example"]))
            let ordinary = kit.keep(try await CloudflareEdge.start(domains: ["own.example"]))
            try await RunningProxy.routed {
                $0.routes.ownDomains = ["own.example"]
                $0.routes.dialOverrides = [
                    "own.example": .loopback(ordinary.port), "kws4.own.example": .loopback(special.port),
                ]
            } _: { proxy in
                try await proxy.session(2)
                try await proxy.session(4)
                #expect(ordinary.edge.facts.map(\.host) == ["kws2.own.example"])
                #expect(special.edge.facts.map(\.host) == ["kws4.own.example"])
            }
        }
    }
}
