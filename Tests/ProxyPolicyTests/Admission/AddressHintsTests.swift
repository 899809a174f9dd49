import MTProtoWire
import ProxyPolicy
import Testing

@Suite struct AddressHintsTests {
    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    @Test func `The last four secrets of an address are remembered, most recent first`() throws {
        var hints = AddressHints()
        let home = try address("192.0.2.1")
        #expect(hints.hints(for: home) == [])
        for identifier in UInt32(1)...5 { hints.note(identifier, for: home) }
        #expect(hints.hints(for: home) == [5, 4, 3, 2])
        hints.note(3, for: home)
        #expect(hints.hints(for: home) == [3, 5, 4, 2])
        hints.note(3, for: home)
        #expect(hints.hints(for: home) == [3, 5, 4, 2])
        hints.note(0, for: home)
        #expect(hints.hints(for: home) == [0, 3, 5, 4])
    }

    @Test func `IPv6 counts by 64, IPv4 by address, loopback as itself, Unix sockets not at all`() throws {
        var hints = AddressHints()
        try hints.note(7, for: address("2001:db8::1"))
        try hints.note(8, for: address("192.0.2.1"))
        try hints.note(9, for: address("127.0.0.1"))
        hints.note(10, for: nil)
        #expect(try hints.hints(for: address("2001:db8::ffff:1:2:3")) == [7])
        #expect(try hints.hints(for: address("2001:db8:0:1::1")) == [])
        #expect(try hints.hints(for: address("::ffff:192.0.2.1")) == [8])
        #expect(try hints.hints(for: address("192.0.2.2")) == [])
        #expect(try hints.hints(for: address("127.0.0.1")) == [9])
        #expect(hints.hints(for: nil) == [])
        #expect(hints.count == 3)
    }

    @Test func `The group that was noted longest ago goes first, and asking does not keep it`() {
        var hints = AddressHints(capacity: 3)
        for number in UInt32(1)...3 { hints.note(number, for: IPAddress(v4: number)) }
        hints.note(1, for: IPAddress(v4: 1))
        #expect(hints.hints(for: IPAddress(v4: 2)) == [2])
        hints.note(4, for: IPAddress(v4: 4))
        #expect((1...4).map { hints.hints(for: IPAddress(v4: $0)) } == [[1], [], [3], [4]])
        for number in UInt32(10)...10_000 { hints.note(number, for: IPAddress(v4: number)) }
        #expect(hints.count == 3)
    }

    @Test func `A secret that is gone is forgotten everywhere, and addresses without any too`() {
        var hints = AddressHints()
        for number in UInt32(0)..<1_000 {
            hints.note(5, for: IPAddress(v4: number))
            if number.isMultiple(of: 2) { hints.note(6, for: IPAddress(v4: number)) }
        }
        hints.forget(5)
        #expect(hints.count == 500)
        #expect(hints.hints(for: IPAddress(v4: 0)) == [6])
        #expect(hints.hints(for: IPAddress(v4: 1)) == [])
        hints.forget(6)
        #expect(hints.count == 0)
        hints.note(7, for: IPAddress(v4: 1))
        #expect(hints.hints(for: IPAddress(v4: 1)) == [7])
    }

    @Test(arguments: UInt64(1)...10)
    func `It agrees with a simple model`(seed: UInt64) {
        var random = TestGenerator(seed: seed)
        var hints = AddressHints(capacity: 10)
        var model: [(address: UInt32, list: [UInt32])] = []
        for _ in 0..<500 {
            let address = UInt32.random(in: 0..<15, using: &random)
            let identifier = UInt32.random(in: 0..<6, using: &random)
            if Int.random(in: 0..<20, using: &random) == 0 {
                hints.forget(identifier)
                for index in model.indices { model[index].list.removeAll { $0 == identifier } }
                model.removeAll(where: \.list.isEmpty)
            } else {
                hints.note(identifier, for: IPAddress(v4: address))
                let known = model.first { $0.address == address }?.list ?? []
                model.removeAll { $0.address == address }
                model.append((address, Array(([identifier] + known.filter { $0 != identifier }).prefix(4))))
                if model.count > 10 { model.removeFirst() }
            }
            for asked in UInt32(0)..<15 {
                #expect(hints.hints(for: IPAddress(v4: asked)) == model.first { $0.address == asked }?.list ?? [])
            }
        }
    }
}
