/// When the reading of one link pauses because its clients do not take their bytes.
///
/// All that a middle proxy sends for the clients of a link comes over one TCP stream, without flow control per client:
/// not reading it makes everybody wait, reading it fills memory for those who are slow. So the link pauses only when most
/// of those who use it are slow, and who does not take his bytes at all is let go.
///
/// Clients are known from ``join(_:now:)`` until they leave or are let go; what is said of others changes nothing. Every
/// packet costs a constant amount of work. Times are milliseconds of one clock that never runs backwards.
package struct LinkPace: Sendable {
    package enum Reading: Equatable, Sendable {
        case pause
        case resume
    }

    /// What follows from an event.
    package struct Verdict: Equatable, Sendable {
        /// What changes about the link's reading; nil: nothing.
        package var reading: Reading?
        /// Clients to let go; they are forgotten here already.
        package var letGo: [UInt64] = []

        package init(reading: Reading? = nil, letGo: [UInt64] = []) {
            self.reading = reading
            self.letGo = letGo
        }
    }

    private struct Client: Sendable {
        /// Bytes that wait for it.
        var queue = 0
        /// When it last took some, or began to have some.
        var progress: Int64
        /// The slice of time in which it was last active; -1: never.
        var slice: Int64 = -1
        /// What it adds to the slice's weight.
        var weight = 0
    }

    /// What the clients have in common that were last active in one slice of time.
    private struct Slice: Sendable {
        var clients = 0
        var weight = 0
    }

    /// What a client that takes its bytes has waiting at most, on average: some tenths of a second of a fast line.
    package static let softBound = 256 << 10
    /// A client is active for this long after its last packet, progress or message, and at most one slice longer.
    package static let activityMilliseconds: Int64 = 1_000
    /// How long a client may take nothing of what waits for it while the link is paused, if that is more than
    /// ``softBound``.
    package static let stallMilliseconds: Int64 = 1_000
    /// How long others wait at most for clients that are slow.
    package static let longestPauseMilliseconds: Int64 = 2_000
    /// How long the link is read at least after so long a pause: what waits for the others lies behind packets for the
    /// slow ones.
    package static let breathMilliseconds: Int64 = 1_000
    /// How often at least ``tick(now:)`` is wanted while the link is paused; it changes nothing otherwise.
    package static let tickMilliseconds: Int64 = 250

    private static let sliceMilliseconds: Int64 = 250
    private static let sliceCount = activityMilliseconds / sliceMilliseconds + 1

    private var soft = 0
    private var hard = 0
    private var clients: [UInt64: Client] = [:]
    /// The slices of the last second, each at its number modulo their count.
    private var slices = [Slice](repeating: Slice(), count: Int(sliceCount))
    private var newest: Int64 = 0
    /// The sum of the slices.
    private var active = Slice()
    private var pausedSince: Int64?
    /// No pause begins before.
    private var readUntil: Int64 = .min

    /// - Parameter hardBound: bytes that may wait for one client; with more it is let go.
    package init(hardBound: Int) {
        setHardBound(hardBound)
    }

    /// Takes another bound; it holds from the next look on.
    package mutating func setHardBound(_ bytes: Int) {
        hard = max(bytes, 1)
        soft = min(Self.softBound, max(hard / 2, 1))
    }

    package var isPaused: Bool { pausedSince != nil }
    package var clientCount: Int { clients.count }

    // MARK: - Clients

    /// A client was bound to the link.
    package mutating func join(_ id: UInt64, now: Int64) {
        guard clients[id] == nil else { return }
        clients[id] = Client(progress: now)
    }

    /// A client has gone.
    package mutating func leave(_ id: UInt64, now: Int64) -> Verdict {
        advance(now)
        forget(id)
        return Verdict(reading: resumeIfEased())
    }

    /// A client sent something up: it waits for an answer, so the link is read again if it was not active before.
    package mutating func sent(_ id: UInt64, now: Int64) -> Verdict {
        advance(now)
        guard var client = clients[id] else { return Verdict() }
        let wasActive = isActive(client)
        touch(id, &client)
        return Verdict(reading: wasActive ? resumeIfEased() : resume())
    }

    // MARK: - Bytes

    /// A packet was queued for a client.
    ///
    /// - Parameter queue: bytes that wait for it now.
    package mutating func queued(_ id: UInt64, queue: Int, now: Int64) -> Verdict {
        advance(now)
        guard var client = clients[id] else { return Verdict() }
        if client.queue == 0 || queue < client.queue { client.progress = now }
        client.queue = queue
        touch(id, &client)
        if queue > hard {
            forget(id)
            return Verdict(reading: resumeIfEased(), letGo: [id])
        }
        guard pausedSince == nil, now >= readUntil, active.weight > active.clients * soft else { return Verdict() }
        pausedSince = now
        return Verdict(reading: .pause)
    }

    /// A client took some of its bytes.
    ///
    /// While the link is paused it is enough to look before every ``tick(now:)``.
    ///
    /// - Parameter queue: bytes that still wait for it.
    package mutating func drained(_ id: UInt64, queue: Int, now: Int64) -> Verdict {
        advance(now)
        guard var client = clients[id], queue < client.queue else { return Verdict() }
        client.progress = now
        client.queue = queue
        touch(id, &client)
        return Verdict(reading: resumeIfEased())
    }

    // MARK: - Time

    /// Time passes while the link is paused.
    package mutating func tick(now: Int64) -> Verdict {
        advance(now)
        guard let since = pausedSince else { return Verdict() }
        var verdict = Verdict(letGo: stalled(now, since))
        verdict.letGo.forEach { forget($0) }
        verdict.reading = resumeIfEased()
        // A tick early, so that the next one is not too late.
        guard isPaused, now - since > Self.longestPauseMilliseconds - Self.tickMilliseconds else { return verdict }
        if clients.count > 1 {
            if verdict.letGo.isEmpty { verdict.letGo = hinderer(since: since, now: now) }
            verdict.reading = resume()
        } else if clients.values.allSatisfy({ $0.queue <= hard / 2 }) {
            // Nobody waits. The link's own pings shall be read now and then, as long as that cannot cost the client
            // its place.
            verdict.reading = resume()
        }
        return verdict
    }

    /// Makes room for others who use the link: whoever has so much waiting that reading on would soon be the end of it
    /// anyway goes now, and whatever comes next is read. A slow phone has far less waiting, since clients ask for a
    /// megabyte or so at a time.
    private mutating func hinderer(since: Int64, now: Int64) -> [UInt64] {
        guard let fullest, isUsed(byOthersThan: fullest, since: since) else { return [] }
        readUntil = now + Self.breathMilliseconds
        guard let queue = clients[fullest]?.queue, queue > hard / 2 else { return [] }
        forget(fullest)
        return [fullest]
    }

    /// Those who take nothing, in the order of their names. The pause is long enough for it, because what a client takes
    /// while packets are queued for it as well may not be noticed.
    private func stalled(_ now: Int64, _ since: Int64) -> [UInt64] {
        let isStalled = { (client: Client) in
            client.queue > soft && now - max(client.progress, since) >= Self.stallMilliseconds
        }
        return clients.filter { isStalled($0.value) }.map(\.key).sorted()
    }

    private var fullest: UInt64? {
        clients.max { ($0.value.queue, $1.key) < ($1.value.queue, $0.key) }?.key
    }

    /// Whether anybody else was active shortly before the pause or during it.
    private func isUsed(byOthersThan id: UInt64, since: Int64) -> Bool {
        let first = Self.slice(since) - Self.sliceCount + 1
        return clients.contains { $0.key != id && $0.value.slice >= max(first, 0) }
    }

    // MARK: - Parts

    private mutating func resumeIfEased() -> Reading? {
        // Whole and half of the threshold apart, so that the link does not pause and resume with every packet.
        guard active.clients == 0 || active.weight < active.clients * soft / 2 else { return nil }
        return resume()
    }

    private mutating func resume() -> Reading? {
        guard pausedSince != nil else { return nil }
        pausedSince = nil
        return .resume
    }

    private func isActive(_ client: Client) -> Bool { client.slice > newest - Self.sliceCount && client.slice >= 0 }

    /// Counts a client in the newest slice, with what waits for it now, instead of where it was counted before.
    private mutating func touch(_ id: UInt64, _ client: inout Client) {
        uncount(client)
        client.slice = newest
        client.weight = min(max(client.queue, 0), 2 * soft)
        let index = Int(newest % Self.sliceCount)
        slices[index].clients += 1
        slices[index].weight += client.weight
        active.clients += 1
        active.weight += client.weight
        clients[id] = client
    }

    private mutating func uncount(_ client: Client) {
        guard isActive(client) else { return }
        let index = Int(client.slice % Self.sliceCount)
        slices[index].clients -= 1
        slices[index].weight -= client.weight
        active.clients -= 1
        active.weight -= client.weight
    }

    private mutating func forget(_ id: UInt64) {
        guard let client = clients.removeValue(forKey: id) else { return }
        uncount(client)
    }

    /// Lets the slices go that are older than a second.
    private mutating func advance(_ now: Int64) {
        let current = Self.slice(now)
        let first = max(newest + 1, current - Self.sliceCount + 1)
        guard first <= current else { return }
        for number in first...current {
            let index = Int(number % Self.sliceCount)
            active.clients -= slices[index].clients
            active.weight -= slices[index].weight
            slices[index] = Slice()
        }
        newest = current
    }

    private static func slice(_ now: Int64) -> Int64 { max(now, 0) / sliceMilliseconds }
}
