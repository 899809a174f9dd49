import NIOCore
import NIOPosix

/// A port that answers nothing, not even the first SYN: connecting to it hangs until the caller gives up.
///
/// It listens with the smallest backlog, never accepts, and fills the backlog itself; the kernel then drops further
/// SYNs, as a firewall would (observed: Linux).
package final class BlackHole: KitServer {
    /// The address that swallows connections.
    package let host: String
    /// The port that swallows connections.
    package let port: Int
    private let channels: [any Channel]

    private init(host: String, port: Int, channels: [any Channel]) {
        self.host = host
        self.port = port
        self.channels = channels
    }

    /// Starts one; returns when connecting to it hangs.
    package static func start(host: String = "127.0.0.1") async throws -> BlackHole {
        let server = try await ServerBootstrap(group: KitLoops.group)
            .serverChannelOption(.backlog, value: 0)
            .serverChannelOption(.autoRead, value: false)
            .bind(host: host, port: 0)
            .get()
        let port = server.localAddress?.port ?? 0
        var channels: [any Channel] = [server]
        for _ in 0..<64 {
            do {
                let filler = try await ClientBootstrap(group: KitLoops.group)
                    .connectTimeout(.milliseconds(200))
                    .connect(host: host, port: port)
                    .get()
                channels.append(filler)
            } catch is ChannelError {
                return BlackHole(host: host, port: port, channels: channels)
            } catch is NIOConnectionError {
                return BlackHole(host: host, port: port, channels: channels)
            }
        }
        for channel in channels { try? await channel.close().get() }
        throw KitError.command("this system accepts connections beyond the backlog")
    }

    package var violations: [String] { [] }

    package func stop() async {
        for channel in channels { try? await channel.close().get() }
    }
}
