import MTProtoWire
import NIOCore
import ProxyPolicy

/// What a user's settings mean for one of his sessions, and why a client is not read for a while.
extension ClientConnection {
    // MARK: Coming in

    /// The address that limits of users count; Unix sockets' clients share one.
    var userAddress: IPAddress { address ?? IPAddress(v4: 0) }

    /// Counts the session for its user; false when a limit was reached since the handshake began.
    func userEnters(_ greeting: ClientGreeting) -> Bool {
        guard let account = users.account(greeting.secretIndex) else { return true }
        if let refusal = account.enter(from: userAddress) {
            shared.metrics.refused(refusal)
            shared.events.userRefused(number, account.name, refusal, userAddress)
            return false
        }
        self.account = account
        if users.usesHints, let index = greeting.secretIndex {
            shared.hints.withLock { $0.note(users.secretNumbers[index], for: address) }
        }
        return true
    }

    var adTag: AdTag? { account?.adTag ?? loop.settings.configuration.middleProxy.adTag }

    var usesMiddleProxies: Bool {
        switch loop.settings.configuration.middleProxy.use {
        case .never: false
        case .always: true
        case .tagged: adTag != nil
        }
    }

    /// The client and the place that it connected to, as a middle proxy is told.
    var ends: (client: Endpoint, proxy: Endpoint) {
        let local = Endpoint(channel?.localAddress) ?? Endpoint(address: IPAddress(v4: 0), port: 0)
        let announced = shared.ownAddresses.withLock { $0.announced(of: local.address) }
        return (Endpoint(address: userAddress, port: port), Endpoint(address: announced, port: local.port))
    }

    func endSearch() {
        guard isSearching else { return }
        isSearching = false
        loop.searches.remove(self)
        release(.route)
    }

    // MARK: Reading

    /// Stops reading the client for that reason too.
    func hold(_ reason: Holds) {
        if holds.isEmpty { channel?.setReading(false) }
        holds.insert(reason)
    }

    func release(_ reason: Holds) {
        guard holds.remove(reason) != nil, holds.isEmpty else { return }
        channel?.setReading(true)
    }

    // MARK: Rates and quotas

    /// Bytes went to the client.
    func delivered() {
        guard let account, account.isMetered, case .relaying(let relay) = phase else { return }
        let before = bytes.down
        countBytes()
        let meter = account.meterDown(bytes.down - before)
        if meter.isExhausted { return finish(.quota, flushing: true) }
        guard meter.pause > 0 else { return }
        relay.holdDown(true)
        pace().arm(.down, after: meter.pause, for: self)
    }

    /// Bytes came from the client.
    func meterUp() {
        guard let account, case .relaying = phase else { return }
        let before = bytes.up
        countBytes()
        let meter = account.meterUp(bytes.up - before)
        if meter.isExhausted { return finish(.quota, flushing: true) }
        guard meter.pause > 0 else { return }
        hold(.rateUp)
        pace().arm(.up, after: meter.pause, for: self)
    }

    private func pace() -> Pacing {
        let pacing = pacing ?? Pacing()
        self.pacing = pacing
        return pacing
    }

    func pauseOver(_ deadline: Deadline) {
        guard let pacing, case .relaying(let relay) = phase else { return }
        if deadline === pacing.up { release(.rateUp) } else { relay.holdDown(false) }
    }

    /// Ends the session if its user may not be here any more.
    func checkUser() {
        guard let account, isServing, let reason = account.reasonToEnd(from: userAddress) else { return }
        finish(CloseReason(reason), flushing: true)
    }
}

/// The pauses of a session whose user's rate is limited.
final class Pacing {
    enum Direction { case up, down }

    fileprivate let up = Deadline()
    fileprivate let down = Deadline()

    func owns(_ deadline: Deadline) -> Bool { deadline === up || deadline === down }

    fileprivate func arm(_ direction: Direction, after milliseconds: Int64, for client: ClientConnection) {
        client.loop.wheel.arm(direction == .up ? up : down, for: client, after: milliseconds)
    }

    func cancel() {
        up.cancel()
        down.cancel()
    }
}

extension CloseReason {
    init(_ refusal: UserRefusal) {
        switch refusal {
        case .expired: self = .userExpired
        case .quota: self = .quota
        case .disabled, .network, .connections, .addresses: self = .userRevoked
        }
    }
}

/// The clock, the shared tables, the users and the random source that a client's handshake asks.
struct ClientHandshakeEnvironment: HandshakeEnvironment {
    private let client: ClientConnection
    private let shared: EngineState
    let unixTime: UInt32

    init(_ client: ClientConnection) {
        self.client = client
        shared = client.shared
        unixTime = EngineState.unixTime()
    }

    var startTime: UInt32 { shared.replays.since }

    var hintedSecrets: [Int] {
        guard client.users.usesHints else { return [] }
        return client.users.places(of: shared.hints.withLock { $0.hints(for: client.address) })
    }

    mutating func mayEnter(secretIndex: Int) -> Bool {
        guard let account = client.users.account(secretIndex) else { return false }
        guard let refusal = account.refusal(from: client.userAddress) else { return true }
        shared.metrics.refused(refusal)
        shared.events.userRefused(client.number, account.name, refusal, client.userAddress)
        return false
    }

    mutating func isReplayedHello(_ random: Block32, timestamp: UInt32) -> Bool {
        shared.replays.isReplayedHello(random, timestamp: timestamp, now: unixTime)
    }

    mutating func isReplayedHeader(_ key: Block16) -> Bool {
        shared.replays.isReplayedHeader(key)
    }

    mutating func fillRandom(_ bytes: UnsafeMutableRawBufferPointer) {
        client.loop.random.fill(bytes)
    }
}
