import Synchronization

/// A server of the kit: something to stop, which may have seen rules broken.
package protocol KitServer: Sendable {
    /// Closes the listening socket and every connection.
    func stop() async
    /// What the program under test did against the rules, in words.
    var violations: [String] { get }
}

/// Owns the servers of one test.
package final class KitScope: Sendable {
    private let servers = Mutex<[any KitServer]>([])
    private let tolerates = Mutex(false)

    /// Stops `server` when the test ends.
    package func keep<Server: KitServer>(_ server: Server) -> Server {
        servers.withLock { $0.append(server) }
        return server
    }

    /// Says that this test expects violations and looks at them itself.
    package func tolerateViolations() {
        tolerates.withLock { $0 = true }
    }

    func stop() async -> [String] {
        let all = servers.withLock { $0 }
        let violations = all.flatMap { $0.violations }
        for server in all.reversed() { await server.stop() }
        return tolerates.withLock { $0 } ? [] : violations
    }
}

/// Runs a test that starts servers of the kit: they stop when `body` ends, and the test fails when one of them saw
/// the program under test break its protocol.
package func withKit<Value: Sendable>(_ body: (KitScope) async throws -> Value) async throws -> Value {
    let scope = KitScope()
    do {
        let value = try await body(scope)
        let violations = await scope.stop()
        guard violations.isEmpty else { throw KitError.violations(violations) }
        return value
    } catch {
        _ = await scope.stop()
        throw error
    }
}
