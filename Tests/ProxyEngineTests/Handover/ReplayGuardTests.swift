import MTProtoWire
import ProxyPolicy
import Synchronization
import Testing

@testable import ProxyEngine

/// The replay memory of two processes, one of which takes over.
@Suite struct ReplayGuardTests {
    private static let now: UInt32 = 1_700_000_000

    private func replays(since: UInt32 = now) -> ReplayGuard {
        ReplayGuard(ReplayFilter(since: since, helloWindow: 120, headerLife: 3_600_000))
    }

    private func random(_ number: Int) -> Block32 {
        var block = Block32()
        block.withUnsafeMutableBytes { $0.storeBytes(of: number, as: Int.self) }
        return block
    }

    private func key(_ number: Int) -> Block16 {
        var block = Block16()
        block.withUnsafeMutableBytes { $0.storeBytes(of: number, as: Int.self) }
        return block
    }

    private func isReplayed(_ replays: ReplayGuard, _ number: Int) -> Bool {
        replays.isReplayedHello(random(number), timestamp: Self.now, now: Self.now)
    }

    @Test func `Each handshake is accepted once by both together, whoever sees it first`() throws {
        let (old, new) = (replays(since: Self.now - 500), replays())
        #expect(!isReplayed(old, 1) && !old.isReplayedHeader(key(1)))
        new.adopt(old.copy())
        // Between the copy and the end.
        #expect(!isReplayed(old, 2) && !old.isReplayedHeader(key(2)))
        let marks = try #require(old.handOver { new.wasSeen($0, unixTime: Self.now) })
        #expect(marks.count == 2)
        new.adopt(marks)
        #expect(old.isHandedOver && !new.isHandedOver)
        #expect(new.since == Self.now - 500)
        for number in 1...2 {
            #expect(isReplayed(new, number) && new.isReplayedHeader(key(number)))
            #expect(isReplayed(old, number) && old.isReplayedHeader(key(number)))
        }
        #expect(!isReplayed(old, 3) && !old.isReplayedHeader(key(3)))
        #expect(isReplayed(new, 3) && new.isReplayedHeader(key(3)))
        #expect(!isReplayed(new, 4) && !new.isReplayedHeader(key(4)))
        #expect(isReplayed(old, 4) && old.isReplayedHeader(key(4)))
    }

    @Test func `After a handover that did not happen this one decides alone`() throws {
        let old = replays()
        _ = old.copy()
        let asked = Atomic(0)
        _ = try #require(
            old.handOver { _ in
                asked.add(1, ordering: .relaxed)
                return false
            })
        #expect(!isReplayed(old, 1))
        old.takeBack()
        #expect(!old.isHandedOver)
        #expect(isReplayed(old, 1) && !isReplayed(old, 2) && isReplayed(old, 2))
        let count = asked.load(ordering: .relaxed)
        #expect(count == 1)
    }

    @Test func `Without a copy there is nothing to hand over`() {
        let old = replays()
        #expect(old.handOver { _ in false } == nil)
        #expect(!old.isHandedOver)
    }

    @Test(arguments: [(120, 120), (120, 30), (30, 120), (120, 0), (0, 120), (120, 7)] as [(UInt32, UInt32)])
    func `Windows that differ forget nothing that could be accepted`(old: UInt32, new: UInt32) {
        var first = ReplayFilter(since: Self.now - 1_000, helloWindow: old, headerLife: 1_000)
        var seen: [(Block32, UInt32)] = []
        for step in 0..<600 {
            let now = Self.now - 600 + UInt32(step)
            let time = now - min(old, UInt32(step % 60))
            if !first.isReplayedHello(random(step), timestamp: time, now: now) { seen.append((random(step), time)) }
        }
        #expect(!seen.isEmpty)
        var second = ReplayFilter(since: Self.now, helloWindow: new, headerLife: 1_000)
        second.adopt(first.memory(now: 5_000), now: 9_000)
        for now in [Self.now - 1, Self.now, Self.now + 50, Self.now + 119] {
            for (random, time) in seen {
                let isReplayed = second.isReplayedHello(random, timestamp: time, now: now)
                #expect(isReplayed, "of \(time) at \(now)")
            }
        }
    }

    @Test func `Headers keep their age`() {
        var first = ReplayFilter(helloWindow: 1, headerLife: 1_000)
        _ = first.isReplayedHeader(key(1), now: 0)
        _ = first.isReplayedHeader(key(2), now: 900)
        var second = ReplayFilter(helloWindow: 1, headerLife: 1_000)
        second.adopt(first.memory(now: 1_000), now: 50_000)
        var later = second
        let atOnce = [second.isReplayedHeader(key(1), now: 50_000), second.isReplayedHeader(key(2), now: 50_000)]
        #expect(atOnce == [true, true])
        let afterwards = [later.isReplayedHeader(key(2), now: 50_800), later.isReplayedHeader(key(1), now: 50_800)]
        #expect(afterwards == [true, false])
    }
}
