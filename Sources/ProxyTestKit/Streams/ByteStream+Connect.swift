import NIOCore
import NIOPosix
package import NIOSSL

/// How a stream is opened.
package struct ConnectOptions: Sendable {
    /// Local address to connect from, such as 127.0.0.2; nil: the system chooses.
    package var source: String?
    /// A Unix socket to connect to, in place of host and port.
    package var socketPath: String?
    /// SO_RCVBUF in bytes, for a slow reader with a small window; nil: the system chooses.
    package var receiveBufferBytes: Int?
    /// SO_SNDBUF in bytes; nil: the system chooses.
    package var sendBufferBytes: Int?
    /// How long the TCP connection and the TLS handshake may take, each.
    package var timeout: Duration

    package init(
        source: String? = nil,
        socketPath: String? = nil,
        receiveBufferBytes: Int? = nil,
        sendBufferBytes: Int? = nil,
        timeout: Duration = .seconds(60)
    ) {
        self.source = source
        self.socketPath = socketPath
        self.receiveBufferBytes = receiveBufferBytes
        self.sendBufferBytes = sendBufferBytes
        self.timeout = timeout
    }
}

extension ByteStream {
    /// Opens a TCP connection.
    package static func connect(
        host: String = "127.0.0.1",
        port: Int,
        options: ConnectOptions = ConnectOptions()
    ) async throws -> ByteStream {
        try await connect(host: host, port: port, options: options) { [] }
    }

    /// Opens a TCP connection and completes a TLS handshake in it.
    /// - Parameter serverName: SNI, and the name that the certificate must carry; nil: no SNI, name not verified.
    package static func connectTLS(
        host: String = "127.0.0.1",
        port: Int,
        serverName: String?,
        configuration: TLSConfiguration,
        options: ConnectOptions = ConnectOptions()
    ) async throws -> ByteStream {
        let context = try NIOSSLContext(configuration: configuration)
        let stream = try await connect(host: host, port: port, options: options) {
            [try NIOSSLClientHandler(context: context, serverHostname: serverName)]
        }
        do {
            try await stream.waitUntilSecured(within: options.timeout)
        } catch {
            stream.closeSocket()
            throw error
        }
        return stream
    }

    private static func connect(
        host: String,
        port: Int,
        options: ConnectOptions,
        security: @escaping @Sendable () throws -> [any ChannelHandler]
    ) async throws -> ByteStream {
        var bootstrap = ClientBootstrap(group: KitLoops.group)
            .connectTimeout(TimeAmount(options.timeout))
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 2048, initial: 16384, maximum: 1 << 18)
            )
        if let bytes = options.receiveBufferBytes {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: .init(bytes))
        }
        if let bytes = options.sendBufferBytes {
            bootstrap = bootstrap.channelOption(.socketOption(.so_sndbuf), value: .init(bytes))
        }
        if let source = options.source {
            bootstrap = bootstrap.bind(to: try SocketAddress(ipAddress: source, port: 0))
        }
        let makeStream = { @Sendable (channel: any Channel) in
            channel.eventLoop.makeCompletedFuture { try ByteStream(channel: channel, security: security()) }
        }
        do {
            if let path = options.socketPath {
                return try await bootstrap.connect(unixDomainSocketPath: path, channelInitializer: makeStream)
            }
            return try await bootstrap.connect(host: host, port: port, channelInitializer: makeStream)
        } catch ChannelError.connectTimeout {
            throw KitError.timedOut("connecting to \(options.socketPath ?? "\(host):\(port)")")
        }
    }
}
