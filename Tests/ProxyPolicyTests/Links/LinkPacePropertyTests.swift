import ProxyPolicy
import Testing

/// Plays a link in steps of 10 ms: a middle proxy that has frames for clients, and clients that take bytes at their rate.
struct LinkPaceEngine {
    struct Client {
        /// Bytes per step that it takes; 0: it is stalled.
        var rate: Int
        /// The greatest frame that the middle proxy has for it at any time; 0: none.
        var frame: Int
        var queue = 0
        var frames = 0
    }

    static let step: Int64 = 10
    static let hard = 4 << 20
    static let linkBytesPerStep = 1 << 20

    var pace = LinkPace(hardBound: hard)
    var random: TestGenerator
    private(set) var clients: [UInt64: Client] = [:]
    /// Their names, so that a seed plays the same every time.
    private var order: [UInt64] = []
    private(set) var letGo: [UInt64: Int64] = [:]
    private(set) var greatestQueue = 0
    private(set) var longestPause: Int64 = 0
    private(set) var now: Int64 = 0
    private var pausedSince: Int64?
    private var lastTick: Int64 = 0

    init(seed: UInt64) { random = TestGenerator(seed: seed) }

    mutating func join(_ id: UInt64, rate: Int, frame: Int) {
        clients[id] = Client(rate: rate, frame: frame)
        order.append(id)
        pace.join(id, now: now)
    }

    mutating func leave(_ id: UInt64) {
        forget(id)
        obey(pace.leave(id, now: now))
    }

    mutating func send(_ id: UInt64) { obey(pace.sent(id, now: now)) }

    mutating func run(_ milliseconds: Int64) {
        let end = now + milliseconds
        while now < end {
            now += Self.step
            for id in order { take(id) }
            if pausedSince == nil { read() }
            if let pausedSince {
                longestPause = max(longestPause, now - pausedSince)
                if now - max(lastTick, pausedSince) >= LinkPace.tickMilliseconds {
                    lastTick = now
                    obey(pace.tick(now: now))
                }
            }
        }
    }

    private mutating func take(_ id: UInt64) {
        guard let client = clients[id], client.rate > 0, client.queue > 0 else { return }
        let queue = max(client.queue - client.rate, 0)
        clients[id]?.queue = queue
        obey(pace.drained(id, queue: queue, now: now))
    }

    private mutating func read() {
        var budget = Self.linkBytesPerStep
        let busy = order.filter { clients[$0]?.frame ?? 0 > 0 }
        while pausedSince == nil, budget > 0, let id = busy.randomElement(using: &random) {
            guard let client = clients[id] else {
                budget -= 100_000
                continue
            }
            let frame = Int.random(in: 1...client.frame, using: &random)
            budget -= frame
            clients[id]?.queue += frame
            clients[id]?.frames += 1
            greatestQueue = max(greatestQueue, client.queue + frame)
            obey(pace.queued(id, queue: client.queue + frame, now: now))
        }
    }

    private mutating func obey(_ verdict: LinkPace.Verdict) {
        for id in verdict.letGo {
            if clients[id] == nil { Issue.record("\(id) is let go twice") }
            forget(id)
            letGo[id] = now
        }
        switch verdict.reading {
        case .pause?:
            #expect(pausedSince == nil)
            pausedSince = now
        case .resume?:
            #expect(pausedSince != nil)
            pausedSince = nil
        case nil: break
        }
        let isSound = pace.isPaused == (pausedSince != nil) && pace.clientCount == clients.count
        if !isSound { Issue.record("the pace does not know what it said") }
    }

    private mutating func forget(_ id: UInt64) {
        clients[id] = nil
        order.removeAll { $0 == id }
    }
}

@Suite struct LinkPacePropertyTests {
    static let frame = 256 << 10

    @Test(arguments: [100, 1_000, 10_000, 100_000, 1_000_000], UInt64(1)...4)
    func `A lone download that progresses is paced, whatever its rate`(rate: Int, seed: UInt64) {
        var engine = LinkPaceEngine(seed: seed)
        engine.join(1, rate: rate, frame: Self.frame)
        engine.run(60_000)
        #expect(engine.letGo.isEmpty)
        #expect(engine.greatestQueue <= LinkPaceEngine.hard / 2 + 3 * Self.frame)
        #expect((engine.clients[1]?.frames ?? 0) > 1)
        // It always has something to take.
        #expect((engine.clients[1]?.queue ?? 0) > 0)
    }

    @Test(arguments: [0, 1, 2, 5, 40], UInt64(1)...4)
    func `A stalled client is let go and costs no more than the bound and a frame`(others: Int, seed: UInt64) {
        var engine = LinkPaceEngine(seed: seed)
        engine.join(1, rate: 0, frame: Self.frame)
        for id in 0..<others { engine.join(UInt64(id + 2), rate: 1 << 20, frame: Self.frame) }
        engine.run(10_000)
        #expect(engine.letGo.keys.sorted() == [1])
        #expect(engine.greatestQueue <= LinkPaceEngine.hard + Self.frame)
    }

    @Test(arguments: [2, 6, 30], UInt64(1)...5)
    func `Neighbours never wait for longer than two seconds`(count: Int, seed: UInt64) {
        var random = TestGenerator(seed: seed)
        var engine = LinkPaceEngine(seed: seed)
        for id in 1...UInt64(count) {
            engine.join(
                id, rate: [0, 10, 1_000, 100_000].randomElement(using: &random) ?? 0,
                frame: [0, 1_000, Self.frame].randomElement(using: &random) ?? 0)
        }
        // Somebody is there throughout who has nothing to do with it.
        engine.join(1_000, rate: 1, frame: 0)
        engine.run(20_000)
        #expect(engine.longestPause <= LinkPace.longestPauseMilliseconds)
        #expect(engine.greatestQueue <= LinkPaceEngine.hard + Self.frame)
        #expect(engine.clients[1_000] != nil)
    }

    @Test func `Phones on slow lines stay while others use the link`() {
        var pace = LinkPace(hardBound: LinkPaceEngine.hard)
        for id in 1...3 as ClosedRange<UInt64> { pace.join(id, now: 0) }
        // 100 kB/s each, and a megabyte asked for at a time at most.
        var queues = [1 << 20, 1 << 20]
        for now in stride(from: 0 as Int64, to: 60_000, by: 10) {
            for index in queues.indices {
                queues[index] = max(queues[index] - 1_000, 0)
                #expect(pace.drained(UInt64(index + 1), queue: queues[index], now: now).letGo.isEmpty)
                if !pace.isPaused, queues[index] < 512 << 10 {
                    queues[index] += 512 << 10
                    #expect(pace.queued(UInt64(index + 1), queue: queues[index], now: now).letGo.isEmpty)
                }
            }
            if !pace.isPaused { #expect(pace.queued(3, queue: 0, now: now).letGo.isEmpty) }
            if now % LinkPace.tickMilliseconds == 0 { #expect(pace.tick(now: now).letGo.isEmpty) }
        }
        #expect(pace.clientCount == 3)
    }

    @Test(arguments: UInt64(1)...10)
    func `Any order of events keeps the books straight`(seed: UInt64) {
        var random = TestGenerator(seed: seed)
        var engine = LinkPaceEngine(seed: seed)
        var next: UInt64 = 1
        for _ in 0..<400 {
            let known = engine.clients.keys.sorted()
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1:
                engine.join(
                    next, rate: Int.random(in: 0...1 << Int.random(in: 0...17, using: &random), using: &random),
                    frame: Int.random(in: 0...Self.frame, using: &random))
                next += 1
            case 2: if let id = known.randomElement(using: &random) { engine.leave(id) }
            case 3: if let id = known.randomElement(using: &random) { engine.send(id) }
            default: engine.run(Int64.random(in: 0...50, using: &random) * 10)
            }
        }
        // With everybody gone nothing is left that could pause or hold anything.
        for id in engine.clients.keys.sorted() { engine.leave(id) }
        #expect(!engine.pace.isPaused)
        engine.join(next, rate: 1 << 20, frame: 1_000)
        engine.run(5_000)
        #expect(engine.letGo[next] == nil)
        #expect((engine.clients[next]?.frames ?? 0) > 100)
    }
}
