import MTProtoWire
import NIOCore
import NIOHTTP1
import NIOPosix
package import ProxyPolicy

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Asks an admin place: one request, one connection.
package struct AdminClient: Sendable {
    package struct Answer: Sendable, Equatable {
        package var status: Int
        package var body: String
    }

    package struct Failure: Error, Sendable, CustomStringConvertible {
        package var description: String
    }

    /// `/metrics` of a thousand users is half a megabyte.
    private static let longestBody = 16 << 20

    private let place: ListenPlace
    private let token: AdminToken?

    package init(place: ListenPlace, token: AdminToken?) {
        self.place = place
        self.token = token
    }

    /// - Throws: ``Failure``, or an error of NIO's.
    package func get(_ uri: String, withinSeconds seconds: Int) async throws -> Answer {
        let limit = TimeAmount.seconds(Int64(seconds))
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let answered = loop.makePromise(of: Answer.self)
        let bootstrap = ClientBootstrap(group: loop).connectTimeout(limit).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHTTPClientHandlers()
                try channel.pipeline.syncOperations.addHandler(
                    AnswerReader(answered, longestBody: Self.longestBody))
            }
        }
        let timer = loop.scheduleTask(in: limit) {
            answered.fail(Failure(description: "no answer within \(seconds) s"))
        }
        defer { timer.cancel() }
        let channel: any Channel
        do {
            channel = try await connect(bootstrap).get()
        } catch {
            let number = (error as? IOError)?.errnoCode
            let isNobody = number == ENOENT || number == ECONNREFUSED
            answered.fail(isNobody ? Failure(description: "nobody listens there") : error)
            return try await answered.futureResult.get()
        }
        var headers = HTTPHeaders([("Host", "localhost"), ("Connection", "close")])
        if let token { headers.add(name: "Authorization", value: token.field) }
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: uri, headers: headers)
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        defer { channel.close(promise: nil) }
        return try await answered.futureResult.get()
    }

    private func connect(_ bootstrap: ClientBootstrap) throws -> EventLoopFuture<any Channel> {
        switch place {
        case .unix(let path, _): return bootstrap.connect(unixDomainSocketPath: path)
        case .tcp(let host, let port):
            // Who listens everywhere listens here.
            let isAny = host == IPAddress(v4: 0) || host.description == "::"
            let here = isAny ? (host.isIPv4 ? "127.0.0.1" : "::1") : host.description
            return bootstrap.connect(to: try SocketAddress(ipAddress: here, port: port))
        }
    }
}

private final class AnswerReader: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let answered: EventLoopPromise<AdminClient.Answer>
    private let longestBody: Int
    private var status = 0
    private var body = ByteBuffer()

    init(_ answered: EventLoopPromise<AdminClient.Answer>, longestBody: Int) {
        self.answered = answered
        self.longestBody = longestBody
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): status = Int(head.status.code)
        case .body(var part):
            guard body.readableBytes + part.readableBytes <= longestBody else {
                return answered.fail(AdminClient.Failure(description: "the answer is too long"))
            }
            body.writeBuffer(&part)
        case .end: answered.succeed(AdminClient.Answer(status: status, body: String(buffer: body)))
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { answered.fail(error) }

    func channelInactive(context: ChannelHandlerContext) {
        answered.fail(AdminClient.Failure(description: "closed before the answer was complete"))
    }
}
