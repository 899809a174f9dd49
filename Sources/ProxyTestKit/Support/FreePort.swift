import NIOCore
import NIOPosix

/// Ports that nobody listens on.
package enum FreePort {
    /// A port of `host` that was free a moment ago: bound once and let go.
    package static func find(host: String = "127.0.0.1") async throws -> Int {
        let channel = try await ServerBootstrap(group: KitLoops.group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .bind(host: host, port: 0)
            .get()
        let port = channel.localAddress?.port ?? 0
        try await channel.close().get()
        return port
    }
}
