import ProxyPolicy
import Testing

@Suite struct InFlightTests {
    @Test func `A client that sent nothing is at rest, unless a frame for it is on its way`() {
        let client = InFlight()
        #expect(client.isAtRest(provenUntil: nil, hasPartialFrame: false, now: 0))
        #expect(!client.isAtRest(provenUntil: nil, hasPartialFrame: true, now: 0))
    }

    @Test func `An answered client is at rest`() {
        var client = InFlight()
        client.sent(now: 10)
        #expect(!client.isAtRest(provenUntil: nil, hasPartialFrame: false, now: 11))
        client.answered()
        #expect(client.isAtRest(provenUntil: nil, hasPartialFrame: false, now: 11))
        #expect(!client.isAtRest(provenUntil: 11, hasPartialFrame: true, now: 11))
        client.sent(now: 12)
        #expect(!client.isAtRest(provenUntil: 11, hasPartialFrame: false, now: 13))
    }

    @Test func `A packet without an answer rests when it was read and is old`() {
        var client = InFlight()
        client.sent(now: 1_000)
        // Never proven: however old.
        #expect(!client.isAtRest(provenUntil: nil, hasPartialFrame: false, now: 1_000_000))
        #expect(!client.isAtRest(provenUntil: 1_000, hasPartialFrame: false, now: 1_000_000))
        #expect(!client.isAtRest(provenUntil: 1_001, hasPartialFrame: false, now: 6_000))
        #expect(client.isAtRest(provenUntil: 1_001, hasPartialFrame: false, now: 6_001))
    }

    @Test func `An acknowledgement proves that it was read, and is no answer`() {
        var client = InFlight()
        client.sent(now: 1_000)
        client.acknowledged()
        #expect(!client.isAtRest(provenUntil: nil, hasPartialFrame: false, now: 1_001))
        #expect(client.isAtRest(provenUntil: nil, hasPartialFrame: false, now: 6_001))
    }

    @Test func `One answer says nothing about a second packet`() {
        var client = InFlight()
        client.sent(now: 1_000)
        client.sent(now: 1_001)
        client.answered()
        #expect(!client.isAtRest(provenUntil: nil, hasPartialFrame: false, now: 1_002))
        client.answered()
        #expect(client.isAtRest(provenUntil: nil, hasPartialFrame: false, now: 1_003))
    }

    @Test func `The answer to an acknowledged packet says nothing about another one`() {
        var client = InFlight()
        client.sent(now: 1_000)
        client.acknowledged()
        client.sent(now: 1_001)
        client.answered()
        #expect(!client.isAtRest(provenUntil: nil, hasPartialFrame: false, now: 60_000))
        #expect(client.isAtRest(provenUntil: 1_002, hasPartialFrame: false, now: 60_000))
    }

    @Test(arguments: UInt64(1)...20)
    func `Nothing unread is ever moved`(seed: UInt64) {
        var random = TestGenerator(seed: seed)
        var client = InFlight()
        var unread: Int64?
        var proven: Int64?
        var now: Int64 = 0
        for _ in 0..<2_000 {
            now += Int64.random(in: 0...2_000, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                client.sent(now: now)
                unread = now
            case 1:
                client.answered()
                unread = nil
            case 2:
                proven = now
                if let sent = unread, sent < now { unread = nil }
            default:
                client.acknowledged()
                unread = nil
            }
            if client.isAtRest(provenUntil: proven, hasPartialFrame: false, now: now) { #expect(unread == nil) }
        }
    }
}
