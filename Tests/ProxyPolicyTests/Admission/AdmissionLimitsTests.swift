import MTProtoWire
import ProxyPolicy
import Testing

@Suite struct AdmissionLimitsTests {
    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    private func admit(
        _ limits: inout AdmissionLimits, _ text: String, now: Int64 = 0
    ) throws -> AdmissionLimits.Ticket {
        try limits.admit(address(text), now: now)
    }

    private func refuses(
        _ limits: inout AdmissionLimits, _ text: String, _ refusal: AdmissionLimits.Refusal, now: Int64 = 0,
        at location: SourceLocation = #_sourceLocation
    ) throws {
        let before = limits.connections
        let address = try address(text)
        #expect(throws: refusal, sourceLocation: location) { try limits.admit(address, now: now) }
        #expect(limits.connections == before, sourceLocation: location)
    }

    @Test func `Connections are bounded in total`() throws {
        var limits = AdmissionLimits(AdmissionBounds(connections: 2))
        var first = try admit(&limits, "1.1.1.1")
        var second = try admit(&limits, "1.1.1.2")
        limits.handshakeFinished(&first)
        try refuses(&limits, "1.1.1.3", .full)
        limits.close(&second)
        _ = try admit(&limits, "1.1.1.3")
        #expect(limits.connections == 2)
        #expect(limits.established == 1)
    }

    @Test func `Half-open connections are bounded in total`() throws {
        var limits = AdmissionLimits(AdmissionBounds(connections: 10, halfOpen: 2))
        var first = try admit(&limits, "1.1.1.1")
        _ = try admit(&limits, "2.1.1.1")
        try refuses(&limits, "3.1.1.1", .halfOpenFull)
        limits.handshakeFinished(&first)
        _ = try admit(&limits, "3.1.1.1")
        #expect(limits.connections == 3)
        #expect(limits.halfOpen == 2)
    }

    @Test(arguments: [
        ("1.2.3.4", "1.2.3.4", true), ("1.2.3.4", "::ffff:1.2.3.4", true), ("1.2.3.4", "1.2.3.5", false),
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true), ("2001:db8::1", "2001:db8:0:1::1", false),
    ])
    func `Connections are bounded per IPv4 address and IPv6 64`(one: String, other: String, isSame: Bool) throws {
        var limits = AdmissionLimits(AdmissionBounds(connections: 10, halfOpenPerAddress: 1))
        var ticket = try admit(&limits, one)
        if isSame {
            try refuses(&limits, other, .halfOpenAddress)
            limits.handshakeFinished(&ticket)
        }
        _ = try admit(&limits, other)

        limits = AdmissionLimits(AdmissionBounds(connections: 10, perAddress: 1))
        ticket = try admit(&limits, one)
        limits.handshakeFinished(&ticket)
        if isSame {
            try refuses(&limits, other, .addressFull)
            limits.close(&ticket)
        }
        _ = try admit(&limits, other)
    }

    @Test(arguments: [
        ("1.2.3.4", "1.2.3.255", true), ("1.2.3.4", "1.2.4.4", false),
        ("2001:db8::1", "2001:db8:0:ffff::1", true), ("2001:db8::1", "2001:db8:1::1", false),
    ])
    func `Connections are bounded per IPv4 24 and IPv6 48`(one: String, other: String, isSame: Bool) throws {
        var limits = AdmissionLimits(AdmissionBounds(connections: 10, halfOpenPerSubnet: 1))
        var ticket = try admit(&limits, one)
        if isSame {
            try refuses(&limits, other, .halfOpenSubnet)
            limits.handshakeFinished(&ticket)
        }
        _ = try admit(&limits, other)

        limits = AdmissionLimits(AdmissionBounds(connections: 10, perSubnet: 1))
        ticket = try admit(&limits, one)
        limits.handshakeFinished(&ticket)
        if isSame {
            try refuses(&limits, other, .subnetFull)
            limits.close(&ticket)
        }
        _ = try admit(&limits, other)
    }

    @Test func `Handshakes are bounded per second and subnet`() throws {
        var limits = AdmissionLimits(AdmissionBounds(connections: 1_000, handshakesPerSecondPerSubnet: 20))
        for number in 0..<20 { _ = try admit(&limits, "1.2.3.\(number)") }
        try refuses(&limits, "1.2.3.4", .subnetRate)
        try refuses(&limits, "1.2.3.4", .subnetRate, now: 49)
        _ = try admit(&limits, "1.2.4.4", now: 49)
        _ = try admit(&limits, "1.2.3.4", now: 50)
        try refuses(&limits, "1.2.3.4", .subnetRate, now: 50)
        for number in 0..<20 { _ = try admit(&limits, "1.2.3.\(number)", now: 2_000) }
        try refuses(&limits, "1.2.3.4", .subnetRate, now: 2_000)
        // The address that a PROXY header names counts too.
        var ticket = try limits.admit(nil, now: 2_000)
        let named = try address("1.2.3.4")
        #expect(throws: AdmissionLimits.Refusal.subnetRate) { try limits.identify(&ticket, as: named, now: 2_000) }
        try limits.identify(&ticket, as: named, now: 2_050)
    }

    @Test func `A rate below what one app opens at once lets one app in`() throws {
        var limits = AdmissionLimits(AdmissionBounds(connections: 100, handshakesPerSecondPerSubnet: 1))
        for _ in 0..<8 { _ = try admit(&limits, "1.2.3.4") }
        try refuses(&limits, "1.2.3.4", .subnetRate)
        try refuses(&limits, "1.2.3.4", .subnetRate, now: 999)
        _ = try admit(&limits, "1.2.3.4", now: 1_000)
    }

    @Test(arguments: ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
    func `Loopback stands for nobody in particular`(text: String) throws {
        let bounds = AdmissionBounds(
            connections: 10, perAddress: 1, perSubnet: 1, halfOpen: 5, halfOpenPerAddress: 1, halfOpenPerSubnet: 1,
            handshakesPerSecondPerSubnet: 1
        )
        var limits = AdmissionLimits(bounds)
        for _ in 0..<10 {
            var ticket = try admit(&limits, text)
            limits.handshakeFinished(&ticket)
        }
        limits = AdmissionLimits(bounds)
        for _ in 0..<5 { _ = try admit(&limits, text) }
        try refuses(&limits, text, .halfOpenFull)
        #expect(limits.groupCount == 0)
    }

    @Test func `A PROXY header moves the connection to the address that it names`() throws {
        var limits = AdmissionLimits(AdmissionBounds(connections: 10, halfOpenPerAddress: 1))
        var first = try limits.admit(nil, now: 0)
        var second = try limits.admit(nil, now: 0)
        let (one, two) = try (address("1.1.1.1"), address("2.2.2.2"))
        try limits.identify(&first, as: one, now: 0)
        #expect(throws: AdmissionLimits.Refusal.halfOpenAddress) { try limits.identify(&second, as: one, now: 0) }
        #expect(limits.halfOpen == 2)
        try limits.identify(&second, as: two, now: 0)
        #expect(limits.groupCount == 10)
        // A refused move leaves it where it was.
        #expect(throws: AdmissionLimits.Refusal.halfOpenAddress) { try limits.identify(&second, as: one, now: 0) }
        #expect(limits.groupCount == 10)
        // To the same address again: still one.
        try limits.identify(&second, as: two, now: 0)
        try limits.identify(&second, as: nil, now: 0)
        #expect(limits.groupCount == 5)
        limits.close(&first)
        limits.close(&second)
        #expect(limits.groupCount == 0)
        #expect(limits.connections == 0)
    }

    @Test func `Strangers are bounded and make room for clients`() throws {
        var limits = AdmissionLimits(
            AdmissionBounds(connections: 4, perAddress: 1, halfOpen: 1, halfOpenPerAddress: 1, masked: 2)
        )
        var first = try admit(&limits, "1.1.1.1")
        #expect(limits.masked(&first) == true)
        #expect(limits.masked(&first) == true)
        #expect((limits.halfOpen, limits.masked, limits.established) == (0, 1, 0))
        // A stranger holds none of the places of clients of his address.
        var second = try admit(&limits, "1.1.1.1")
        try refuses(&limits, "2.1.1.1", .halfOpenFull)
        var refused = try unwrapped(limits.admitRefused(address("2.1.1.1")))
        #expect(try limits.admitRefused(address("3.1.1.1")) == nil)
        #expect(limits.masked(&second) == false)
        #expect((limits.halfOpen, limits.masked, limits.connections) == (1, 2, 3))
        limits.handshakeFinished(&second)
        #expect(limits.masked(&second) == false)
        limits.handshakeFinished(&refused)
        #expect((limits.masked, limits.established) == (2, 1))
        limits.close(&refused)
        #expect(limits.masked(&refused) == false)
        limits.close(&first)
        limits.close(&second)
        #expect((limits.connections, limits.groupCount) == (0, 0))
    }

    @Test func `When everything is full there is no place for strangers either`() throws {
        var limits = AdmissionLimits(AdmissionBounds(connections: 1, masked: 1))
        _ = try admit(&limits, "1.1.1.1")
        #expect(try limits.admitRefused(address("2.1.1.1")) == nil)
    }

    @Test func `What was given back cannot be given back again`() throws {
        var limits = AdmissionLimits(AdmissionBounds(connections: 10))
        var one = try admit(&limits, "1.1.1.1")
        _ = try admit(&limits, "1.1.1.1")
        limits.handshakeFinished(&one)
        limits.handshakeFinished(&one)
        #expect(limits.halfOpen == 1)
        limits.close(&one)
        limits.close(&one)
        limits.handshakeFinished(&one)
        try limits.identify(&one, as: address("9.9.9.9"), now: 0)
        #expect(limits.connections == 1)
        #expect(limits.halfOpen == 1)
        #expect(limits.groupCount == 5)
    }

    @Test func `Limits of zero admit nobody`() throws {
        var limits = AdmissionLimits(AdmissionBounds(connections: 0))
        try refuses(&limits, "1.1.1.1", .full)
        limits = AdmissionLimits(AdmissionBounds(connections: -1, halfOpen: -1, masked: -1))
        try refuses(&limits, "1.1.1.1", .full)
        limits = AdmissionLimits(AdmissionBounds(connections: 8, halfOpen: 0))
        try refuses(&limits, "1.1.1.1", .halfOpenFull)
    }

    @Test func `Bounds come from the configuration`() {
        var limits = ProxyConfiguration.Limits()
        let bounds = AdmissionBounds(limits, connections: 1_000)
        #expect(bounds.connections == 1_000)
        #expect(bounds.halfOpen == 1_000)
        #expect(bounds.halfOpenPerAddress == 64)
        #expect(bounds.halfOpenPerSubnet == 512)
        #expect(bounds.masked == 250)
        #expect(bounds.perAddress == nil)
        limits.connections = 100
        limits.masked = 200
        limits.perAddress = 7
        limits.perSubnet = 70
        limits.halfOpen = 50
        limits.handshakesPerSecondPerSubnet = 5
        let other = AdmissionBounds(limits, connections: 1_000)
        #expect((other.connections, other.masked, other.halfOpen) == (100, 100, 50))
        #expect((other.perAddress, other.perSubnet, other.handshakesPerSecondPerSubnet) == (7, 70, 5))
    }

    @Test func `The words of refusals are different`() {
        #expect(Set(AdmissionLimits.Refusal.allCases.map(\.rawValue)).count == AdmissionLimits.Refusal.allCases.count)
    }

    // MARK: - Properties

    @Test(arguments: UInt64(1)...20)
    func `Whatever the order of calls, counts agree with the tickets and return to zero`(seed: UInt64) throws {
        var random = TestGenerator(seed: seed)
        var limits = AdmissionLimits(
            AdmissionBounds(
                connections: 60, perAddress: 6, perSubnet: 20, halfOpen: 30, halfOpenPerAddress: 3,
                halfOpenPerSubnet: 12, masked: 20, handshakesPerSecondPerSubnet: 100
            )
        )
        var tickets: [AdmissionLimits.Ticket] = []
        var closed: [AdmissionLimits.Ticket] = []
        func anyone() -> IPAddress? {
            switch Int.random(in: 0..<10, using: &random) {
            case 0: nil
            case 1: IPAddress(v4: 0x7F00_0001)
            case 2...5: IPAddress(high: 0x2001_0DB8_0000_0000 | .random(in: 0...3, using: &random) << 15, low: 1)
            default: IPAddress(v4: 0x0102_0000 | .random(in: 0...3, using: &random) << 7)
            }
        }
        for now in 0..<Int64(3_000) {
            switch Int.random(in: 0..<9, using: &random) {
            case 0...3: if let ticket = try? limits.admit(anyone(), now: now) { tickets.append(ticket) }
            case 4: if let ticket = limits.admitRefused(anyone()) { tickets.append(ticket) }
            default:
                guard let index = tickets.indices.randomElement(using: &random) else { continue }
                switch Int.random(in: 0..<5, using: &random) {
                case 0: limits.handshakeFinished(&tickets[index])
                case 1: _ = limits.masked(&tickets[index])
                case 2: try? limits.identify(&tickets[index], as: anyone(), now: now)
                default:
                    limits.close(&tickets[index])
                    closed.append(tickets.remove(at: index))
                }
                if let last = closed.indices.last {
                    limits.close(&closed[last])
                    _ = limits.masked(&closed[last])
                    limits.handshakeFinished(&closed[last])
                }
            }
            #expect(limits.connections == tickets.count)
            #expect((0...30).contains(limits.halfOpen) && (0...20).contains(limits.masked) && limits.established >= 0)
            #expect(limits.groupCount <= 5 * tickets.count)
        }
        #expect(limits.connections > 0)
        for index in tickets.indices { limits.close(&tickets[index]) }
        #expect((limits.connections, limits.halfOpen, limits.masked, limits.groupCount) == (0, 0, 0, 0))
    }
}
