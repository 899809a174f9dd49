import Logging
import ProxyAdmin
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Synchronization

/// An admin place in front of a proxy that was never started: it has no event loops and no clients.
func withAdmin(
    _ place: ListenPlace = .tcp(.loopback, port: 0),
    token: AdminToken? = nil,
    users: [UserEntry] = [],
    bounds: (inout AdminBounds) -> Void = { _ in },
    _ body: (ListenPlace) async throws -> Void
) async throws {
    var logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    logger.logLevel = .critical
    let server = ProxyServer(
        configuration: .defaults, users: users, logger: logger, openFileLimit: 1_000, whenListening: { _ in })
    var limits = AdminBounds()
    limits.answerLife = .zero
    bounds(&limits)
    let (places, send) = AsyncStream<ListenPlace>.makeStream()
    let admin = AdminServer(
        place: place, token: token, showsUsers: true, control: server.control, registry: MetricsRegistry(),
        version: "1.2.3", logger: logger, bounds: limits
    ) { send.yield($0) }
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await admin.run() }
        guard let place = await places.first(where: { _ in true }) else { return }
        try await body(place)
        tasks.cancelAll()
    }
}

extension ListenPlace {
    var port: Int { if case .tcp(_, let port) = self { port } else { 0 } }
}
