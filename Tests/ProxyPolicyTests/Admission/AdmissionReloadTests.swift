import MTProtoWire
import ProxyPolicy
import Testing

/// New bounds while connections are open.
@Suite struct AdmissionReloadTests {
    private let home = IPAddress(v4: 0x0102_0304)
    private let neighbour = IPAddress(v4: 0x0102_0305)
    private let elsewhere = IPAddress(v4: 0x0908_0706)

    private func filled(_ bounds: AdmissionBounds, _ count: Int) throws -> (AdmissionLimits, [AdmissionLimits.Ticket]) {
        var limits = AdmissionLimits(bounds)
        var tickets: [AdmissionLimits.Ticket] = []
        for _ in 0..<count {
            var ticket = try limits.admit(home, now: 0)
            limits.handshakeFinished(&ticket)
            tickets.append(ticket)
        }
        return (limits, tickets)
    }

    @Test func `A lower total keeps newcomers out until enough have left`() throws {
        var (limits, tickets) = try filled(AdmissionBounds(connections: 10), 4)
        limits.reconfigure(AdmissionBounds(connections: 3))
        #expect(limits.connections == 4)
        #expect(throws: AdmissionLimits.Refusal.full) { try limits.admit(elsewhere, now: 0) }
        limits.close(&tickets[0])
        #expect(throws: AdmissionLimits.Refusal.full) { try limits.admit(elsewhere, now: 0) }
        limits.close(&tickets[1])
        _ = try limits.admit(elsewhere, now: 0)
        #expect(limits.connections == 3)
    }

    @Test func `A bound that was not there before counts those who are in`() throws {
        var (limits, tickets) = try filled(AdmissionBounds(connections: 10), 2)
        limits.reconfigure(AdmissionBounds(connections: 10, perAddress: 2))
        #expect(throws: AdmissionLimits.Refusal.addressFull) { try limits.admit(home, now: 0) }
        _ = try limits.admit(neighbour, now: 0)
        limits.reconfigure(AdmissionBounds(connections: 10, perSubnet: 3))
        #expect(throws: AdmissionLimits.Refusal.subnetFull) { try limits.admit(home, now: 0) }
        limits.reconfigure(AdmissionBounds(connections: 10))
        tickets.append(try limits.admit(home, now: 0))
        for index in tickets.indices { limits.close(&tickets[index]) }
        #expect(limits.connections == 1)
        #expect(limits.groupCount == 5)
    }

    @Test func `Half-open and masked ones meet their new bounds`() throws {
        var limits = AdmissionLimits(AdmissionBounds(connections: 10, masked: 5))
        var first = try limits.admit(home, now: 0)
        _ = try limits.admit(elsewhere, now: 0)
        limits.reconfigure(AdmissionBounds(connections: 10, halfOpen: 2, halfOpenPerAddress: 1, masked: 0))
        #expect(throws: AdmissionLimits.Refusal.halfOpenFull) { try limits.admit(neighbour, now: 0) }
        #expect(limits.masked(&first) == false)
        limits.reconfigure(AdmissionBounds(connections: 10, halfOpen: 5, halfOpenPerAddress: 1, masked: 1))
        #expect(throws: AdmissionLimits.Refusal.halfOpenAddress) { try limits.admit(home, now: 0) }
        #expect(limits.masked(&first) == true)
        #expect(limits.masked == 1)
    }

    @Test func `A rate goes on when it stays, and begins full when it is new`() throws {
        // Far from full, so that nothing but the rate counts.
        var bounds = AdmissionBounds(connections: 1_000, handshakesPerSecondPerSubnet: 8)
        var limits = AdmissionLimits(bounds)
        for _ in 0..<8 { _ = try limits.admit(home, now: 0) }
        bounds.connections = 999
        limits.reconfigure(bounds)
        #expect(throws: AdmissionLimits.Refusal.subnetRate) { try limits.admit(home, now: 0) }
        bounds.handshakesPerSecondPerSubnet = 20
        limits.reconfigure(bounds)
        for _ in 0..<20 { _ = try limits.admit(home, now: 0) }
        #expect(throws: AdmissionLimits.Refusal.subnetRate) { try limits.admit(home, now: 0) }
        bounds.handshakesPerSecondPerSubnet = nil
        limits.reconfigure(bounds)
        for _ in 0..<30 { _ = try limits.admit(home, now: 0) }
    }
}
