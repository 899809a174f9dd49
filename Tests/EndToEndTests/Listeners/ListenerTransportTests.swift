import MTProtoWire
import NIOCore
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

extension ListenerSuites {
    @Suite("The transports of a listener") struct ListenerTransportTests {
        /// Each transport alone, the usual three, and all at once.
        private static let offers: [ClientTransports] = [
            .fakeTLS, .padded, .obfuscated2, .open, .plain, .standard,
            [.fakeTLS, .padded, .obfuscated2, .open, .plain],
        ]

        @Test(
            "A client is served where its transport is offered; elsewhere the mask host gets it byte for byte",
            arguments: ClientOpening.all)
        func offered(_ opening: ClientOpening) async throws {
            try await Self.withOffers { proxy, open, host in
                var served = 0
                for (index, offer) in Self.offers.enumerated() {
                    let port = try proxy.port(index)
                    if offer.contains(opening.transport) {
                        try await Self.talk(try await opening.connect(port: port))
                        let facts = try await open.desk.session(served).facts
                        #expect(facts.framing == opening.framing)
                        #expect(facts.dataCenterWire == 2)
                        #expect(try await proxy.endOfSession(served)["user"] == opening.user)
                        served += 1
                    } else {
                        try await Self.showsMaskHost(host, port, try opening.bytes())
                    }
                }
                #expect(served == open.desk.sessions.count)
                #expect(host.facts.count == Self.offers.count - served)
            }
        }

        @Test("Without a mask host every opening that is not offered meets the same silence")
        func silence() async throws {
            let deadline: Int64 = 1_000
            try await Self.withOffers(adapt: {
                ($0.mask.host, $0.mask.target) = (nil, nil)
                $0.handshake.timeoutMilliseconds = deadline
            }) { proxy, open, _ in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for (index, offer) in Self.offers.enumerated() {
                        let port = try proxy.port(index)
                        for opening in ClientOpening.all where !offer.contains(opening.transport) {
                            group.addTask {
                                let (stream, time) = try await measured {
                                    let stream = try await ByteStream.connect(port: port)
                                    try await stream.write(try opening.bytes())
                                    #expect(try await stream.endWithoutAWord() == .finished)
                                    return stream
                                }
                                #expect(time >= .milliseconds(deadline - 10), "\(opening.testDescription)")
                                await stream.close()
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(open.desk.sessions.isEmpty)
            }
        }

        /// More than decides what it is.
        private static let singly = SegmentPlan.sizes(Array(repeating: 1, count: 80))

        @Test("Openings in single bytes are judged the same way", arguments: ClientOpening.all)
        func singleBytes(_ opening: ClientOpening) async throws {
            try await Self.withOffers { proxy, open, host in
                let options = TelegramClientOptions(
                    framing: opening.framing, segments: Self.singly, isBare: opening.transport == .plain,
                    patience: .seconds(60))
                let everything = try proxy.port(Self.offers.count - 1)
                try await Self.talk(
                    try await TelegramClient.connect(port: everything, secret: opening.form?.secret, options: options))
                #expect(open.desk.sessions.count == 1)
                let other = opening.transport == .plain ? ClientTransports.standard : .plain
                let index = try #require(Self.offers.firstIndex(of: other))
                try await Self.showsMaskHost(host, try proxy.port(index), try opening.bytes(), segments: Self.singly)
            }
        }

        // MARK: Data centers

        @Test("The data center is the header's; where the transport names none, the listener's, and else the routes'")
        func dataCenters() async throws {
            var four = ListenerConfiguration.loopback([.plain, .open, .fakeTLS, .padded])
            four.defaultDataCenter = 4
            let listeners = [four, .loopback([.plain, .open])]
            try await withProxy(
                to: .tcp,
                adapt: {
                    $0.listen.isOff = true
                    $0.listeners = listeners
                    let target = $0.routes.tcpAddresses[2]
                    for id in 1...5 { $0.routes.tcpAddresses[id] = target }
                    $0.routes.defaultDataCenter = 5
                }
            ) { proxy, open in
                var expected: [Int16] = []
                func visit(_ opening: ClientOpening, _ index: Int, _ wire: Int16, meets result: Int16) async throws {
                    try await Self.talk(try await opening.connect(port: try proxy.port(index), dataCenter: wire))
                    expected.append(result)
                }
                for opening in ClientOpening.all where opening.transport == .plain {
                    try await visit(opening, 0, 0, meets: 4)
                    try await visit(opening, 1, 0, meets: 5)
                }
                for opening in ClientOpening.all where [.open, .fakeTLS, .padded].contains(opening.transport) {
                    for wire: Int16 in [1, 2, 3, -4, -5] { try await visit(opening, 0, wire, meets: wire) }
                }
                #expect(open.desk.facts.compactMap(\.dataCenterWire) == expected)
            }
        }

        // MARK: Parts

        private static func withOffers(
            adapt: (inout ProxyConfiguration) -> Void = { _ in },
            _ body: (RunningProxy, OpenWay, RecordingHost) async throws -> Void
        ) async throws {
            try await withKit { kit in
                let host = kit.keep(try await RecordingHost.start(.echo))
                try await withProxy(
                    to: .tcp,
                    adapt: {
                        $0.listen.isOff = true
                        $0.listeners = offers.map { .loopback($0) }
                        $0.hide(behind: host.port)
                        adapt(&$0)
                    }
                ) { proxy, open in
                    try await body(proxy, open, host)
                }
            }
        }

        private static func talk(_ client: TelegramClient) async throws {
            var generator = SeededGenerator(seed: 2)
            for size in [0, 1, 500, 70_000] { try await client.exchange(generator.bytes(size)) }
            await client.close()
        }

        private static func showsMaskHost(
            _ host: RecordingHost, _ port: Int, _ opening: [UInt8], segments: SegmentPlan = .whole
        ) async throws {
            let stream = try await ByteStream.connect(port: port)
            try await stream.write(ByteBuffer(bytes: opening), segments: segments)
            #expect(Array(buffer: try await stream.read(exactly: opening.count, within: .seconds(60))) == opening)
            #expect(host.facts.last?.received == opening)
            await stream.close()
        }
    }
}
