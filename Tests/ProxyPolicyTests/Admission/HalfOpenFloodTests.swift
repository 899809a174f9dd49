import MTProtoWire
import ProxyPolicy
import Testing

/// Who still gets in while strangers open connections and say nothing.
@Suite struct HalfOpenFloodTests {
    private static let places = 4_096

    private func limits() -> AdmissionLimits {
        AdmissionLimits(
            AdmissionBounds(
                connections: 100_000, halfOpen: Self.places, halfOpenPerAddress: 64, halfOpenPerSubnet: 512
            )
        )
    }

    private func isIn(_ limits: inout AdmissionLimits, _ address: IPAddress) -> Bool {
        (try? limits.admit(address, now: 0)) != nil
    }

    @Test func `One flooding subnet shuts out none of the others`() {
        var limits = limits()
        var refused = 0
        var others: UInt32 = 0
        for attempt in 0..<UInt32(100_000) {
            if !isIn(&limits, IPAddress(v4: 0x0102_0300 | attempt % 256)) { refused += 1 }
            // Each of the others stays half-open too.
            if attempt.isMultiple(of: 32) {
                #expect(isIn(&limits, IPAddress(v4: 0x0A00_0001 + others << 8)), "the \(others)th of the others")
                others += 1
            }
        }
        #expect(others == 3_125)
        #expect(refused == 100_000 - 512)
    }

    @Test func `Many flooding subnets leave room for newcomers`() {
        var limits = limits()
        // 200 subnets of as many providers, each with as many attempts as it likes.
        for attempt in 0..<UInt32(50_000) {
            _ = isIn(&limits, IPAddress(v4: (0x0100 + attempt % 200) << 16 | attempt / 200 % 256))
        }
        #expect(limits.halfOpen < Self.places * 15 / 16)
        // Newcomers come and go.
        for number in 0..<UInt32(10_000) {
            guard var ticket = try? limits.admit(IPAddress(v4: 0xDC00_0001 + number << 8), now: 0) else {
                Issue.record("newcomer \(number) was refused")
                return
            }
            limits.handshakeFinished(&ticket)
            limits.close(&ticket)
        }
    }

    @Test func `A provider with all its subnets takes half of the table at most`() {
        for isIPv6 in [false, true] {
            var limits = limits()
            for attempt in 0..<UInt64(10_000) {
                let address =
                    isIPv6
                    ? IPAddress(high: 0x2001_0DB8_0000_0000 | (attempt % 65_536) << 16, low: attempt)
                    : IPAddress(v4: 0x0102_0000 | UInt32(attempt % 65_536))
                _ = isIn(&limits, address)
            }
            #expect(limits.halfOpen == Self.places / 2)
            #expect(throws: AdmissionLimits.Refusal.halfOpenProvider) {
                try limits.admit(
                    isIPv6 ? IPAddress(high: 0x2001_0DB8_FFFF_0000, low: 0) : IPAddress(v4: 0x0102_FFFF), now: 0)
            }
            for number in 0..<UInt32(1_000) { #expect(isIn(&limits, IPAddress(v4: 0x0B00_0001 + number << 16))) }
        }
    }

    @Test(arguments: [1, 2, 3, 7, 15])
    func `Flooding providers leave the others their share`(providers: Int) {
        var limits = limits()
        for attempt in 0..<UInt32(30_000) {
            // The next subnet every time.
            let host = attempt / UInt32(providers) * 257 % 65_536
            _ = isIn(&limits, IPAddress(v4: (1 + attempt % UInt32(providers)) << 16 | host))
        }
        #expect(Self.places - limits.halfOpen >= Self.places / (1 + providers) - providers)
    }

    @Test func `A household opens all its connections even when the table is crowded`() {
        var limits = limits()
        for number in 0..<UInt32(Self.places * 7 / 8) {
            #expect(isIn(&limits, IPAddress(v4: 0x0B00_0001 + number << 16)))
        }
        for _ in 0..<8 { #expect(isIn(&limits, IPAddress(v4: 0x0102_0304))) }
    }

    @Test func `Below half full nothing but the fixed bounds holds`() {
        var limits = limits()
        for number in 0..<UInt32(512) { #expect(isIn(&limits, IPAddress(v4: 0x0102_0300 | number % 256))) }
        #expect(throws: AdmissionLimits.Refusal.halfOpenSubnet) { try limits.admit(IPAddress(v4: 0x0102_0300), now: 0) }
        for number in 0..<UInt32(64) { #expect(isIn(&limits, IPAddress(v4: 0x0102_0405)), "\(number)") }
        #expect(throws: AdmissionLimits.Refusal.halfOpenAddress) {
            try limits.admit(IPAddress(v4: 0x0102_0405), now: 0)
        }
    }

    @Test func `One stranger does not fill the mask host for the others`() {
        var limits = AdmissionLimits(AdmissionBounds(connections: 4_000, masked: 1_000))
        for _ in 0..<10_000 { _ = limits.admitRefused(IPAddress(v4: 0x0102_0304)) }
        #expect(limits.masked == 500)
        for number in 0..<UInt32(400) {
            #expect(limits.admitRefused(IPAddress(v4: 0x0B00_0001 + number << 16)) != nil)
        }
    }
}
