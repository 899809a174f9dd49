import ProxyPolicy
import Testing

/// Plays an engine that does what a plan says, and checks at every step that the plan may say it.
struct LinkPlanEngine {
    typealias LinkID = LinkPlan.LinkID

    /// How dialling goes.
    enum Weather: CaseIterable {
        case good, refusing, hanging, closingAtOnce, closingSoon, mixed
    }

    static let dialMilliseconds: Int64 = 100
    static let timeoutMilliseconds: Int64 = 10_000

    var plan: LinkPlan
    let maximum: Int
    var weather = Weather.good
    var random: TestGenerator
    private(set) var now: Int64 = 0
    private(set) var attempts: [Int64] = []
    /// Ready links and their clients.
    private(set) var ready: [LinkID: Int] = [:]
    private(set) var waiting = 0
    private var dialling: Set<LinkID> = []
    /// All of them in the order in which they were opened, so that a seed plays the same every time.
    private var order: [LinkID] = []
    private var events: [(time: Int64, id: LinkID, outcome: Outcome)] = []
    private var alarm: Int64?

    private enum Outcome { case ready, failed, lost }

    init(maximum: Int, seed: UInt64) {
        plan = LinkPlan(maximumLinks: maximum)
        self.maximum = maximum
        random = TestGenerator(seed: seed)
    }

    // MARK: Time

    /// Lets time pass, with nothing but the plan's own alarms and what happens to links.
    mutating func pass(_ milliseconds: Int64) {
        let end = now + milliseconds
        act()
        while true {
            let event = events.map(\.time).min()
            guard let next = [event, alarm].compactMap(\.self).min(), next <= end else { break }
            now = max(now, next)
            if let index = events.firstIndex(where: { $0.time <= now }) { happen(events.remove(at: index)) }
            act()
        }
        now = end
        act()
    }

    private mutating func act() {
        alarm = nil
        for action in plan.tick(now: now) {
            #expect(alarm == nil, "the alarm is the last action")
            switch action {
            case .open(let id): open(id)
            case .close(let id): close(id)
            case .retry(let time):
                #expect(time > now)
                alarm = time
            }
        }
        #expect(plan.count == dialling.count + ready.count)
        #expect(plan.readyCount == ready.count)
        #expect(plan.count <= maximum)
        #expect(plan.boundClients == ready.values.reduce(0, +))
    }

    private mutating func open(_ id: LinkID) {
        #expect(dialling.insert(id).inserted && ready[id] == nil)
        attempts.append(now)
        order.removeAll { ready[$0] == nil && !dialling.contains($0) }
        order.append(id)
        var today = weather
        if today == .mixed { today = Weather.allCases.randomElement(using: &random) ?? .good }
        switch today {
        case .good, .mixed, .closingAtOnce, .closingSoon:
            events.append((now + Self.dialMilliseconds, id, .ready))
            let life: Int64 = today == .closingAtOnce ? 1 : LinkPlanTimes.proofOfHealth - 1
            if today == .closingAtOnce || today == .closingSoon {
                events.append((now + Self.dialMilliseconds + life, id, .lost))
            }
        case .refusing: events.append((now + 1, id, .failed))
        case .hanging: events.append((now + Self.timeoutMilliseconds, id, .failed))
        }
    }

    private mutating func close(_ id: LinkID) {
        #expect((ready.removeValue(forKey: id) ?? 0) == 0, "no link is closed with clients on it")
        dialling.remove(id)
    }

    private mutating func happen(_ event: (time: Int64, id: LinkID, outcome: Outcome)) {
        let id = event.id
        switch event.outcome {
        case .ready:
            let isKnown = dialling.remove(id) != nil
            let isTaken = plan.linkReady(id, now: now)
            #expect(isTaken == isKnown)
            if isTaken { ready[id] = 0 }
            while waiting > 0, isTaken {
                waiting -= 1
                plan.clientStopsWaiting(now: now)
                come()
            }
        case .failed:
            dialling.remove(id)
            plan.linkFailed(id, now: now, random: random.next())
        case .lost:
            guard let clients = ready.removeValue(forKey: id) else { return }
            plan.linkLost(id, now: now, random: random.next())
            for _ in 0..<clients { come() }
        }
    }

    // MARK: Clients

    mutating func come() {
        guard let id = plan.clientBound(now: now) else {
            if !ready.isEmpty { Issue.record("a client waits though a link is ready") }
            waiting += 1
            plan.clientWaits()
            return
        }
        if ready[id] == nil { Issue.record("a client is bound to a link that is not ready") }
        ready[id, default: 0] += 1
    }

    mutating func go() {
        if let id = order.filter({ ready[$0, default: 0] > 0 }).randomElement(using: &random) {
            ready[id, default: 1] -= 1
            plan.clientLeft(id, now: now)
        } else if waiting > 0 {
            waiting -= 1
            plan.clientStopsWaiting(now: now)
        }
    }

    mutating func loseOne() {
        guard let id = order.filter({ ready[$0] != nil }).randomElement(using: &random) else { return }
        happen((now, id, .lost))
    }

    /// The most attempts within any minute.
    var busiestMinute: Int {
        attempts.indices.map { first in attempts[first...].prefix { $0 < attempts[first] + 60_000 }.count }.max() ?? 0
    }
}

@Suite struct LinkPlanPropertyTests {
    @Test(arguments: UInt64(1)...15)
    func `Whatever happens, links stay within the maximum and clients on links that are ready`(seed: UInt64) {
        var random = TestGenerator(seed: seed)
        var engine = LinkPlanEngine(maximum: Int.random(in: 1...9, using: &random), seed: seed)
        for _ in 0..<400 {
            switch Int.random(in: 0..<12, using: &random) {
            case 0: engine.weather = LinkPlanEngine.Weather.allCases.randomElement(using: &random) ?? .good
            case 1: engine.loseOne()
            case 2: for _ in 0..<Int.random(in: 0...300, using: &random) { engine.go() }
            case 3: for _ in 0..<Int.random(in: 0...300, using: &random) { engine.come() }
            case 4...7: engine.come()
            default: engine.go()
            }
            engine.pass(Int64.random(in: 0...(Bool.random(using: &random) ? 100 : 60_000), using: &random))
        }
        // All is well again: nobody waits for longer than the longest wait takes, and the links suit the clients.
        engine.weather = .good
        engine.come()
        engine.pass(LinkPlanTimes.longestWait * 6 / 5 + 2 * LinkPlanEngine.timeoutMilliseconds)
        #expect(engine.waiting == 0)
        engine.pass(10 * 60_000)
        #expect(engine.plan.count >= engine.plan.wanted(now: engine.now))
        while engine.plan.boundClients > 0 { engine.go() }
        engine.pass(10 * 60_000)
        #expect(engine.plan.count == 0)
    }

    @Test(arguments: [LinkPlanEngine.Weather.refusing, .hanging, .closingAtOnce, .closingSoon], [1, 50, 2_000])
    func `A middle proxy that never works is dialled a few times a minute`(
        weather: LinkPlanEngine.Weather, clients: Int
    ) {
        var engine = LinkPlanEngine(maximum: 8, seed: 7)
        engine.weather = weather
        for _ in 0..<clients { engine.come() }
        engine.pass(30 * 60_000)
        #expect(engine.busiestMinute <= 20)
        let last = engine.attempts.filter { $0 > 29 * 60_000 }.count
        #expect(last >= 1)
        #expect(last <= 8)
        engine.weather = .good
        engine.pass(60_000)
        #expect(engine.waiting == 0)
        #expect(engine.plan.boundClients == clients)
        #expect(engine.plan.readyCount == min(1 + clients / LinkPlanTimes.clientsPerLink, 8))
    }
}
