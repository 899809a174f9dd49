import NIOSSL
import Synchronization

/// The orders and the memory of a WebSocket edge.
final class EdgeDesk: Sendable {
    private struct State {
        var standing: EdgeBehaviour
        var queued: [EdgeBehaviour] = []
        var byHost: [String: EdgeBehaviour] = [:]
        var style = EdgeOutputStyle()
        var context: NIOSSLContext?
        var connections: [EdgeConnection] = []
        var violations: [String] = []
    }
    private let state: Mutex<State>

    init(_ behaviour: EdgeBehaviour) {
        state = Mutex(State(standing: behaviour))
    }

    var connections: [EdgeConnection] { state.withLock { $0.connections } }
    var violations: [String] { state.withLock { $0.violations } }
    var style: EdgeOutputStyle { state.withLock { $0.style } }
    /// Nil: no TLS.
    var context: NIOSSLContext? { state.withLock { $0.context } }

    func setStyle(_ style: EdgeOutputStyle) {
        state.withLock { $0.style = style }
    }

    func setCertificate(_ certificate: EdgeCertificate) async throws {
        let context: NIOSSLContext?
        switch certificate {
        case .issued(let names):
            context = try await CertificateAuthority.shared().identity(for: names).serverContext()
        case .selfSigned(let names):
            context = try await CertificateAuthority.shared().selfSignedIdentity(for: names).serverContext()
        case .plaintext:
            context = nil
        }
        state.withLock { $0.context = context }
    }

    func setBehaviour(_ behaviour: EdgeBehaviour) {
        state.withLock { $0.standing = behaviour }
    }

    func setBehaviour(_ behaviour: EdgeBehaviour?, forHost host: String) {
        state.withLock { $0.byHost[host.lowercased()] = behaviour }
    }

    func enqueue(_ behaviours: [EdgeBehaviour]) {
        state.withLock { $0.queued += behaviours }
    }

    func note(_ violation: String) {
        state.withLock { $0.violations.append(violation) }
    }

    /// Remembers a connection and gives it its behaviour, before any host name is known.
    func admit(_ connection: EdgeConnection) -> EdgeBehaviour {
        state.withLock {
            $0.connections.append(connection)
            return $0.queued.isEmpty ? $0.standing : $0.queued.removeFirst()
        }
    }

    /// The behaviour for a host name, where one was set.
    func behaviour(forHost host: String?) -> EdgeBehaviour? {
        guard let host = host?.lowercased() else { return nil }
        return state.withLock { $0.byHost[host] }
    }
}
