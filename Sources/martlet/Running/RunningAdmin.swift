import Logging
import Metrics
import ProxyAdmin
import ProxyEngine
import ProxyPolicy
import ServiceLifecycle

/// The HTTP side of a running server; made before the engine, since it is where the engine counts.
struct RunningAdmin {
    private let place: ListenPlace
    private let token: AdminToken?
    private let showsUsers: Bool
    private let registry = MetricsRegistry()

    /// Nil where nobody may ask: then counting costs next to nothing.
    init?(_ configuration: ProxyConfiguration, _ logger: Logger) {
        guard let place = configuration.admin.place else { return nil }
        self.place = place
        showsUsers = configuration.admin.userMetrics
        do throws(AdminTokenFile.Failure) {
            token = try AdminTokenFile.read(configuration)
        } catch {
            // It was there a moment ago. Without it nobody may ask.
            logger.error("nobody can ask on the admin place", metadata: ["because": "\(error)"])
            return nil
        }
        MetricsSystem.bootstrap(registry)
    }

    func service(_ control: ProxyControl, _ logger: Logger) -> any Service {
        let server = AdminServer(
            place: place, token: token, showsUsers: showsUsers, control: control, registry: registry,
            version: Martlet.version, logger: logger)
        return AdminService(control: control, server: server)
    }
}

/// The admin place, from when clients can connect: with the rights that are left then.
private struct AdminService: Service {
    let control: ProxyControl
    let server: AdminServer

    func run() async throws {
        await cancelWhenGracefulShutdown { await control.waitUntilListening() }
        try await server.run()
    }
}

/// The token that the configuration names.
enum AdminTokenFile {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// Nil where none is configured.
    static func read(_ configuration: ProxyConfiguration) throws(Failure) -> AdminToken? {
        guard let path = configuration.admin.tokenFile else { return nil }
        switch FileText.read(path, limit: AdminToken.longest * 2) {
        case .failure(let error): throw Failure(description: "\(path) cannot be read: \(error)")
        case .success(let text):
            guard let token = AdminToken(text) else { throw Failure(description: "\(path) holds no token") }
            return token
        }
    }
}
