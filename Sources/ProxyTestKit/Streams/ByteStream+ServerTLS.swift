import NIOCore
import NIOSSL
import NIOTLS

extension ByteStream {
    /// A TLS client that waits for the server's first answer.
    struct PendingTLS: Sendable {
        /// The SNI of its hello, if any.
        var serverName: String?
        fileprivate var goOn: EventLoopPromise<Void>
        fileprivate var sniffer: NIOLoopBound<ByteToMessageHandler<SNIHandler>>
        fileprivate var secured: EventLoopFuture<Void>
    }

    /// Reads a whole ClientHello without answering it.
    func awaitClientHello() async throws -> PendingTLS {
        let eventLoop = channel.eventLoop
        let name = eventLoop.makePromise(of: String?.self)
        let goOn = eventLoop.makePromise(of: Void.self)
        let setUp: EventLoopFuture<PendingTLS> = eventLoop.submit { [self] in
            let sniffer = ByteToMessageHandler(
                SNIHandler { result in
                    if case .hostname(let host) = result { name.succeed(host) } else { name.succeed(nil) }
                    return goOn.futureResult
                }
            )
            do {
                try channel.pipeline.syncOperations.addHandler(sniffer, position: .after(tap.value))
            } catch {
                // The client is gone already.
                name.fail(error)
                goOn.fail(error)
                throw error
            }
            let secured = eventLoop.makePromise(of: Void.self)
            handler.value.waitUntilSecured(secured)
            secured.futureResult.whenFailure { error in
                name.fail(error)
                goOn.fail(error)
            }
            return PendingTLS(
                serverName: nil,
                goOn: goOn,
                sniffer: NIOLoopBound(sniffer, eventLoop: eventLoop),
                secured: secured.futureResult
            )
        }
        var pending = try await setUp.get()
        pending.serverName = try await name.futureResult.value(within: nil, "ClientHello")
        return pending
    }

    /// Answers the hello and completes the handshake.
    func secure(_ pending: PendingTLS, with context: NIOSSLContext) async throws {
        let channel = channel
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.addHandler(
                NIOSSLServerHandler(context: context),
                position: .after(pending.sniffer.value)
            )
            pending.goOn.succeed()
        }.get()
        try await pending.secured.value(within: nil, "TLS handshake")
    }
}
