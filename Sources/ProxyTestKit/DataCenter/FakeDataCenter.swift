/// A Telegram data center on a TCP port: obfuscated2 without a secret.
package final class FakeDataCenter: KitServer {
    /// Behaviour and sessions.
    package let desk: DataCenterDesk
    /// The address that it listens on.
    package let host: String
    /// The port that it listens on.
    package var port: Int { listener.port }
    private let listener: StreamListener

    private init(desk: DataCenterDesk, host: String, listener: StreamListener) {
        self.desk = desk
        self.host = host
        self.listener = listener
    }

    /// Starts one.
    package static func start(
        _ behaviour: DataCenterBehaviour = .echo,
        listen: ListenOptions = ListenOptions()
    ) async throws -> FakeDataCenter {
        let desk = DataCenterDesk(behaviour)
        let listener = try await StreamListener.start(listen) { await desk.serve($0) }
        return FakeDataCenter(desk: desk, host: listen.host, listener: listener)
    }

    /// TCP connections accepted so far, with or without a header.
    package var connections: Int { listener.accepted }
    /// The facts of every session so far.
    package var facts: [SessionFacts] { desk.facts }
    package var violations: [String] { desk.violations }

    package func stop() async {
        await listener.stop()
    }
}
