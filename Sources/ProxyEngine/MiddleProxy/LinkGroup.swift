import MTProtoWire
import NIOCore
import ProxyPolicy

/// All links of one event loop to one middle proxy: does what ``LinkPlan`` decides.
final class LinkGroup: DeadlineOwner {
    let target: MiddleProxyTarget
    let hub: MiddleProxyHub
    private var plan: LinkPlan
    private(set) var links: [LinkPlan.LinkID: MiddleProxyLink] = [:]
    private var openings: [LinkPlan.LinkID: LinkOpening] = [:]
    private var waiters: [LinkWaiter] = []
    private(set) var lastFailure = RouteFailure.noMiddleProxy
    private let deadline = Deadline()

    init(target: MiddleProxyTarget, hub: MiddleProxyHub) {
        self.target = target
        self.hub = hub
        plan = LinkPlan(maximumLinks: hub.loop.settings.configuration.middleProxy.linksPerTarget)
    }

    /// The links there are go on; further ones are opened or run empty as the new number asks.
    func reconfigure(_ settings: MiddleProxyConfiguration) {
        plan.maximum = settings.linksPerTarget
        for link in links.values { link.setClientQueue(settings.clientQueueBytes) }
        act()
    }

    var isRetired: Bool { plan.isRetired }
    var isEmpty: Bool { links.isEmpty && openings.isEmpty && waiters.isEmpty }
    var isBackingOff: Bool { plan.isBackingOff(now: DeadlineWheel.now()) }
    var openingCount: Int { openings.count }
    var hasReadyLink: Bool { !plan.isRetired && plan.readyCount > 0 }

    // MARK: Sessions

    /// A place on a ready link: to be used by ``MiddleProxyLink/bind(_:)`` or given back.
    func lease() -> MiddleProxyLink? {
        guard let id = plan.clientBound(now: DeadlineWheel.now()) else { return nil }
        defer { act() }
        return links[id]
    }

    func giveBack(_ link: MiddleProxyLink) { sessionLeft(link) }

    func sessionLeft(_ link: MiddleProxyLink) {
        plan.clientLeft(link.id, now: DeadlineWheel.now())
        act()
    }

    func wait(_ waiter: LinkWaiter) {
        waiters.append(waiter)
        plan.clientWaits()
        act()
    }

    func stopWaiting(_ waiter: LinkWaiter) {
        guard let index = waiters.firstIndex(where: { $0 === waiter }) else { return }
        waiters.remove(at: index)
        plan.clientStopsWaiting(now: DeadlineWheel.now())
        act()
    }

    // MARK: Links

    private func open(_ id: LinkPlan.LinkID) {
        guard let secret = hub.directory?.secret else { return opened(id, .failure(.noMiddleProxy)) }
        let opening = LinkOpening(group: self, id: id, secret: secret)
        openings[id] = opening
        hub.loop.shared.metrics.middleProxyOpenings.add()
        opening.start { self.opened(id, $0) }
    }

    private func opened(_ id: LinkPlan.LinkID, _ result: Result<MiddleProxyLink, RouteFailure>) {
        openings[id] = nil
        let now = DeadlineWheel.now()
        switch result {
        case .success(let link):
            guard plan.linkReady(id, now: now) else { return link.close() }
            links[id] = link
            hub.linksChanged(by: 1)
            hub.loop.shared.events.linkEstablished(target)
            serveWaiters(now)
        case .failure(let failure):
            lastFailure = failure
            plan.linkFailed(id, now: now, random: hub.loop.random.next())
            hub.loop.shared.events.linkFailed(target, failure)
            if plan.readyCount == 0, openings.isEmpty { sendWaitersOn(now) }
        }
        act()
    }

    func linkEnded(_ link: MiddleProxyLink, _ failure: RouteFailure?) {
        guard links.removeValue(forKey: link.id) != nil else { return }
        hub.linksChanged(by: -1)
        if let failure {
            lastFailure = failure
            hub.loop.shared.events.linkLost(target, failure, sessions: link.sessions.count)
        }
        plan.linkLost(link.id, now: DeadlineWheel.now(), random: hub.loop.random.next())
        act()
    }

    private func serveWaiters(_ now: Int64) {
        while let waiter = waiters.first {
            waiters.removeFirst()
            plan.clientStopsWaiting(now: now)
            guard let id = plan.clientBound(now: now), let link = links[id] else {
                waiters.insert(waiter, at: 0)
                plan.clientWaits()
                return
            }
            waiter.succeed(link)
        }
    }

    /// Nothing is under way here any more: those who wait try another middle proxy.
    private func sendWaitersOn(_ now: Int64) {
        let leaving = waiters
        waiters = []
        for waiter in leaving {
            plan.clientStopsWaiting(now: now)
            waiter.failed(self)
        }
    }

    // MARK: Plan

    private var isActing = false
    private var hasNews = false

    /// Does what the plan says, again if that changed the plan: an opening may end at once and lead back here.
    private func act() {
        hasNews = true
        guard !isActing else { return }
        isActing = true
        defer { isActing = false }
        while hasNews {
            hasNews = false
            let now = DeadlineWheel.now()
            deadline.cancel()
            for action in plan.tick(now: now) { perform(action, now) }
        }
    }

    private func perform(_ action: LinkPlan.Action, _ now: Int64) {
        switch action {
        case .open(let id): open(id)
        case .close(let id):
            openings.removeValue(forKey: id)?.cancel()
            links[id]?.close()
        case .retry(let moment): hub.loop.wheel.arm(deadline, for: self, after: moment - now)
        }
    }

    func deadlineReached(_ deadline: Deadline) { act() }

    /// The target is not in Telegram's list any more: sessions move as they come to rest.
    func retire() {
        plan.retire()
        sendWaitersOn(DeadlineWheel.now())
        moveSessions()
        act()
    }

    func moveSessions() {
        for link in links.values {
            for relay in link.sessions.values { relay.moveIfAtRest() }
        }
    }
}

/// Somebody who waits for a link: tries one middle proxy of the list after the other.
final class LinkWaiter: DeadlineOwner {
    typealias Completion = (Result<MiddleProxyLink, RouteFailure>) -> Void

    enum Patience {
        /// A newcomer's, who may have other routes: each middle proxy is tried once, those that failed lately not at
        /// all.
        case ordinary
        /// A session's that lost its link and has nowhere else to go: it waits for one that may be tried again.
        case stubborn

        /// Longer than an opening may take, so that a second target has its turn.
        var milliseconds: Int64 { self == .ordinary ? 6_000 : 10_000 }
    }

    private let hub: MiddleProxyHub
    private let targets: [MiddleProxyTarget]
    private var untried: [MiddleProxyTarget]
    private let patience: Patience
    private var completion: Completion?
    private var group: LinkGroup?
    private let deadline = Deadline()

    init(
        _ targets: [MiddleProxyTarget], hub: MiddleProxyHub, patience: Patience, completion: @escaping Completion
    ) {
        self.hub = hub
        self.targets = targets
        self.patience = patience
        self.completion = completion
        untried = targets
    }

    func start() {
        hub.loop.wheel.arm(deadline, for: self, after: patience.milliseconds)
        goOn(.noMiddleProxy)
    }

    private func goOn(_ failure: RouteFailure) {
        guard completion != nil else { return }
        guard let target = untried.popLast() else { return patience == .stubborn ? stay(failure) : fail(failure) }
        let group = hub.group(target)
        if let link = group.lease() { return succeed(link) }
        guard !group.isBackingOff else { return goOn(group.lastFailure) }
        wait(for: group)
    }

    /// All of them failed lately: waits for any of those that are still listed.
    private func stay(_ failure: RouteFailure) {
        let target = targets.filter(hub.isListed).randomElement(using: &hub.loop.random)
        guard let group = target.map(hub.group) else { return fail(failure) }
        if let link = group.lease() { return succeed(link) }
        wait(for: group)
    }

    private func wait(for group: LinkGroup) {
        self.group = group
        group.wait(self)
    }

    func failed(_ group: LinkGroup) {
        self.group = nil
        goOn(group.lastFailure)
    }

    func succeed(_ link: MiddleProxyLink) {
        group = nil
        deadline.cancel()
        guard let done = completion else { return link.giveBack() }
        completion = nil
        done(.success(link))
    }

    var isWaiting: Bool { completion != nil }

    private func fail(_ failure: RouteFailure) {
        deadline.cancel()
        let done = completion
        completion = nil
        done?(.failure(failure))
    }

    /// Nobody waits any more.
    func cancel() {
        completion = nil
        deadline.cancel()
        group?.stopWaiting(self)
        group = nil
    }

    func deadlineReached(_ deadline: Deadline) {
        let failure = group?.lastFailure ?? .noMiddleProxy
        group?.stopWaiting(self)
        group = nil
        fail(failure == .noMiddleProxy ? .timedOut(stage: .upgrade) : failure)
    }
}
