/// The links to one middle proxy from one event loop: which one a client is bound to, when another is opened, when one
/// is closed.
///
/// Events change the plan; ``tick(now:)`` says what to do, and belongs after every event and at the moment that it
/// names. Times are milliseconds of one clock that never runs backwards.
package struct LinkPlan: Sendable {
    /// Names one link for its whole life, from the attempt to the end.
    package struct LinkID: Hashable, Sendable {
        fileprivate var number: UInt64
    }

    package enum Action: Equatable, Sendable {
        /// Dial it; ``linkReady(_:now:)`` or ``linkFailed(_:now:random:)`` follows.
        case open(LinkID)
        /// Close it; it is forgotten already and has no clients.
        case close(LinkID)
        /// Tick then, unless an event comes first.
        case retry(atMilliseconds: Int64)
    }

    private struct Link: Sendable {
        let id: LinkID
        let opened: Int64
        /// Since when it is established; nil: being dialled.
        var ready: Int64?
        var clients = 0

        func isProven(_ now: Int64) -> Bool { ready.map { now - $0 >= LinkPlanTimes.proofOfHealth } ?? false }
    }

    /// At least 1. Links beyond a lower one run empty like others that are not wanted.
    package var maximum: Int { didSet { maximum = max(maximum, 1) } }
    /// In the order in which they were opened.
    private var links: [Link] = []
    private var numbers: UInt64 = 0
    /// Clients that wait for a link.
    package private(set) var waiting = 0
    /// When the last client went, or the plan was warmed up; nil before both.
    private var lastUse: Int64?
    /// Since when there are more links than wanted.
    private var surplusSince: Int64?
    /// The wait after the last failure; nil: nothing failed lately.
    private var wait: Int64?
    private var lastFailure: Int64 = .min
    /// Nothing is opened before.
    private var notBefore: Int64 = .min
    package private(set) var isRetired = false

    /// - Parameter maximumLinks: at least 1.
    package init(maximumLinks: Int) {
        maximum = max(maximumLinks, 1)
    }

    // MARK: - What there is

    /// Links, being dialled or established.
    package var count: Int { links.count }
    package var readyCount: Int { links.count { $0.ready != nil } }
    /// Clients that are bound to a link.
    package var boundClients: Int { links.reduce(0) { $0 + $1.clients } }

    /// How many links its clients ask for.
    package func wanted(now: Int64) -> Int { wanted(for: boundClients + waiting, now: now) }

    /// Whether nothing is dialled now because of failures: another target may serve better.
    package func isBackingOff(now: Int64) -> Bool { now < notBefore && readyCount == 0 }

    // MARK: - Clients

    /// Opens a first link before anybody asks, and keeps it like one whose last client has just gone.
    package mutating func warmUp(now: Int64) { lastUse = now }

    /// Binds a new client to the ready link with the fewest clients; nil: none is ready, and the client may wait.
    ///
    /// While there are more links than wanted, only the oldest are given clients, so that the others run empty.
    package mutating func clientBound(now: Int64) -> LinkID? {
        guard !isRetired else { return nil }
        let ready = links.indices.filter { links[$0].ready != nil }
        let candidates = ready.prefix(wanted(for: boundClients + waiting + 1, now: now))
        guard let best = candidates.min(by: { links[$0].clients < links[$1].clients }) else { return nil }
        links[best].clients += 1
        return links[best].id
    }

    /// A client waits for a link; ``clientStopsWaiting(now:)`` goes before its next attempt to be bound.
    package mutating func clientWaits() { waiting += 1 }

    /// A client that waited is about to be bound, or has gone.
    package mutating func clientStopsWaiting(now: Int64) {
        waiting = max(waiting - 1, 0)
        lastUse = now
    }

    /// A bound client has gone.
    package mutating func clientLeft(_ id: LinkID, now: Int64) {
        guard let index = index(of: id) else { return }
        links[index].clients = max(links[index].clients - 1, 0)
        lastUse = now
    }

    // MARK: - Links

    /// A link is established.
    ///
    /// - Returns: false when it is not wanted any more and the caller closes it.
    package mutating func linkReady(_ id: LinkID, now: Int64) -> Bool {
        guard let index = index(of: id) else { return false }
        if links[index].ready == nil { links[index].ready = now }
        return true
    }

    /// A link could not be established.
    ///
    /// - Parameter random: any number; spreads the attempts of many loops and proxies.
    package mutating func linkFailed(_ id: LinkID, now: Int64, random: UInt64) {
        settle(now)
        guard let index = index(of: id) else { return }
        backOff(after: links.remove(at: index), now: now, random: random)
    }

    /// An established link broke. Its clients are bound to nothing any more: those that can go on are bound anew.
    ///
    /// - Parameter random: as in ``linkFailed(_:now:random:)``.
    package mutating func linkLost(_ id: LinkID, now: Int64, random: UInt64) {
        settle(now)
        guard let index = index(of: id) else { return }
        let link = links.remove(at: index)
        if link.clients > 0 { lastUse = now }
        // Established and closed at once: what a middle proxy does that dislikes us, so it is a failure as well.
        if !link.isProven(now) { backOff(after: link, now: now, random: random) }
    }

    /// The target is gone from Telegram's list: no more clients, and links are closed when their last client goes.
    package mutating func retire() {
        isRetired = true
        waiting = 0
    }

    // MARK: - Decisions

    /// What is to be done now. The last action says when to ask again, if anything will be to do by then.
    package mutating func tick(now: Int64) -> [Action] {
        settle(now)
        var actions = closings(now)
        actions += openings(now)
        if let time = nextTime(now) { actions.append(.retry(atMilliseconds: time)) }
        return actions
    }

    private mutating func closings(_ now: Int64) -> [Action] {
        let wanted = wanted(now: now)
        var surplus = (isRetired ? links.count : readyCount) - wanted
        guard surplus > 0 else {
            surplusSince = nil
            return []
        }
        let since = surplusSince ?? now
        surplusSince = since
        guard wanted == 0 || now - since >= LinkPlanTimes.surplusLife else { return [] }
        var closed: [Action] = []
        for link in links.reversed() where surplus > 0 && link.clients == 0 && (isRetired || link.ready != nil) {
            surplus -= 1
            closed.append(.close(link.id))
            links.removeAll { $0.id == link.id }
        }
        return closed
    }

    private mutating func openings(_ now: Int64) -> [Action] {
        let wanted = wanted(now: now)
        guard wanted > 0, now >= notBefore else { return [] }
        let isHanging = hangingTime.map { $0 <= now } ?? false
        let target = min(isHanging ? wanted + 1 : wanted, maximum)
        // After a failure one link tells as much as two, and the others wait for what it tells.
        let atOnce = wait != nil && !isHanging ? 1 : LinkPlanTimes.attemptsAtOnce
        let unproven = wait == nil ? links.count - readyCount : links.count { !$0.isProven(now) }
        let missing = min(target - links.count, atOnce - unproven)
        guard missing > 0 else { return [] }
        return (0..<missing).map { _ in
            numbers += 1
            let link = Link(id: LinkID(number: numbers), opened: now)
            links.append(link)
            return .open(link.id)
        }
    }

    /// The earliest moment after now at which a tick does something that no event announces.
    private func nextTime(_ now: Int64) -> Int64? {
        let wanted = wanted(now: now)
        var times: [Int64] = []
        if wanted > links.count {
            times.append(notBefore)
            if wait != nil { times += links.compactMap { $0.ready.map { $0 + LinkPlanTimes.proofOfHealth } } }
        }
        if wanted > 0, links.count < maximum, let hangingTime { times.append(max(hangingTime, notBefore)) }
        if let surplusSince, links.contains(where: { $0.ready != nil && $0.clients == 0 }) {
            times.append(surplusSince + LinkPlanTimes.surplusLife)
        }
        if let lastUse, !links.isEmpty, boundClients + waiting == 0 { times.append(lastUse + LinkPlanTimes.idleLife) }
        return times.filter { $0 > now }.min()
    }

    // MARK: - Parts

    private func index(of id: LinkID) -> Int? { links.firstIndex { $0.id == id } }

    private func wanted(for clients: Int, now: Int64) -> Int {
        if isRetired { return 0 }
        if clients > 0 { return min(1 + clients / LinkPlanTimes.clientsPerLink, maximum) }
        guard let lastUse else { return 0 }
        return now - lastUse < LinkPlanTimes.idleLife ? 1 : 0
    }

    /// When a spare attempt begins beside the only one: nil when there are others, or a link that works.
    private var hangingTime: Int64? {
        guard readyCount == 0, links.count == 1, let only = links.first else { return nil }
        return only.opened + LinkPlanTimes.spareAfter
    }

    private mutating func backOff(after link: Link, now: Int64, random: UInt64) {
        // What was begun before the last failure tells nothing that the failure did not.
        guard link.opened > lastFailure else { return }
        let next = wait.map { min($0 + $0 / 2, LinkPlanTimes.longestWait) } ?? LinkPlanTimes.firstWait
        wait = next
        lastFailure = now
        notBefore = now + next + Int64(random % UInt64(next / 5 + 1))
    }

    /// Forgets failures when a link that was opened since has proven itself, or when they are long ago.
    private mutating func settle(_ now: Int64) {
        guard wait != nil else { return }
        let hasHealed = links.contains { $0.opened > lastFailure && $0.isProven(now) }
        if hasHealed || now - lastFailure >= LinkPlanTimes.forgiveness { wait = nil }
    }
}

/// Numbers of every ``LinkPlan``; times are milliseconds.
package enum LinkPlanTimes {
    /// Clients for whom a further link is opened: their shares of one TCP stream stay useful (observed: middle proxies
    /// take hundreds).
    package static let clientsPerLink = 64
    /// Links dialled at the same moment: a crowd of handshakes looks like an attack.
    package static let attemptsAtOnce = 2
    /// A first attempt that takes longer is not waited for alone: it may be lost on a path that a second one avoids.
    package static let spareAfter: Int64 = 1_000
    /// Wait after the first failure; grows by half with each, up to ``longestWait``, and by up to a fifth at random.
    /// As the official proxy does.
    package static let firstWait: Int64 = 1_000
    package static let longestWait: Int64 = 20_000
    /// A link that lived shorter has failed: middle proxies close at once when the address or the clock is wrong, and
    /// dialling them again without a wait makes hundreds of connections a second.
    package static let proofOfHealth: Int64 = 10_000
    /// Failures count no more after this long: more than twice the longest wait and an attempt's time-out.
    package static let forgiveness: Int64 = 120_000
    /// How long more links than wanted are kept: the number of clients goes up and down.
    package static let surplusLife: Int64 = 60_000
    /// How long the last link is kept without any client: the next one shall not wait for a handshake.
    package static let idleLife: Int64 = 5 * 60_000
}
