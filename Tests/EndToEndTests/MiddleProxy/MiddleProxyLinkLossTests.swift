import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Synchronization
import Testing

@Suite("A link that ends while clients are on it", .timeLimit(.minutes(5)))
struct MiddleProxyLinkLossTests {
    @Test("A link that is reset under load takes nobody with it who has nothing under way")
    func underLoad() async throws {
        try await withMiddleProxy { proxy, middle in
            let clients = try await proxy.settledMessengers(100)
            #expect(middle.links.count >= 2)
            let busy = clients.indices.filter { $0 % 5 < 3 }
            let isOver = Noted<Bool>()
            let count = Counter()
            async let survivors = withTaskGroup(of: Int?.self) { group in
                for index in busy {
                    group.addTask { await Self.talk(clients[index], until: isOver, count) ? index : nil }
                }
                return await group.reduce(into: Set<Int>()) { if let index = $1 { $0.insert(index) } }
            }
            try await eventually(timeout: .seconds(60), "some load") { count.value > 5 * busy.count }
            let victim = try await middle.session(0).link
            let onVictim = Set(middle.sessionFacts.filter { $0.link == victim.index }.map(\.client))
            await victim.reset()
            _ = try await proxy.line("link to a middle proxy lost")
            isOver.note(true)
            let alive = await survivors

            for index in clients.indices where !busy.contains(index) { try await clients[index].exchange([3]) }
            for index in busy {
                let place = try Endpoint(of: clients[index].stream.localAddress)
                if !onVictim.contains(place) { #expect(alive.contains(index), "on a link that nothing happened to") }
            }
            let hit = onVictim.count
            let lost = busy.count - alive.count
            print("figure: link killed: \(hit - lost) of \(hit) clients went on")
            #expect(proxy.metrics.value("martlet_middle_proxy_orphans_total{outcome=closed}") == lost)
            #expect(proxy.metrics.value("martlet_middle_proxy_orphans_total{outcome=moved}") == hit - lost)
            try await proxy.settledMessenger().close()
            for client in clients { await client.close() }
        }
    }

    private static func talk(_ client: TelegramClient, until isOver: Noted<Bool>, _ count: Counter) async -> Bool {
        var rest = 5
        var generator = SeededGenerator(seed: .random(in: 0...(.max)))
        while rest > 0 {
            if isOver.value == true { rest -= 1 }
            guard await client.echoes(generator.bytes(2_000)) else { return false }
            count.add()
        }
        return true
    }

    private final class Counter: Sendable {
        private let stored = Mutex(0)

        var value: Int { stored.withLock { $0 } }
        func add() { stored.withLock { $0 += 1 } }
    }

    @Test("Clients at rest wait for a new link where there was only one", arguments: [true, false])
    func onlyLink(isReset: Bool) async throws {
        try await withMiddleProxy { proxy, middle in
            let clients = try await proxy.settledMessengers(10)
            for round in 1...2 as ClosedRange<UInt8> {
                for link in middle.openLinks { if isReset { await link.reset() } else { await link.close() } }
                try await eventually(timeout: .seconds(60), "the loss in the log") {
                    let ended = middle.linkFacts.count { $0.establishedAt != nil && $0.isOver }
                    return ended > 0 && proxy.log.lines("link to a middle proxy lost").count == ended
                }
                for client in clients { try await client.exchange([round]) }
            }
            #expect(proxy.metrics.value("martlet_middle_proxy_orphans_total{outcome=closed}") == 0)
            // Each of them is a new session there, and an old one that no word can be sent about.
            let lost = middle.sessionFacts.count { $0.lostLink }
            #expect(lost >= 20)
            // On a slow machine there may be a spare link, and clients that moved there before it ended.
            #expect(proxy.metrics.value("martlet_middle_proxy_orphans_total{outcome=moved}") >= lost)
            for client in clients { await client.close() }
        }
    }

    @Test("A client whose question is under way is closed, so that it asks again")
    func underWay() async throws {
        try await withMiddleProxy { proxy, middle in
            let client = try await proxy.settledMessenger()
            let resting = try await proxy.settledMessenger()
            middle.change { $0.isMute = true }
            try await client.send([1])
            let session = try await middle.session(0)
            try await eventually("the question") { session.facts.messagesReceived == 2 }
            middle.change { $0.isMute = false }
            await session.link.reset()
            _ = try await client.waitUntilOver()
            try await resting.exchange([2])
            #expect(proxy.metrics.value("martlet_middle_proxy_orphans_total{outcome=closed}") == 1)
            let again = try await proxy.settledMessenger()
            await again.close()
            await resting.close()
        }
    }

    @Test("A client not answered yet moves to another route with all it said", arguments: [true, false])
    func unanswered(isFirstOnLink: Bool) async throws {
        try await withMiddleProxyAndDataCenter { proxy, middle, dataCenter in
            var other: TelegramClient?
            if !isFirstOnLink { other = try await proxy.settledMessenger() }
            middle.enqueue(.silence)
            let client = try await proxy.messenger(.fakeTLS)
            try await client.send([1, 2, 3])
            try await client.send([4, 5, 6])
            let session = try await middle.session(isFirstOnLink ? 0 : 1)
            try await eventually("both messages") { session.facts.messagesReceived == 2 }
            await session.link.reset()
            #expect(try await client.receive() == [1, 2, 3])
            #expect(try await client.receive() == [4, 5, 6])
            // On a slow machine there may be a spare link, and then that is where it went.
            let wentDirectly = dataCenter.facts.count { $0.packetsReceived == 2 } == 1
            #expect(wentDirectly || middle.sessionFacts.contains { $0.messagesReceived == 2 && $0.messagesSent == 2 })
            try await other?.exchange([7])
            await client.close()
            await other?.close()
        }
    }

    @Test("One of two targets dies: its clients go on over the other")
    func otherTarget() async throws {
        try await withKit { kit in
            let fleet = kit.keep(try await MiddleProxyFleet.start(2))
            try await withProxy(list: fleet.configText()) { proxy in
                let clients = try await proxy.settledMessengers(10)
                let first = try #require(fleet.members.first { !$0.sessions.isEmpty })
                let second = try #require(fleet.members.first { $0.target != first.target })
                await first.stop()
                for client in clients { try await client.exchange([1]) }
                #expect(second.sessions.count == 10)
                let late = try await proxy.settledMessenger()
                await late.close()
                for client in clients { await client.close() }
            }
        }
    }
}
