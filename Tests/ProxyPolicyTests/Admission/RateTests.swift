import MTProtoWire
import Testing

@testable import ProxyPolicy

@Suite struct RateGateTests {
    @Test func `The gate shuts when the second's share is taken and opens when half of it is back`() {
        var gate = RateGate(perSecond: 100)
        for _ in 0..<100 { #expect(gate.take(now: 5) == true) }
        #expect(gate.take(now: 5) == false)
        #expect(gate.nextOpening(now: 5) == 505)
        #expect(gate.take(now: 504) == false)
        #expect(gate.nextOpening(now: 504) == 505)
        #expect(gate.nextOpening(now: 505) == 505)
        for _ in 0..<50 { #expect(gate.take(now: 505) == true) }
        #expect(gate.take(now: 505) == false)
    }

    @Test(arguments: [1, 2, 3, 7, 1_000, 100_000, .max, 0, -5])
    func `The next opening is the first moment that succeeds`(perSecond: Int) {
        var gate = RateGate(perSecond: perSecond)
        var now: Int64 = 1_000_000
        var taken = 0
        while taken < 300_000, gate.take(now: now) { taken += 1 }
        #expect(taken == min(max(perSecond, 1), 300_000))
        guard perSecond <= 300_000 else { return }
        let opening = gate.nextOpening(now: now)
        #expect(opening > now)
        var early = gate
        #expect(early.take(now: opening - 1) == false)
        now = opening
        #expect(gate.take(now: now) == true)
    }

    @Test(arguments: UInt64(1)...10)
    func `In the long run the rate is kept, and the gate is moved twice a second at most`(seed: UInt64) {
        var random = TestGenerator(seed: seed)
        var gate = RateGate(perSecond: 200)
        var (taken, moves, wasOpen) = (0, 0, true)
        var now: Int64 = 0
        while now < 60_000 {
            now += Int64.random(in: 0...2, using: &random)
            let isOpen = gate.take(now: now)
            taken += isOpen ? 1 : 0
            moves += isOpen != wasOpen ? 1 : 0
            wasOpen = isOpen
        }
        #expect((11_900...12_200).contains(taken))
        #expect(moves <= 2 * 2 * 60)
    }

    @Test func `A clock that stands still, leaps or runs backwards gives nothing away`() {
        var gate = RateGate(perSecond: 10)
        for _ in 0..<10 { #expect(gate.take(now: .max) == true) }
        #expect(gate.take(now: .min) == false)
        #expect(gate.take(now: 0) == false)
        _ = gate.nextOpening(now: .max)
        var taken = 0
        while taken < 100, gate.take(now: .max) { taken += 1 }
        #expect(taken <= 10)
    }
}

@Suite struct RateTableTests {
    @Test func `Every key has its own rate`() {
        var table = RateTable<Int>(perSecond: 10)
        for key in 0..<100 {
            for _ in 0..<10 { #expect(table.take(key, now: 0) == true) }
            #expect(table.take(key, now: 0) == false)
        }
        for key in 0..<100 {
            #expect(table.take(key, now: 100) == true)
            #expect(table.take(key, now: 100) == false)
        }
    }

    @Test func `Keys are forgotten, but not before their bucket is full`() {
        var table = RateTable<Int>(perSecond: 10)
        for key in 0..<1_000 { for _ in 0..<10 { _ = table.take(key, now: 0) } }
        // Others come at every moment, so that generations pass.
        for now in Int64(1)...990 { _ = table.take(-1, now: now) }
        #expect(table.take(7, now: 990) == true)
        var taken = 1
        while table.take(7, now: 990) { taken += 1 }
        #expect(taken == 9)
        for now in Int64(991)...5_000 { _ = table.take(-1, now: now) }
        #expect(table.count == 1)
    }

    @Test func `A flood of keys is forgotten early instead of filling the memory`() {
        var table = RateTable<Int>(perSecond: 10, capacity: 1_000)
        for key in 0..<100_000 {
            #expect(table.take(key, now: 0) == true)
            #expect(table.count <= 1_000)
        }
    }

    @Test(arguments: [(0, Int64.min, Int64.max), (.max, .max, .min), (1, .max, .min), (-1, .min, 0)])
    func `Any numbers are survived`(perSecond: Int, one: Int64, other: Int64) {
        var table = RateTable<Int>(perSecond: perSecond, capacity: -1)
        for now in [one, other, one] { for key in 0..<3 { _ = table.take(key, now: now) } }
        #expect(table.count <= 2)
    }
}

@Suite struct LinkedTableTests {
    @Test(arguments: UInt64(1)...20)
    func `It agrees with an array of pairs`(seed: UInt64) {
        var random = TestGenerator(seed: seed)
        var table = LinkedTable<Int, Int>()
        var model: [(key: Int, value: Int)] = []
        for step in 0..<3_000 {
            let key = Int.random(in: 0..<40, using: &random)
            let index = model.firstIndex { $0.key == key }
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1:
                table.append(key, step)
                if let index { model[index].value = step } else { model.append((key, step)) }
            case 2:
                #expect(table.remove(key) == index.map { model[$0].value })
                if let index { model.remove(at: index) }
            case 3:
                table.moveToEnd(key)
                if let index { model.append(model.remove(at: index)) }
            case 4:
                #expect(table.update(key) { $0 += 1 } != nil || index == nil)
                if let index { model[index].value += 1 }
            default:
                guard step.isMultiple(of: 25) else { continue }
                table.filter { $0.isMultiple(of: 3) }
                model.removeAll { !$0.value.isMultiple(of: 3) }
            }
            #expect(table.count == model.count)
            #expect(table.first == model.first?.key)
            #expect(table[key] == model.first { $0.key == key }?.value)
        }
        var order: [Int] = []
        while let first = table.first {
            order.append(first)
            table.remove(first)
        }
        #expect(order == model.map(\.key))
        #expect(table.isEmpty)
    }
}
