/// A Telegram middle proxy on a TCP port: takes links from proxies, and on each of them any number of clients.
package final class FakeMiddleProxy: KitServer {
    /// The content of proxy-secret unless told otherwise: 128 bytes, as long as Telegram's.
    package static let secret: [UInt8] = Array(0..<128)

    /// The address that it listens on.
    package let host: String
    /// The port that it listens on.
    package var port: Int { listener.port }
    /// The content of proxy-secret.
    package var secret: [UInt8] { desk.secret }
    private let desk: MiddleProxyDesk
    private let listener: StreamListener
    private let clock: Task<Void, Never>

    private init(desk: MiddleProxyDesk, host: String, listener: StreamListener) {
        self.desk = desk
        self.host = host
        self.listener = listener
        clock = Task { await desk.keepTime() }
    }

    deinit {
        clock.cancel()
    }

    /// Starts one.
    package static func start(
        _ behaviour: MiddleProxyBehaviour = MiddleProxyBehaviour(),
        secret: [UInt8] = FakeMiddleProxy.secret,
        listen: ListenOptions = ListenOptions()
    ) async throws -> FakeMiddleProxy {
        let desk = MiddleProxyDesk(behaviour, secret: secret)
        let listener = try await StreamListener.start(listen) { await desk.serve($0) }
        return FakeMiddleProxy(desk: desk, host: listen.host, listener: listener)
    }

    /// The host and port as a list of middle proxies writes them.
    package var target: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }

    // MARK: Behaviour

    /// What it does now.
    package var behaviour: MiddleProxyBehaviour { desk.behaviour }

    /// Does something else from now on.
    package func setBehaviour(_ behaviour: MiddleProxyBehaviour) {
        desk.change { $0 = behaviour }
    }

    /// Does a part of it otherwise from now on.
    package func change(_ change: (inout MiddleProxyBehaviour) -> Void) {
        desk.change(change)
    }

    /// How the next links open, one each, before the standing behaviour applies again.
    package func enqueue(_ openings: MiddleProxyOpening...) {
        desk.enqueue(openings)
    }

    /// What goes wrong while the next links open, one each, before the standing behaviour applies again.
    package func enqueue(faults: MiddleProxyOpening.Fault...) {
        desk.enqueue(faults.map { MiddleProxyOpening(fault: $0) })
    }

    /// What the next sessions get, one each, before the standing behaviour applies again.
    package func enqueue(_ sessions: MiddleProxySessionBehaviour...) {
        desk.enqueue(sessions)
    }

    // MARK: Links and sessions

    /// Every link so far, in the order in which they were accepted.
    package var links: [MiddleProxyLink] { desk.links }
    /// Links that are open and take messages.
    package var openLinks: [MiddleProxyLink] { desk.links.filter { $0.facts.isEstablished } }
    /// The facts of every link so far.
    package var linkFacts: [MiddleProxyLinkFacts] { desk.links.map { $0.facts } }
    /// Every session so far, in the order of their first messages.
    package var sessions: [MiddleProxySession] { desk.sessions }
    /// The facts of every session so far.
    package var sessionFacts: [MiddleProxySessionFacts] { desk.sessions.map { $0.facts } }
    package var violations: [String] { desk.violations }

    /// The link with this index, as soon as it is open (or has failed).
    package func link(_ index: Int, timeout: Duration = .seconds(60)) async throws -> MiddleProxyLink {
        try await eventually(timeout: timeout, "link \(index) of a middle proxy") {
            let links = self.links
            guard links.indices.contains(index) else { return false }
            let facts = links[index].facts
            return facts.establishedAt != nil || facts.isOver
        }
        return links[index]
    }

    /// The session with this index, as soon as its first message came.
    package func session(_ index: Int, timeout: Duration = .seconds(60)) async throws -> MiddleProxySession {
        try await eventually(timeout: timeout, "session \(index) of a middle proxy") {
            self.sessions.indices.contains(index)
        }
        return sessions[index]
    }

    /// Ends every link with a FIN, or a RST; later ones are welcome.
    package func endLinks(reset: Bool = false) async {
        for link in links where !link.facts.isOver {
            if reset { await link.reset() } else { await link.close() }
        }
    }

    /// Sends RPC_PING on every open link.
    package func pingAll() async throws {
        for link in openLinks { try await link.ping() }
    }

    package func stop() async {
        clock.cancel()
        await listener.stop()
    }
}
