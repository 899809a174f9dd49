import Synchronization

/// Cloudflare's edge with two kinds of customers behind it: a Worker that tunnels to data centers, and domains of which
/// `kws{n}.{domain}` leads to data center n. Built on a ``WebSocketEdge``.
package final class CloudflareEdge: KitServer {
    private struct State {
        var quota: (left: Int, retryAfter: Int?)?
        var destinations: [[String: String]] = []
    }

    /// The TLS WebSocket server: its behaviours, connections and facts.
    package let edge: WebSocketEdge
    /// Names of Workers that answer here.
    package let workers: [String]
    /// Domains that answer here.
    package let domains: [String]
    private let state: SharedState

    /// A reference for the request handler, which outlives `init`.
    private final class SharedState: Sendable {
        let value = Mutex(State())
    }

    /// Starts one.
    /// - Parameters:
    ///   - workers: host names of Workers; each tunnels to `inner`, whatever `dst` says.
    ///   - domains: base domains; `kws{n}.{domain}` is a data center with packets in messages.
    ///   - inner: the data center at the end of a Worker's tunnel.
    ///   - dataCenter: what the data center behind the domains does.
    package static func start(
        workers: [String] = ["worker.example"],
        domains: [String] = ["cf.example"],
        inner: FakeDataCenter? = nil,
        dataCenter: DataCenterBehaviour = .echo,
        listen: ListenOptions = ListenOptions()
    ) async throws -> CloudflareEdge {
        let state = SharedState()
        let desk = EdgeDesk(.serve())
        try await desk.setCertificate(.issued(workers + domains.map { "*." + $0 }))
        let behind = DataCenterDesk(dataCenter)
        behind.setChecksMessages(true)
        let port = inner?.port
        let edge = try await WebSocketEdge(
            desk: desk,
            dataCenter: behind,
            listen: listen
        ) { request in
            let host = request["Host"] ?? ""
            let isWorker = workers.contains(host)
            guard isWorker || domains.contains(where: { isDataCenterName(host, of: $0) }) else {
                return .refusal(404, [], "error code: 1016")
            }
            guard request.path == "/apiws" else { return .refusal(404, [], "Not found") }
            guard request["Upgrade"]?.lowercased() == "websocket" else {
                return .refusal(426, [], "Expected websocket")
            }
            if let refusal = takeQuota(state) { return refusal }
            guard isWorker else { return .dataCenter }
            state.value.withLock { $0.destinations.append(request.query) }
            // A port that nobody listens on: 101 comes first, then the close that a failed connect causes.
            return .tunnel(port: port ?? 1)
        }
        return CloudflareEdge(edge: edge, workers: workers, domains: domains, state: state)
    }

    private init(edge: WebSocketEdge, workers: [String], domains: [String], state: SharedState) {
        self.edge = edge
        self.workers = workers
        self.domains = domains
        self.state = state
    }

    private static func isDataCenterName(_ host: String, of domain: String) -> Bool {
        guard host.hasPrefix("kws"), host.hasSuffix("." + domain) else { return false }
        return Int(host.dropFirst(3).dropLast(domain.count + 1)) != nil
    }

    private static func takeQuota(_ state: SharedState) -> EdgeService? {
        state.value.withLock {
            guard let quota = $0.quota else { return nil }
            guard quota.left == 0 else {
                $0.quota?.left -= 1
                return nil
            }
            let fields = quota.retryAfter.map { [HTTPField("Retry-After", String($0))] } ?? []
            return .refusal(429, fields, "error code: 1027")
        }
    }

    /// The port that it listens on.
    package var port: Int { edge.port }

    /// Lets this many more requests through, then answers 429; nil: no limit.
    package func setQuota(_ requests: Int?, retryAfter: Int? = nil) {
        state.value.withLock { $0.quota = requests.map { ($0, retryAfter) } }
    }

    /// The query of every request that a Worker accepted, such as `["dst": "149.154.167.51", "dc": "2"]`.
    package var destinations: [[String: String]] { state.value.withLock { $0.destinations } }

    package var violations: [String] { edge.violations }

    package func stop() async {
        await edge.stop()
    }
}
