import MTProtoWire
import NIOCore
import ProxyPolicy

/// The middle proxies as one event loop uses them: groups of links, and the turn's output of all of them.
final class MiddleProxyHub: DeadlineOwner {
    /// Bytes of requests after which links are written without waiting for the end of the turn. Eight reads of clients:
    /// enough for several links to have something (a lone stream is encrypted at an eighth of the speed of eight), and
    /// still in the processor's cache.
    private static let flushBytes = 2 << 20
    /// A batch of this size takes longer to encrypt alone than its share of a common pass with others: it waits for a
    /// moment that nobody notices in an upload.
    private static let patientBytes = 64 << 10
    private static let patience = TimeAmount.microseconds(1_000)
    /// With so many links there is company enough.
    private static let patientLinks = 6
    /// How long a link that has room again may wait for others before its clients go on: what it still has queued by
    /// then keeps it busy for longer.
    private static let roomyLinks = 8
    private static let roomPatience = TimeAmount.milliseconds(3)
    /// Buffers for batches that are kept, and how long they may be.
    private static let spareBatchCount = 8
    private static let spareBatchBytes = 1 << 20
    /// How often sessions on a target that is not wanted any more are looked at.
    private static let moveMilliseconds: Int64 = 1_000

    unowned let loop: LoopContext
    private(set) var directory: MiddleProxyDirectory?
    private var groups: [MiddleProxyTarget: LinkGroup] = [:]
    /// Groups of targets that are not wanted any more, until their last session has gone. A target that comes back gets
    /// a new group beside the old one.
    private var retired: [LinkGroup] = []
    private var lastConnection: UInt64
    /// Links with a batch to send, and how much.
    private var dirty: [MiddleProxyLink] = []
    private var pendingBytes = 0
    private var isFlushing = false
    /// Whether big batches wait for others.
    private var isPatient = false
    /// Links whose clients wait for room.
    private(set) var fullLinks = 0
    /// Those among them that have room again.
    private var roomy: [MiddleProxyLink] = []
    private var isAwaitingRoom = false
    private var spareBatches: [ByteBuffer] = []
    private var sparePlain: ByteBuffer?
    private var moving: [ObjectIdentifier: LinkWaiter] = [:]
    private let deadline = Deadline()

    init(loop: LoopContext) {
        self.loop = loop
        // Connections of an earlier process may still be known over there.
        lastConnection = loop.random.next() >> 1
    }

    func nextConnection() -> UInt64 {
        lastConnection &+= 1
        return lastConnection
    }

    // MARK: Links

    func group(_ target: MiddleProxyTarget) -> LinkGroup {
        if let group = groups[target] { return group }
        let group = LinkGroup(target: target, hub: self)
        groups[target] = group
        return group
    }

    /// Finds a place on a link to a middle proxy of that number, at once where there is one.
    @discardableResult
    func request(
        _ wire: Int16, patience: LinkWaiter.Patience = .ordinary, _ completion: @escaping LinkWaiter.Completion
    ) -> LinkWaiter? {
        var targets = directory?.targets(for: wire) ?? []
        guard !targets.isEmpty else {
            completion(.failure(.noMiddleProxy))
            return nil
        }
        targets.shuffle(using: &loop.random)
        let ready = targets.lazy.compactMap { self.groups[$0] }.first { $0.hasReadyLink }
        if let link = ready?.lease() {
            completion(.success(link))
            return nil
        }
        let waiter = LinkWaiter(targets, hub: self, patience: patience, completion: completion)
        waiter.start()
        return waiter
    }

    /// Finds a new link for a session that lost its own.
    func rebind(_ relay: MiddleProxyRelay) {
        let key = ObjectIdentifier(relay)
        let waiter = request(relay.wire, patience: .stubborn) { [weak self, weak relay] result in
            self?.moving[key] = nil
            switch result {
            case .success(let link):
                guard let relay else { return link.giveBack() }
                relay.rebound(link)
            case .failure: relay?.rebound(nil)
            }
        }
        if let waiter, waiter.isWaiting { moving[key] = waiter }
    }

    func forget(_ relay: MiddleProxyRelay) {
        moving.removeValue(forKey: ObjectIdentifier(relay))?.cancel()
    }

    var facts: LinkFacts {
        var facts = LinkFacts()
        for group in Array(groups.values) + retired where !group.isEmpty {
            facts.ready += group.links.count
            facts.opening += group.openingCount
            facts.sessions += group.links.values.reduce(0) { $0 + $1.sessions.count }
            facts.usedTargets.insert(group.target)
            if !group.links.isEmpty { facts.readyTargets.insert(group.target) }
        }
        return facts
    }

    func linksChanged(by change: Int) { loop.shared.linkCountChanged(by: change) }

    func noteSkew(_ seconds: Int?) {
        if let seconds { loop.shared.metrics.middleProxySkew.set(seconds) }
    }

    // MARK: Directory

    /// The loop's settings have changed.
    func reconfigure() {
        let settings = loop.settings.configuration.middleProxy
        for group in Array(groups.values) + retired { group.reconfigure(settings) }
    }

    /// Takes a new secret and new lists. Sessions of targets that are gone move as they come to rest.
    func use(_ directory: MiddleProxyDirectory) {
        self.directory = directory
        let wanted = directory.allTargets
        let leaving = groups.filter { !wanted.contains($0.key) }
        for target in leaving.keys { groups[target] = nil }
        retired += leaving.values
        for group in leaving.values { group.retire() }
        if !retired.isEmpty { loop.wheel.arm(deadline, for: self, after: Self.moveMilliseconds) }
    }

    /// Whether Telegram's lists have it now.
    func isListed(_ target: MiddleProxyTarget) -> Bool { directory?.allTargets.contains(target) ?? false }

    func deadlineReached(_ deadline: Deadline) {
        for group in retired { group.moveSessions() }
        retired.removeAll { $0.isEmpty }
        if !retired.isEmpty { loop.wheel.arm(deadline, for: self, after: Self.moveMilliseconds) }
    }

    // MARK: Output

    func takeBatch() -> ByteBuffer {
        guard var buffer = spareBatches.popLast() else { return ByteBufferAllocator().buffer(capacity: 64 << 10) }
        buffer.clear()
        return buffer
    }

    func returnBatch(_ buffer: consuming ByteBuffer) {
        guard spareBatches.count < Self.spareBatchCount, buffer.storageCapacity <= Self.spareBatchBytes else { return }
        spareBatches.append(buffer)
    }

    /// The buffer that links decrypt into.
    func takePlain() -> ByteBuffer {
        guard var buffer = sparePlain else {
            return ByteBufferAllocator().buffer(capacity: LoopContext.receiveBytes + 16)
        }
        sparePlain = nil
        buffer.clear()
        return buffer
    }

    func returnPlain(_ buffer: consuming ByteBuffer) {
        guard buffer.storageCapacity >= LoopContext.receiveBytes else { return }
        sparePlain = buffer
    }

    /// A link has something to send. It goes out at the end of the loop's turn, together with that of other links.
    func hasBatch(_ link: MiddleProxyLink, bytes: Int) {
        if !link.isDirty {
            link.isDirty = true
            dirty.append(link)
        }
        pendingBytes += bytes
        if pendingBytes >= Self.flushBytes { return flush() }
        guard !isFlushing else { return }
        isFlushing = true
        loop.eventLoop.assumeIsolated().execute {
            self.isFlushing = false
            self.turnEnded()
        }
    }

    /// Small things go at once.
    private func turnEnded() {
        guard !dirty.isEmpty, dirty.count < Self.patientLinks, pendingBytes >= Self.patientBytes else { return flush() }
        guard !isPatient else { return }
        isPatient = true
        loop.eventLoop.assumeIsolated().scheduleTask(in: Self.patience) {
            if self.isPatient { self.flush() }
        }
    }

    /// Clients of a link wait for room, or not any more.
    func linkFilled() { fullLinks += 1 }
    func linkEmptied() { fullLinks -= 1 }

    /// A link whose clients wait takes more. They go on together with those of other links, since batches that come at
    /// the same time can be encrypted together.
    func hasRoom(_ link: MiddleProxyLink) {
        guard !roomy.contains(where: { $0 === link }) else { return }
        roomy.append(link)
        guard roomy.count < min(Self.roomyLinks, fullLinks) else { return admit() }
        guard !isAwaitingRoom else { return }
        isAwaitingRoom = true
        loop.eventLoop.assumeIsolated().scheduleTask(in: Self.roomPatience) {
            self.isAwaitingRoom = false
            self.admit()
        }
    }

    private func admit() {
        var links: [MiddleProxyLink] = []
        swap(&links, &roomy)
        for link in links { link.resumeNext() }
    }

    private func flush() {
        pendingBytes = 0
        isPatient = false
        var links: [MiddleProxyLink] = []
        swap(&links, &dirty)
        for link in links { link.isDirty = false }
        links.removeAll { !$0.isAlive || $0.batch.readableBytes == 0 }
        // The cipher takes several at a time: the long ones first, so that none of them is left for the end alone.
        links.sort { $0.batch.readableBytes > $1.batch.readableBytes }
        encrypt(links[...], [])
        for link in links { link.sendBatch() }
    }

    /// Lends the batches of all links at once to the cipher.
    private func encrypt(_ links: ArraySlice<MiddleProxyLink>, _ jobs: [CBCEncryptor.Job]) {
        guard let link = links.first else { return CBCEncryptor.encrypt(jobs) }
        link.withPaddedBatch { bytes in
            encrypt(links.dropFirst(), jobs + [CBCEncryptor.Job(stream: link.encryptor, bytes: bytes)])
        }
    }
}

/// One try at middle proxies for a client, or for finding out whether they work.
final class MiddleProxyAttempt: RouteAttempt {
    let route: Route
    let began = DeadlineWheel.now()
    let stage = RouteFailure.Stage.upgrade
    private let wire: Int16
    private let loop: LoopContext

    init(route: Route, wire: Int16, loop: LoopContext) {
        self.route = route
        self.wire = wire
        self.loop = loop
    }

    func start(_ completion: @escaping Completion) {
        loop.shared.metrics.attempted(route.kind)
        loop.middleProxies.request(wire) { completion($0.map(OpenRoute.link)) }
    }
}
