import MTProtoWire
import ProxyPolicy
import Testing

@Suite struct SecretSearchQueueTests {
    private typealias Queue = SecretSearchQueue<Int>

    @Test func `A group with one search is served within one round of a group with ten thousand`() {
        var queue = Queue(limit: 20_000, limitPerGroup: 10_000)
        for id in 0..<10_000 { #expect(queue.enqueue(id, group: IPAddress(v4: 1)) == true) }
        #expect(queue.next(now: 0)?.id == 0)
        #expect(queue.enqueue(99_999, group: IPAddress(v4: 2)) == true)
        let turns = (0..<2).map { _ in queue.next(now: 0)?.id }
        #expect(turns == [1, 99_999])
        // And so it goes on: every second turn.
        let more = (1...100).map { queue.next(now: Int64($0) * 10)?.id }
        #expect(more.count { $0 == 99_999 } == 50)
    }

    @Test func `Within a group the turns go round`() {
        var queue = Queue()
        for id in 0..<3 { _ = queue.enqueue(id, group: IPAddress(v4: 1)) }
        #expect((0..<7).map { _ in queue.next(atMost: 1, now: 0)?.id } == [0, 1, 2, 0, 1, 2, 0])
        queue.remove(2)
        #expect((0..<3).map { _ in queue.next(atMost: 1, now: 0)?.id } == [1, 0, 1])
    }

    @Test func `A subscriber is one group, and who has none stands for himself`() throws {
        var queue = Queue(limitPerGroup: 2)
        let one = try #require(IPAddress("2001:db8::1"))
        let same = try #require(IPAddress("2001:db8::2"))
        let other = try #require(IPAddress("2001:db8:0:1::2"))
        #expect(queue.enqueue(1, group: one) == true)
        #expect(queue.enqueue(2, group: same) == true)
        #expect(queue.enqueue(3, group: same) == false)
        // Once more the same search: it waits already.
        #expect(queue.enqueue(2, group: same) == true)
        #expect(queue.enqueue(3, group: other) == true)
        for id in 10..<20 { #expect(queue.enqueue(id, group: id < 15 ? nil : IPAddress(v4: 0x7F00_0001)) == true) }
        #expect(queue.count == 13)
        #expect((0..<4).map { _ in queue.next(atMost: 1, now: 0)?.id } == [1, 3, 10, 11])
    }

    @Test func `Searches are bounded in total`() {
        var queue = Queue(limit: 3)
        for id in 0..<3 { #expect(queue.enqueue(id, group: IPAddress(v4: UInt32(id))) == true) }
        #expect(queue.enqueue(3, group: IPAddress(v4: 3)) == false)
        #expect(queue.count == 3)
        queue.remove(0)
        queue.remove(0)
        #expect(queue.enqueue(3, group: IPAddress(v4: 3)) == true)
    }

    @Test func `Trials are bounded per second, whatever is asked for`() {
        var queue = Queue()
        #expect(queue.next(now: 0) == nil)
        #expect(queue.nextTurn(now: 0) == nil)
        _ = queue.enqueue(1, group: nil)
        var trials = 0
        for now in Int64(0)...10_000 {
            while let turn = queue.next(atMost: .max, now: now) {
                #expect((turn.id, turn.trials) == (1, Queue.slice))
                trials += turn.trials
            }
            #expect((queue.nextTurn(now: now) ?? .max) > now)
        }
        #expect((1_000_000 - Queue.slice...1_010_000).contains(trials))
    }

    @Test func `The next turn is the first moment that gives one`() throws {
        var queue = Queue()
        _ = queue.enqueue(1, group: nil)
        #expect(queue.nextTurn(now: 50) == 50)
        while queue.next(now: 50) != nil {}
        let moment = try #require(queue.nextTurn(now: 50))
        #expect(moment > 50)
        #expect(queue.next(now: moment - 1) == nil)
        #expect(queue.next(now: moment) != nil)
    }

    @Test func `Trials that were not needed can be had by others`() {
        var queue = Queue()
        _ = queue.enqueue(1, group: nil)
        for _ in 0..<1_000 {
            #expect(queue.next(now: 0) != nil)
            queue.giveBack(Queue.slice)
        }
        queue.giveBack(.max)
        queue.giveBack(.min)
        var turns = 0
        while queue.next(now: 0) != nil { turns += 1 }
        #expect(turns == 10_000 / Queue.slice)
    }

    @Test(arguments: UInt64(1)...20)
    func `Whatever comes and goes, everybody who waits has a turn within a round`(seed: UInt64) {
        var random = TestGenerator(seed: seed)
        var queue = Queue(limit: 100, limitPerGroup: 20)
        var groups: [Int: UInt32] = [:]
        var now: Int64 = 0
        for id in 0..<1_000 {
            let group = UInt32.random(in: 1...10, using: &random)
            let isAllowed = groups.count < 100 && groups.values.count { $0 == group } < 20
            #expect(queue.enqueue(id, group: IPAddress(v4: group)) == isAllowed)
            if isAllowed { groups[id] = group }
            if Bool.random(using: &random), let gone = groups.keys.randomElement(using: &random) {
                queue.remove(gone)
                groups[gone] = nil
            }
            #expect(queue.count == groups.count)
        }
        var turns: [UInt32] = []
        let distinct = Set(groups.values).count
        for _ in 0..<distinct {
            now += 10
            if let id = queue.next(now: now)?.id, let group = groups[id] { turns.append(group) }
        }
        #expect(Set(turns).count == distinct)
        // A search has a turn after as many rounds as its group has searches.
        var seen: Set<Int> = []
        for _ in 0..<(distinct * 20) {
            now += 10
            if let id = queue.next(now: now)?.id { seen.insert(id) }
        }
        #expect(seen == Set(groups.keys))
        for id in groups.keys { queue.remove(id) }
        #expect(queue.isEmpty)
        #expect(queue.next(now: now + 1_000) == nil)
    }
}
