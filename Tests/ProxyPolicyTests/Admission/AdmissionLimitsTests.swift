import MTProtoWire
import ProxyPolicy
import Testing

@Suite struct AdmissionLimitsTests {
    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    @Test func `Connections are bounded in total`() throws {
        var limits = AdmissionLimits(connections: 2, halfOpen: 10, halfOpenPerAddress: 10)
        var first = try limits.admit(address("1.1.1.1"))
        var second = try limits.admit(address("1.1.1.2"))
        limits.handshakeFinished(&first)
        #expect(throws: AdmissionLimits.Refusal.full) { try limits.admit(address("1.1.1.3")) }
        limits.close(&second)
        _ = try limits.admit(address("1.1.1.3"))
        #expect(limits.connections == 2)
    }

    @Test func `Half-open connections are bounded in total`() throws {
        var limits = AdmissionLimits(connections: 10, halfOpen: 2, halfOpenPerAddress: 10)
        var first = try limits.admit(address("1.1.1.1"))
        _ = try limits.admit(address("1.1.1.2"))
        #expect(throws: AdmissionLimits.Refusal.halfOpenFull) { try limits.admit(address("1.1.1.3")) }
        limits.handshakeFinished(&first)
        _ = try limits.admit(address("1.1.1.3"))
        #expect(limits.connections == 3)
        #expect(limits.halfOpen == 2)
    }

    @Test(arguments: [
        ("1.2.3.4", "1.2.3.4", true), ("1.2.3.4", "::ffff:1.2.3.4", true), ("1.2.3.4", "1.2.3.5", false),
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true), ("2001:db8::1", "2001:db8:0:1::1", false),
    ])
    func `Half-open connections are bounded per IPv4 address and IPv6 network`(
        one: String, other: String, isSame: Bool
    ) throws {
        var limits = AdmissionLimits(connections: 10, halfOpen: 10, halfOpenPerAddress: 1)
        var ticket = try limits.admit(address(one))
        if isSame {
            #expect(throws: AdmissionLimits.Refusal.addressFull) { try limits.admit(address(other)) }
            #expect(limits.connections == 1)
            limits.handshakeFinished(&ticket)
        }
        _ = try limits.admit(address(other))
    }

    @Test(arguments: ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
    func `Loopback stands for nobody in particular`(text: String) throws {
        var limits = AdmissionLimits(connections: 10, halfOpen: 5, halfOpenPerAddress: 1)
        for _ in 0..<5 { _ = try limits.admit(address(text)) }
        #expect(throws: AdmissionLimits.Refusal.halfOpenFull) { try limits.admit(address(text)) }
        #expect(limits.addressCount == 0)
    }

    @Test func `A PROXY header moves the connection to the address that it names`() throws {
        var limits = AdmissionLimits(connections: 10, halfOpen: 10, halfOpenPerAddress: 1)
        var first = try limits.admit(nil)
        var second = try limits.admit(nil)
        try limits.identify(&first, as: address("1.1.1.1"))
        #expect(throws: AdmissionLimits.Refusal.addressFull) { try limits.identify(&second, as: address("1.1.1.1")) }
        #expect(limits.halfOpen == 2)
        try limits.identify(&second, as: address("2.2.2.2"))
        #expect(limits.addressCount == 2)
        // A refused move leaves it where it was.
        #expect(throws: AdmissionLimits.Refusal.addressFull) { try limits.identify(&second, as: address("1.1.1.1")) }
        #expect(limits.addressCount == 2)
        // To the same address again: still one.
        try limits.identify(&second, as: address("2.2.2.2"))
        try limits.identify(&second, as: nil)
        #expect(limits.addressCount == 1)
        limits.close(&first)
        limits.close(&second)
        #expect(limits.addressCount == 0)
        #expect(limits.connections == 0)
    }

    @Test func `What was given back cannot be given back again`() throws {
        var limits = AdmissionLimits(connections: 10, halfOpen: 10, halfOpenPerAddress: 10)
        var one = try limits.admit(address("1.1.1.1"))
        _ = try limits.admit(address("1.1.1.1"))
        limits.handshakeFinished(&one)
        limits.handshakeFinished(&one)
        #expect(limits.halfOpen == 1)
        limits.close(&one)
        limits.close(&one)
        limits.handshakeFinished(&one)
        try limits.identify(&one, as: address("9.9.9.9"))
        #expect(limits.connections == 1)
        #expect(limits.halfOpen == 1)
        #expect(limits.addressCount == 1)
    }

    @Test(arguments: UInt64(1)...20)
    func `Counts agree with a simple model and the table stays small`(seed: UInt64) throws {
        var random = TestGenerator(seed: seed)
        var limits = AdmissionLimits(connections: 40, halfOpen: 20, halfOpenPerAddress: 3)
        var tickets: [(AdmissionLimits.Ticket, UInt32, isHalfOpen: Bool)] = []
        for _ in 0..<2_000 {
            let number = UInt32.random(in: 1...10, using: &random)
            if Bool.random(using: &random) {
                let halfOpen = tickets.filter(\.isHalfOpen)
                let isAllowed = tickets.count < 40 && halfOpen.count < 20 && halfOpen.count { $0.1 == number } < 3
                let ticket = try? limits.admit(IPAddress(v4: number))
                #expect((ticket != nil) == isAllowed)
                if let ticket { tickets.append((ticket, number, true)) }
            } else if let index = tickets.indices.randomElement(using: &random) {
                if Bool.random(using: &random) {
                    limits.handshakeFinished(&tickets[index].0)
                    tickets[index].isHalfOpen = false
                } else {
                    var ticket = tickets.remove(at: index).0
                    limits.close(&ticket)
                }
            }
            #expect(limits.connections == tickets.count)
            #expect(limits.halfOpen == tickets.count(where: \.isHalfOpen))
            #expect(limits.addressCount == Set(tickets.filter(\.isHalfOpen).map(\.1)).count)
        }
    }

    @Test func `Limits of zero admit nobody`() {
        var limits = AdmissionLimits(connections: 0, halfOpen: 0, halfOpenPerAddress: 0)
        #expect(throws: AdmissionLimits.Refusal.full) { try limits.admit(nil) }
    }
}
