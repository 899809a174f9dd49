import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("Links that are asked, links that do not answer, links that say strange things", .timeLimit(.minutes(4)))
struct MiddleProxyPingTests {
    @Test("Every RPC_PING is answered with its own number")
    func pings() async throws {
        var behaviour = MiddleProxyBehaviour()
        behaviour.style.fillersBeforeFrame = 1
        try await withMiddleProxy(behaviour) { proxy, middle in
            let client = try await proxy.settledMessenger()
            let link = try await middle.session(0).link
            for _ in 0..<20 { try await link.ping() }
            try await eventually("all pongs") { link.facts.pongsReceived.count == 20 }
            #expect(link.facts.pongsReceived == link.facts.pingsSent)
            try await client.exchange([1])
            await client.close()
        }
    }

    @Test("A link that stalls is found by our own pings and replaced")
    func stalled() async throws {
        try await withMiddleProxyAndDataCenter { proxy, middle, _ in
            let resting = try await proxy.settledMessengers(3)
            let asking = try await proxy.settledMessenger()
            // It accepts and never answers.
            for link in middle.openLinks {
                link.setReading(paused: true)
                // Sent after that, so when this is out nothing is read any more.
                try await link.send(ciphertext: [])
            }
            let stalled = middle.links.count
            let (_, time) = try await measured {
                try await asking.send([1])
                let newcomer = try await proxy.messenger()
                try await newcomer.send([2])
                // It was not answered yet: it goes on elsewhere with all it said.
                #expect(try await newcomer.receive() == [2])
                await newcomer.close()
            }
            #expect(try await proxy.line("link to a middle proxy lost")["because"] == "silent")
            print("figure: a stalled link was found and replaced after \(time.inSeconds)")
            _ = try await asking.waitUntilOver()
            for client in resting { try await client.exchange([3]) }
            #expect(middle.sessionFacts.count { $0.link >= stalled } >= 3)
            for client in resting { await client.close() }
        }
    }

    @Test("Answers for clients that are gone are told to be so; unknown words are ignored")
    func strangeWords() async throws {
        var behaviour = MiddleProxyBehaviour(.echoBesideStrangers)
        behaviour.opening.firstPayloads = [LinkWord.simpleAck(0x55, confirm: 0x8000_0001), [1, 2, 3, 4]]
        try await withMiddleProxy(behaviour) { proxy, middle in
            let client = try await proxy.messenger()
            for round in 1...5 as ClosedRange<UInt8> { try await client.exchange([round]) }
            let session = try await middle.session(0)
            let (stranger, link) = (~session.connection, session.link)
            // Words that nobody knows, a pong that nobody asked for, ends of connections that nobody has.
            try await link.send([
                [0xde, 0xad, 0xbe, 0xef], [0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 0], LinkWord.pong(99),
                LinkWord.closeExternal(12_345), LinkWord.closeConnection(54_321),
                LinkWord.answer(77, [1, 2, 3, 4]), LinkWord.simpleAck(78, confirm: 0x8000_0000),
            ])
            try await client.exchange([6])
            try await eventually("the closes") { link.facts.foreignCloses.count == 1 + 6 + 2 }
            #expect(Set(link.facts.foreignCloses) == [0x55, stranger, 77, 78])
            #expect(proxy.metrics.value("martlet_middle_proxy_stray_total{kind=answer}") == 7)
            // On a slow machine there may be a spare link, with two strange words of its own.
            let spare = 0...(middle.links.count - 1)
            #expect(spare.contains(proxy.metrics.value("martlet_middle_proxy_stray_total{kind=acknowledgement}") - 2))
            #expect(spare.contains(proxy.metrics.value("martlet_middle_proxy_stray_total{kind=unknown-type}") - 3))
            #expect(proxy.keptItsLinks(middle))
            await client.close()
        }
    }

    struct Breach: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var payload: [UInt8] = LinkWord.ping(1)
        var fault: LinkFrame.Fault?

        static let all = [
            Breach(testDescription: "a wrong checksum", fault: .checksum),
            Breach(testDescription: "a wrong number", fault: .sequence),
            Breach(testDescription: "a length that is no multiple of four", fault: .length(17)),
            Breach(testDescription: "a length below the shortest", fault: .length(12)),
            Breach(testDescription: "a frame of 16 MiB and more", fault: .length((16 << 20) + 4)),
            Breach(testDescription: "a frame of 2 GiB", fault: .length(0x7fff_fffc)),
            Breach(testDescription: "a ping of 8 bytes", payload: Array(LinkWord.ping(1).prefix(8))),
            Breach(testDescription: "an answer without connection", payload: Array(LinkWord.answer(1, []).prefix(8))),
            Breach(
                testDescription: "an acknowledgement of 20 bytes",
                payload: LinkWord.simpleAck(1, confirm: 1) + [0, 0, 0, 0]),
        ]
    }

    @Test("A frame that breaks the rules costs the link and nothing else", arguments: Breach.all)
    func breach(_ breach: Breach) async throws {
        try await withMiddleProxy { proxy, middle in
            let client = try await proxy.settledMessenger()
            try await middle.session(0).link.send([breach.payload], fault: breach.fault)
            #expect(try await proxy.line("link to a middle proxy lost")["because"] == "middle-proxy-bad-frame")
            try await client.exchange([1])
            #expect(middle.sessions.count == 2)
            await client.close()
        }
    }
}
