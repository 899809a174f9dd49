import MTProtoWire
import ProxyPolicy
import Testing

@Suite struct UserGateTests {
    private let now: Int64 = 1_700_000_000

    private func refusal(
        _ user: User, _ gate: UserGate = UserGate(), usage: UserUsage = UserUsage(), from address: IPAddress = v4(1),
        after seconds: Int64 = 0
    ) -> UserRefusal? {
        gate.refusal(of: user, usage: usage, from: address, now: now + seconds)
    }

    @Test func `A user without limits is never refused`() {
        var gate = UserGate()
        let user = User.sample()
        for number in 0..<5_000 as Range<UInt32> {
            #expect(refusal(user, gate, from: v4(number)) == nil)
            gate.enter(from: v4(number), user: user, now: now)
        }
        #expect(gate.connections == 5_000)
    }

    @Test func `A user who is switched off or has expired stays out`() {
        var user = User.sample()
        user.isEnabled = false
        #expect(refusal(user) == .disabled)
        user.isEnabled = true
        user.expires = now + 1
        #expect(refusal(user) == nil)
        #expect(refusal(user, after: 1) == .expired)
        #expect(refusal(user, after: 2) == .expired)
    }

    @Test(arguments: [
        ("10.0.0.0/8", "", "10.1.2.3", true), ("10.0.0.0/8", "", "11.1.2.3", false),
        ("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", false), ("10.0.0.0/8", "10.1.0.0/16", "10.2.2.3", true),
        ("", "10.0.0.0/8", "10.1.2.3", false), ("", "10.0.0.0/8", "2001:db8::1", true),
        ("2001:db8::/32", "", "2001:db8:1::1", true), ("2001:db8::/32", "", "10.0.0.1", false),
        ("10.0.0.0/8", "", "::ffff:10.0.0.1", true),
    ])
    func `Networks decide where a user may come from, refused ones first`(
        allowed: String, refused: String, address: String, isAllowed: Bool
    ) throws {
        var user = User.sample()
        if !allowed.isEmpty { user.allowedNetworks = [try Network(parsing: allowed)] }
        if !refused.isEmpty { user.refusedNetworks = [try Network(parsing: refused)] }
        let address = try #require(IPAddress(address))
        #expect(refusal(user, from: address) == (isAllowed ? nil : .network))
    }

    @Test func `A quota refuses when it is used up, and not a byte earlier`() {
        var user = User.sample()
        user.quota = TrafficQuota(bytes: 1_000, period: .day)
        var usage = UserUsage()
        usage.rollOver(user.quota, now: now)
        usage.add(up: 400, down: 599, sessions: 1)
        #expect(refusal(user, usage: usage) == nil)
        usage.add(up: 1, down: 0, sessions: 0)
        #expect(refusal(user, usage: usage) == .quota)
        #expect(refusal(user, usage: usage, after: 86_400) == nil)
    }

    @Test func `Sessions at once are bounded`() {
        var user = User.sample()
        user.maximumConnections = 2
        var gate = UserGate()
        gate.enter(from: v4(1), user: user, now: now)
        #expect(refusal(user, gate) == nil)
        gate.enter(from: v4(1), user: user, now: now)
        #expect(refusal(user, gate) == .connections)
        gate.leave(from: v4(1), now: now)
        #expect(refusal(user, gate) == nil)
    }

    @Test func `An address stays counted for the window after its last session`() {
        var user = User.sample()
        user.maximumAddresses = 2
        user.addressWindowSeconds = 60
        var gate = UserGate()
        gate.enter(from: v4(1), user: user, now: now)
        gate.enter(from: v4(2), user: user, now: now)
        #expect(refusal(user, gate, from: v4(3)) == .addresses)
        #expect(refusal(user, gate, from: v4(1)) == nil)
        // An open session keeps its address for any time.
        #expect(refusal(user, gate, from: v4(3), after: 10_000) == .addresses)
        gate.leave(from: v4(1), now: now + 10_000)
        #expect(refusal(user, gate, from: v4(3), after: 10_059) == .addresses)
        #expect(gate.addresses(now: now + 10_059, window: 60) == 2)
        #expect(gate.addresses(now: now + 10_060, window: 60) == 1)
        #expect(refusal(user, gate, from: v4(3), after: 10_060) == nil)
        gate.enter(from: v4(3), user: user, now: now + 10_060)
        #expect(refusal(user, gate, from: v4(1), after: 10_060) == .addresses)
        #expect(gate.rememberedAddresses == 2)
    }

    @Test func `IPv6 counts by the network of one subscriber`() throws {
        var user = User.sample()
        user.maximumAddresses = 1
        var gate = UserGate()
        gate.enter(from: try #require(IPAddress("2001:db8::1")), user: user, now: now)
        #expect(refusal(user, gate, from: try #require(IPAddress("2001:db8::ffff:1"))) == nil)
        #expect(refusal(user, gate, from: try #require(IPAddress("2001:db8:0:1::1"))) == .addresses)
        #expect(refusal(user, gate, from: v4(1)) == .addresses)
    }

    @Test func `A lowered maximum keeps those who are there and admits no others`() {
        var user = User.sample()
        user.maximumAddresses = 3
        var gate = UserGate()
        for number in 1...3 as ClosedRange<UInt32> { gate.enter(from: v4(number), user: user, now: now) }
        user.maximumAddresses = 1
        #expect(refusal(user, gate, from: v4(2)) == nil)
        #expect(refusal(user, gate, from: v4(4)) == .addresses)
    }

    @Test func `A clock that was set back keeps no address for longer than a window more`() {
        var user = User.sample()
        user.maximumAddresses = 1
        user.addressWindowSeconds = 60
        var gate = UserGate()
        gate.enter(from: v4(1), user: user, now: now + 1_000_000)
        gate.leave(from: v4(1), now: now + 1_000_000)
        #expect(refusal(user, gate, from: v4(2)) == nil)
        #expect(refusal(user, gate, from: v4(2), after: 1_000_000 - 59) == .addresses)
        #expect(gate.addresses(now: .min, window: .max) == 0)
        #expect(gate.addresses(now: .max, window: 60) == 0)
    }

    @Test func `What the operator decided goes before what the user did`() {
        var user = User.sample()
        user.maximumConnections = 0
        user.maximumAddresses = 0
        #expect(refusal(user) == .connections)
        user.quota = TrafficQuota(bytes: 0, period: .never)
        #expect(refusal(user) == .quota)
        user.refusedNetworks = Network.loopback
        #expect(refusal(user, from: v4(0x7F00_0001)) == .network)
        user.expires = 0
        #expect(refusal(user, from: v4(0x7F00_0001)) == .expired)
        user.isEnabled = false
        #expect(refusal(user, from: v4(0x7F00_0001)) == .disabled)
    }

    @Test func `Every refusal has a stable word of its own`() {
        let words = UserRefusal.allCases.map(\.rawValue)
        #expect(Set(words).count == words.count)
        #expect(words.allSatisfy { $0.hasPrefix("user-") })
    }

    @Test func `Leaving more often than entering counts nothing below zero`() {
        var gate = UserGate()
        gate.leave(from: v4(1), now: now)
        gate.enter(from: v4(1), user: .sample(), now: now)
        gate.leave(from: v4(1), now: now)
        gate.leave(from: v4(1), now: now)
        #expect(gate.connections == 0)
        gate.enter(from: v4(1), user: .sample(), now: now)
        #expect(gate.connections == 1)
        #expect(gate.addresses(now: now + 100_000, window: 60) == 1)
    }

    @Test func `Without a maximum the oldest addresses are forgotten, those in use last`() {
        let user = User.sample()
        var gate = UserGate()
        gate.enter(from: v4(0), user: user, now: now)
        for number in 1...10_000 as ClosedRange<UInt32> {
            gate.enter(from: v4(number), user: user, now: now + Int64(number))
            gate.leave(from: v4(number), now: now + Int64(number))
            #expect(gate.rememberedAddresses <= UserGate.addressCapacity)
        }
        #expect(gate.addresses(now: now + 10_000, window: 1_000_000) >= UserGate.addressCapacity * 3 / 4)
        // Nothing but the open session is counted later.
        #expect(gate.addresses(now: now + 1_000_000, window: 60) == 1)
    }

    @Test(arguments: UInt64(1)...20)
    func `Counts agree with a simple model and memory stays bounded`(seed: UInt64) {
        var random = TestGenerator(seed: seed)
        var user = User.sample()
        user.maximumConnections = 12
        user.maximumAddresses = Int.random(in: 1...6, using: &random)
        user.addressWindowSeconds = 50
        var gate = UserGate()
        var open: [UInt32] = []
        var last: [UInt32: Int64] = [:]
        var time = now
        for _ in 0..<3_000 {
            time += Int64.random(in: 0...9, using: &random)
            let number = UInt32.random(in: 1...10, using: &random)
            let counted = Set(open).union(last.filter { time - $0.value < 50 }.keys)
            #expect(gate.addresses(now: time, window: 50) == counted.count)
            if Bool.random(using: &random) {
                let expected: UserRefusal? =
                    if open.count >= 12 {
                        .connections
                    } else if counted.contains(number)
                        || counted.count < user.maximumAddresses ?? 0
                    { nil } else { .addresses }
                #expect(gate.refusal(of: user, usage: UserUsage(), from: v4(number), now: time) == expected)
                guard expected == nil else { continue }
                gate.enter(from: v4(number), user: user, now: time)
                open.append(number)
                last[number] = time
            } else if let index = open.indices.randomElement(using: &random) {
                let number = open.remove(at: index)
                gate.leave(from: v4(number), now: time)
                last[number] = time
            }
            #expect(gate.connections == open.count)
            #expect(gate.rememberedAddresses <= user.maximumAddresses ?? 0)
        }
    }
}
