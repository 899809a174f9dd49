import ProxyPolicy
import ProxyTestKit
import Testing

/// Whatever is wrong with a route, a client's session goes through the next one, as a whole, and the log says why.
@Suite(.timeLimit(.minutes(3))) struct FallbackTests {
    /// One at a time, so that the times in the output are those of the proxy rather than of the crowd.
    @Test(.serialized, arguments: Trouble.all.filter { $0.wait == .nothing })
    func `A session goes on over TCP when both of Telegram's names let it down`(_ trouble: Trouble) async throws {
        try await fallBack(from: trouble)
    }

    @Test(arguments: Trouble.all.filter { $0.wait != .nothing })
    func `A session goes on over TCP when both of Telegram's names keep it waiting`(_ trouble: Trouble) async throws {
        try await fallBack(from: trouble)
    }

    private func fallBack(from trouble: Trouble) async throws {
        try await withKit { kit in
            let center = kit.keep(try await FakeDataCenter.start())
            let place = try await trouble.start(kit)
            try await RunningProxy.routed {
                $0.routes.webSocketAddresses = [2: [place]]
                $0.routes.tcpAddresses = [2: [.loopback(center.port)]]
                switch trouble.wait {
                case .nothing: break
                // As it is by default, since the time that this test prints is what a user waits.
                case .headStart: $0.connect.headStartMilliseconds = 1_000
                case .firstByte: $0.connect.firstByteTimeoutMilliseconds = 2_000
                }
            } _: { proxy in
                let client = try await proxy.telegramClient()
                let (digest, time) = try await measured { try await client.converse() }
                print("fallback to TCP: \(trouble.testDescription): first session complete after \(time.inSeconds)")
                #expect(center.facts.map(\.digest) == [digest])
                await client.close()
                try await eventually("a line for each of the two names") { proxy.log.routeFailures.count >= 2 }
                let failures = proxy.log.routeFailures
                #expect(Set(failures.map(\.route)) == Set(webSocketNames(2).map { "websocket \($0)" }))
                #expect(failures.allSatisfy { trouble.codes.contains($0.code) }, "\(failures)")
                #expect(failures.allSatisfy { trouble.rests.contains($0.restSeconds) }, "\(failures)")
                let end = try await proxy.line("session ended")
                #expect(end["route"] == "tcp 127.0.0.1:\(center.port)")
                #expect(end["reason"] == "client-closed" || end["reason"] == "upstream-closed")
            }
        }
    }

    @Test(arguments: [("-1 alone", 1), ("the plain name alone", 0)])
    func `When one of Telegram's two names fails the other one serves`(_ name: String, _ broken: Int) async throws {
        try await withKit { kit in
            let edge = kit.keep(try await WebSocketEdge.start())
            edge.setBehaviour(.status(503), forHost: webSocketNames(2)[broken])
            try await RunningProxy.routed {
                $0.routes.webSocketAddresses = [2: [.loopback(edge.port)]]
            } _: { proxy in
                // Media asks for the name with -1 first, so each of them is the first of one client.
                let digest = try await proxy.session(broken == 1 ? -2 : 2)
                #expect(edge.facts.map(\.host) == [webSocketNames(2)[broken], webSocketNames(2)[1 - broken]])
                #expect(edge.carried.map(\.digest) == [digest])
            }
        }
    }

    @Test func `A dead address of a data center is followed by its next one`() async throws {
        try await withKit { kit in
            let edge = kit.keep(try await WebSocketEdge.start())
            let dead = try await SocketTarget.refusing()
            try await RunningProxy.routed {
                $0.routes.webSocketAddresses = [2: [dead, .loopback(edge.port)]]
            } _: { proxy in
                let digest = try await proxy.session()
                #expect(edge.carried.map(\.digest) == [digest])
                #expect(edge.facts.map(\.host) == [webSocketNames(2)[0]])
                #expect(proxy.log.routeFailures.map(\.code) == ["refused"])
            }
        }
    }

    @Test func `A second TCP address takes over from the first one`() async throws {
        try await withKit { kit in
            let center = kit.keep(try await FakeDataCenter.start())
            let dead = try await SocketTarget.refusing()
            try await RunningProxy.routed {
                $0.routes.tcpAddresses = [2: [dead, .loopback(center.port)]]
            } _: { proxy in
                #expect(center.facts.isEmpty)
                let digest = try await proxy.session()
                #expect(center.facts.map(\.digest) == [digest])
                #expect(proxy.log.routeFailures.map(\.route) == ["tcp \(dead)"])
            }
        }
    }

    @Test func `Telegram's IPv6 address is asked when the one over IPv4 is dead`() async throws {
        try await withKit { kit in
            let center = kit.keep(try await FakeDataCenter.start(listen: ListenOptions(host: "::1")))
            let dead = try await SocketTarget.refusing()
            try await RunningProxy.routed {
                // The order of the list does not matter: IPv4 goes first.
                $0.routes.tcpAddresses = [2: [SocketTarget(host: "::1", port: center.port), dead]]
            } _: { proxy in
                let digest = try await proxy.session()
                #expect(center.facts.map(\.digest) == [digest])
                #expect(proxy.log.routeFailures.map(\.route) == ["tcp \(dead)"])
                #expect(try await proxy.line("session ended")["route"] == "tcp [::1]:\(center.port)")
            }
        }
    }
}
