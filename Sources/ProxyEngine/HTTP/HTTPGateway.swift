import MTProtoWire
import NIOCore
import NIOHTTP1
import ProxyPolicy

/// Turns HTTP requests into packets of an ordinary session, and the packets that come back into responses: one at a
/// time for each connection.
final class HTTPGateway: ChannelInboundHandler, DeadlineOwner, @unchecked Sendable {
    // Unchecked: confined to the event loop of its client.
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// Who asks, as far as a middle proxy is told.
    struct Query {
        var info: HTTPClientInfo
        /// The address that a trusted web server names; nil: the connection's own.
        var client: Endpoint?
    }

    private enum State {
        /// Between two requests.
        case idle
        /// A request's body is coming.
        case reading(ByteBuffer, length: Int)
        /// The data center has been asked.
        case waiting
        /// The client has not taken the answer yet; the next request waits until then.
        case responding
        case ended

        var isWaiting: Bool { if case .waiting = self { true } else { false } }
    }

    /// From a request's head to the last byte of its body, for a megabyte over a bad line. An answer that the client does
    /// not take has as long.
    private static let requestMilliseconds: Int64 = 60_000
    /// How long a connection is kept for a further request, as web servers do.
    private static let idleMilliseconds: Int64 = 75_000
    /// How long an answer may take: Telegram's own proxy waits as long, since clients poll.
    private static let answerMilliseconds: Int64 = 960_000
    /// The longest answer; the same as that of a middle proxy's frame.
    private static let longestAnswer = MiddleProxyFrameReader.maximumFrameLength

    /// Gone before this handler when the channel is taken apart.
    private weak var client: ClientConnection?
    private var context: ChannelHandlerContext?
    private var state = State.idle {
        didSet { loop.counts.httpWaiting += (state.isWaiting ? 1 : 0) - (oldValue.isWaiting ? 1 : 0) }
    }
    private let loop: LoopContext
    private(set) var query: Query?
    /// The beginning of an answer.
    private var incoming = ByteBuffer()
    private var keepsAlive = true
    private var allowsOtherOrigins = false
    private var version = HTTPVersion.http1_1
    private let deadline = Deadline()

    init(client: ClientConnection) {
        self.client = client
        loop = client.loop
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.counts.httpClients += 1
        arm(Self.requestMilliseconds)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        loop.counts.httpClients -= 1
        if state.isWaiting { state = .ended }
        deadline.cancel()
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard client?.isEnded == false else { return }
        switch (state, unwrapInboundIn(data)) {
        case (.idle, .head(let head)): begin(head)
        case (.reading(var body, let length), .body(var part)):
            guard body.readableBytes + part.readableBytes <= length else { return refuse(400) }
            state = .idle
            body.writeBuffer(&part)
            state = .reading(body, length: length)
        case (.reading(let body, let length), .end): ask(body, length: length)
        default: break
        }
    }

    private func begin(_ head: HTTPRequestHead) {
        version = head.version
        keepsAlive = head.isKeepAlive
        let path = String(head.uri.prefix { $0 != "?" })
        allowsOtherOrigins = HTTPQuery.allowsOtherOrigins(path: path)
        let length = head.headers.first(name: "content-length")
        switch HTTPQuery.judge(method: head.method.rawValue, path: path, contentLength: length) {
        case .refused(let status):
            loop.counts.httpRefused &+= 1
            refuse(status)
        case .preflight:
            respond(status: 200, ByteBuffer())
        case .message(let length):
            query = Query(
                info: HTTPClientInfo(
                    origin: head.headers.first(name: "origin"), referer: head.headers.first(name: "referer"),
                    userAgent: head.headers.first(name: "user-agent")),
                client: realAddress(head.headers))
            state = .reading(ByteBuffer(), length: length)
            arm(Self.requestMilliseconds)
            if head.headers.first(name: "expect")?.lowercased() == "100-continue" {
                let part = HTTPServerResponsePart.head(HTTPResponseHead(version: version, status: .continue))
                context?.writeAndFlush(wrapOutboundOut(part), promise: nil)
            }
        }
    }

    /// What a web server in front says about its client, if it is one of those that are believed.
    private func realAddress(_ headers: HTTPHeaders) -> Endpoint? {
        guard client?.isBehindTrustedServer == true, let text = headers.first(name: "x-real-ip"),
            let address = IPAddress(text)
        else { return nil }
        return Endpoint(address: address, port: headers.first(name: "x-real-port").flatMap { UInt16($0) } ?? 0)
    }

    private func ask(_ body: ByteBuffer, length: Int) {
        let isSound =
            body.readableBytes == length
            && body.withUnsafeReadableBytes { ClientMessage.judge($0) } != .refused
        guard isSound else { return refuse(404) }
        state = .waiting
        loop.counts.httpQueries &+= 1
        incoming = ByteBuffer()
        arm(Self.answerMilliseconds)
        var packet = ByteBufferAllocator().buffer(capacity: length + 4)
        packet.writeInteger(UInt32(length), endianness: .little)
        packet.writeImmutableBuffer(body)
        client?.ask(packet)
    }

    // MARK: Responses

    /// Takes packets in intermediate framing; what nobody waits for is dropped, as Telegram's own proxy does.
    ///
    /// - Returns: true, since one answer at a time is all that there can be.
    func answer(_ bytes: ByteBuffer) -> Bool {
        guard case .waiting = state else { return true }
        incoming.writeImmutableBuffer(bytes)
        guard let word = incoming.getInteger(at: incoming.readerIndex, endianness: .little, as: UInt32.self) else {
            return true
        }
        let length = Int(word & 0x7fff_ffff)
        guard length <= Self.longestAnswer else {
            refuse(500)
            return true
        }
        guard incoming.readableBytes >= length + 4 else { return true }
        incoming.moveReaderIndex(forwardBy: 4)
        let packet = incoming.readSlice(length: length) ?? ByteBuffer()
        incoming = ByteBuffer()
        if let status = packet.withUnsafeReadableBytes({ HTTPQuery.status(ofError: $0) }) {
            respond(status: status, ByteBuffer())
        } else {
            respond(status: 200, packet)
        }
        return true
    }

    private func respond(status: Int, _ body: ByteBuffer) {
        guard let context else { return }
        var headers: HTTPHeaders = [
            "Content-Type": "application/octet-stream", "Pragma": "no-cache", "Cache-Control": "no-store",
            "Content-Length": "\(body.readableBytes)", "Connection": keepsAlive ? "keep-alive" : "close",
        ]
        if allowsOtherOrigins {
            headers.add(name: "Access-Control-Allow-Origin", value: "*")
            headers.add(name: "Access-Control-Allow-Methods", value: "POST, OPTIONS")
            headers.add(name: "Access-Control-Allow-Headers", value: "origin, content-type")
            headers.add(name: "Access-Control-Max-Age", value: "1728000")
        }
        let head = HTTPResponseHead(
            version: version, status: HTTPResponseStatus(statusCode: status), headers: headers)
        let isLast = !keepsAlive
        state = isLast ? .ended : .responding
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if body.readableBytes > 0 { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        context.flush()
        if isLast {
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            client?.finish(.clientClosed, flushing: true)
        } else if client?.isWritable == true {
            endResponse()
        } else if case .responding = state {
            // Answers must not pile up for somebody who asks and does not read.
            client?.hold(.query)
            arm(Self.requestMilliseconds)
        }
    }

    /// Lets the next request in: it may be there at once.
    private func endResponse() {
        // Flushing may have made room, and ended it.
        guard case .responding = state else { return }
        state = .idle
        arm(Self.idleMilliseconds)
        client?.release(.query)
        context?.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        if !keepsAlive, case .idle = state { client?.finish(.clientClosed, flushing: true) }
    }

    /// The client has taken what was queued for it.
    func clientTakesMore() { endResponse() }

    /// Answers with an error and closes: what follows may not be a request.
    private func refuse(_ status: Int) {
        keepsAlive = false
        respond(status: status, ByteBuffer())
    }

    // MARK: Ends

    /// The session is over, whyever.
    ///
    /// - Returns: whether there is something for the client to read.
    func sessionEnds() -> Bool {
        deadline.cancel()
        if case .responding = state { return true }
        guard case .waiting = state else { return false }
        state = .ended
        keepsAlive = false
        respond(status: 500, ByteBuffer())
        return true
    }

    /// The client has said that it sends no more: it gets the answer that it waits for.
    func clientEnded() {
        keepsAlive = false
        switch state {
        case .waiting, .responding: break
        case .idle, .reading, .ended: client?.finish(.clientClosed)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError else { return client?.failed(error) ?? () }
        switch state {
        case .idle, .reading, .waiting: refuse(400)
        // A request has one response: the connection ends when the client has taken it.
        case .responding: keepsAlive = false
        case .ended: break
        }
    }

    func deadlineReached(_ deadline: Deadline) {
        switch state {
        case .waiting: refuse(500)
        case .idle, .reading, .responding, .ended: client?.finish(.idle)
        }
    }

    private func arm(_ milliseconds: Int64) { loop.wheel.arm(deadline, for: self, after: milliseconds) }
}
