import NIOCore
import Synchronization

/// Telegram's core web server as far as proxies ask it: the secret, both lists of middle proxies, and a page that tells
/// the caller's address. Serves over HTTPS or HTTP, or fails in one of the ways that servers fail.
package final class MiddleProxyConfigServer: KitServer {
    /// What can be asked for; the value is the path.
    package enum Resource: String, Sendable, CaseIterable {
        case secret = "/getProxySecret"
        case config = "/getProxyConfig"
        case configV6 = "/getProxyConfigV6"
        /// A page that answers with an address as text.
        case address = "/address"
    }

    /// What happens to a request.
    package enum Behaviour: Sendable, Equatable {
        /// 200 and the content.
        case serve
        /// Another status and a page of HTML.
        case status(Int)
        /// 200 and a page of HTML, as captive portals give it.
        case html
        /// 200 and this many random bytes.
        case garbage(bytes: Int = 1000)
        /// 200 and a body of this many bytes, with its length announced.
        case huge(bytes: Int)
        /// 200 and a body without announced length that goes on until the other side has had enough.
        case endless
        /// 302 to this URL or path; `/moved` in front of a resource's path leads to its content.
        case redirect(to: String)
        /// 302 to itself, for ever.
        case redirectLoop
        /// 200, and the content in pieces of so many bytes with pauses between them.
        case slow(bytes: Int, pause: Duration)
        /// 200 and only the first half of what Content-Length announces.
        case truncate
        /// 200 and no content at all.
        case empty
        /// Never answers.
        case hang
        /// RST in place of an answer.
        case reset
    }

    /// A request that came.
    package struct Visit: Sendable {
        package var request: HTTPRequest
        package var time: ContinuousClock.Instant
    }

    private struct State {
        var contents: [String: [UInt8]] = [:]
        var behaviours: [String: Behaviour] = [:]
        var visits: [Visit] = []
    }

    private final class SharedState: Sendable {
        let value = Mutex(State())
    }

    /// The port that it listens on.
    package var port: Int { listener.port }
    private let base: String
    private let state: SharedState
    private let listener: StreamListener

    private init(base: String, state: SharedState, listener: StreamListener) {
        self.base = base
        self.state = state
        self.listener = listener
    }

    /// Starts one; `localhost` is in the certificate.
    package static func start(
        secret: [UInt8] = FakeMiddleProxy.secret,
        config: String = "",
        configV6: String = "",
        address: String = "203.0.113.7",
        certificate: EdgeCertificate = .issued(["localhost", "127.0.0.1"]),
        listen: ListenOptions = ListenOptions()
    ) async throws -> MiddleProxyConfigServer {
        let state = SharedState()
        let desk = EdgeDesk(.serve())
        try await desk.setCertificate(certificate)
        let listener = try await StreamListener.start(listen) { stream in
            if let context = desk.context {
                try await stream.secure(try await stream.awaitClientHello(), with: context)
            }
            var reader = HTTPReader(stream)
            while let request = try await reader.nextRequest() {
                let now = state.value.withLock {
                    $0.visits.append(Visit(request: request, time: .now))
                    return $0
                }
                try await answer(request, now, stream)
            }
        }
        let scheme = certificate == .plaintext ? "http" : "https"
        let base = "\(scheme)://localhost:\(listener.port)"
        let server = MiddleProxyConfigServer(base: base, state: state, listener: listener)
        server.setContent(secret, of: .secret)
        server.setText(config, of: .config)
        server.setText(configV6, of: .configV6)
        server.setText(address, of: .address)
        return server
    }

    /// The URL of a resource.
    package func url(_ resource: Resource) -> String { base + resource.rawValue }

    /// What a resource is from now on.
    package func setContent(_ content: [UInt8], of resource: Resource) {
        state.value.withLock { $0.contents[resource.rawValue] = content }
    }

    /// What a resource says from now on.
    package func setText(_ text: String, of resource: Resource) {
        setContent(Array(text.utf8), of: resource)
    }

    /// What every later request for a resource meets; nil: for every resource.
    package func setBehaviour(_ behaviour: Behaviour, of resource: Resource? = nil) {
        state.value.withLock { state in
            for one in resource.map({ [$0] }) ?? Resource.allCases { state.behaviours[one.rawValue] = behaviour }
        }
    }

    /// Every request for a resource so far, or every request at all.
    package func visits(_ resource: Resource? = nil) -> [Visit] {
        state.value.withLock { $0.visits }.filter { resource == nil || $0.request.path == resource?.rawValue }
    }

    package var violations: [String] { [] }

    package func stop() async {
        await listener.stop()
    }

    // MARK: Answers

    private static let page = Array("<!doctype html><html><body><h1>Please log in</h1></body></html>\n".utf8)

    private static func answer(_ request: HTTPRequest, _ state: State, _ stream: ByteStream) async throws {
        var path = request.path
        var behaviour = state.behaviours[path] ?? .serve
        if path.hasPrefix("/moved/") { (path, behaviour) = (String(path.dropFirst(6)), .serve) }
        guard let content = state.contents[path] else {
            return try await stream.writeResponse(404, "Not Found", fields: html, body: page)
        }
        var generator = SeededGenerator(seed: 1)
        switch behaviour {
        case .serve: try await stream.writeResponse(200, "OK", fields: text, body: content)
        case .empty: try await stream.writeResponse(200, "OK", fields: text)
        case .status(let code): try await stream.writeResponse(code, fields: html, body: page)
        case .html: try await stream.writeResponse(200, "OK", fields: html, body: page)
        case .garbage(let count):
            try await stream.writeResponse(200, "OK", fields: text, body: generator.bytes(count))
        case .huge(let count):
            try await stream.writeResponse(200, "OK", fields: text, body: [UInt8](repeating: 0x61, count: count))
        case .endless: try await pour(stream)
        case .redirect(let place):
            try await stream.writeResponse(302, "Found", fields: [HTTPField("Location", place)])
        case .redirectLoop:
            try await stream.writeResponse(302, "Found", fields: [HTTPField("Location", request.target)])
        case .slow(let count, let pause): try await drip(content, count, pause, stream)
        case .truncate:
            var bytes = head(content.count, stream)
            bytes.writeBytes(content.prefix(content.count / 2))
            try await stream.write(bytes)
            await stream.close()
        case .hang: try await stream.waitUntilEnded()
        case .reset: await stream.reset()
        }
    }

    private static let text = [HTTPField("Content-Type", "text/plain; charset=utf-8")]
    private static let html = [HTTPField("Content-Type", "text/html; charset=utf-8")]

    private static func head(_ length: Int, _ stream: ByteStream) -> ByteBuffer {
        stream.responseHead(200, "OK", text + [HTTPField("Content-Length", String(length))])
    }

    private static func pour(_ stream: ByteStream) async throws {
        try await stream.write(stream.responseHead(200, "OK", text + [HTTPField("Connection", "close")]))
        let piece = ByteBuffer(repeating: 0x61, count: 1 << 16)
        while true { try await stream.write(piece) }
    }

    private static func drip(
        _ content: [UInt8], _ size: Int, _ pause: Duration, _ stream: ByteStream
    ) async throws {
        try await stream.write(head(content.count, stream))
        var rest = content[...]
        while !rest.isEmpty {
            try await Task.sleep(for: pause)
            try await stream.write(Array(rest.prefix(max(1, size))))
            rest = rest.dropFirst(max(1, size))
        }
    }
}
