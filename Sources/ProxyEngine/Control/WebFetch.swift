import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import ProxyPolicy

/// Fetches one small text over HTTP or HTTPS, without following redirects.
enum WebFetch {
    enum Failure: Error, CustomStringConvertible {
        case badURL
        case status(Int)
        case tooLong
        case timedOut
        case closed

        var description: String {
            switch self {
            case .badURL: "the URL is not http(s)://HOST[:PORT]/PATH"
            case .status(let code): "the server answered \(code)"
            case .tooLong: "the answer is too long"
            case .timedOut: "no answer within 10 seconds"
            case .closed: "the server closed the connection"
            }
        }
    }

    /// From the first look-up to the last byte.
    private static let timeout = TimeAmount.seconds(10)

    /// - Parameter dial: addresses to use instead of looking up names.
    static func text(
        from url: String, limit: Int, loop: LoopContext, dial: [String: SocketTarget]
    ) async throws -> String {
        guard let place = Place(url) else { throw Failure.badURL }
        let target = dial[place.host] ?? SocketTarget(host: place.host, port: place.port)
        let answer = loop.eventLoop.makePromise(of: String.self)
        let context = place.isSecure ? try loop.shared.tls.client() : nil
        let timer = loop.eventLoop.scheduleTask(in: timeout) { answer.fail(Failure.timedOut) }
        let bootstrap = UpstreamBootstrap.make(loop) { channel in
            let pipeline = channel.pipeline.syncOperations
            if let context {
                try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: place.host))
            }
            try pipeline.addHTTPClientHandlers()
            try pipeline.addHandler(FetchHandler(place: place, limit: limit, answer: answer))
        }
        bootstrap.connect(host: target.host, port: target.port).whenComplete { result in
            switch result {
            case .success(let channel): answer.futureResult.whenComplete { _ in channel.close(promise: nil) }
            case .failure(let error): answer.fail(error)
            }
        }
        defer { timer.cancel() }
        // A server that hangs shall not hold up the end of the proxy.
        return try await withTaskCancellationHandler {
            try await answer.futureResult.get()
        } onCancel: {
            answer.fail(CancellationError())
        }
    }

    /// The parts of a URL that a request needs.
    struct Place: Sendable, Equatable {
        var isSecure: Bool
        var host: String
        var port: Int
        var path: String

        /// The value of the `Host` header: with the port unless it is the scheme's own (RFC 9110, section 7.2).
        var authority: String {
            let isUsual = port == (isSecure ? 443 : 80) && !host.contains(":")
            return isUsual ? host : "\(SocketTarget(host: host, port: port))"
        }

        init?(_ url: String) {
            let rest: Substring
            if url.hasPrefix("https://") {
                isSecure = true
                rest = url.dropFirst(8)
            } else if url.hasPrefix("http://") {
                isSecure = false
                rest = url.dropFirst(7)
            } else {
                return nil
            }
            let slash = rest.firstIndex(of: "/") ?? rest.endIndex
            path = slash == rest.endIndex ? "/" : String(rest[slash...])
            guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
                let target = try? SocketTarget(parsing: String(rest[..<slash]), defaultPort: isSecure ? 443 : 80)
            else { return nil }
            host = target.host
            port = target.port
        }
    }
}

private final class FetchHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let place: WebFetch.Place
    private let limit: Int
    private let answer: EventLoopPromise<String>
    private var body = ByteBuffer()

    init(place: WebFetch.Place, limit: Int, answer: EventLoopPromise<String>) {
        self.place = place
        self.limit = limit
        self.answer = answer
    }

    func channelActive(context: ChannelHandlerContext) {
        let headers: HTTPHeaders = ["Host": place.authority, "User-Agent": "martlet", "Connection": "close"]
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: place.path, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            if head.status != .ok { answer.fail(WebFetch.Failure.status(Int(head.status.code))) }
        case .body(var part):
            body.writeBuffer(&part)
            if body.readableBytes > limit { answer.fail(WebFetch.Failure.tooLong) }
        case .end:
            answer.succeed(String(buffer: body))
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answer.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        answer.fail(WebFetch.Failure.closed)
        context.fireChannelInactive()
    }
}
