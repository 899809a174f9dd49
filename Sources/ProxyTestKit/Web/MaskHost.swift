import NIOCore
import Synchronization

/// What a ``MaskHost`` or ``RecordingHost`` knows about one connection.
package struct HostFacts: Sendable, Equatable {
    /// SNI of the ClientHello.
    package var serverName: String?
    /// Requests inside TLS, in order.
    package var requests: [HTTPRequest] = []
    /// Every byte that came out of the socket, TLS included.
    package var received: [UInt8] = []
    /// How the other side ended the connection. A TLS server that got close_notify closes by itself, so a FIN behind it
    /// stays unseen.
    package var ending = StreamEnding.open
    /// Whether a FIN came, even when a RST followed.
    package var sawFinish = false
    /// Whether the connection is over.
    package var isOver = false
    /// What went wrong, such as a failed handshake.
    package var failure: String?
}

/// Remembers the connections of a host.
final class HostDesk: Sendable {
    private struct Entry {
        var stream: ByteStream
        var facts = HostFacts()
    }
    private let entries = Mutex<[Entry]>([])

    func admit(_ stream: ByteStream) -> Int {
        entries.withLock {
            $0.append(Entry(stream: stream))
            return $0.count - 1
        }
    }

    func update(_ index: Int, _ change: (inout HostFacts) -> Void) {
        entries.withLock { change(&$0[index].facts) }
    }

    var streams: [ByteStream] { entries.withLock { $0.map(\.stream) } }

    var facts: [HostFacts] {
        entries.withLock { $0 }.map { entry in
            var facts = entry.facts
            facts.received = Array(buffer: entry.stream.captured)
            facts.ending = entry.stream.ending
            facts.sawFinish = entry.stream.sawFinish
            return facts
        }
    }

    /// Runs a conversation and notes its end.
    func run(_ stream: ByteStream, _ body: (Int) async throws -> Void) async {
        let index = admit(stream)
        do {
            try await body(index)
            update(index) { $0.isOver = true }
        } catch {
            update(index) {
                $0.isOver = true
                $0.failure = String(describing: error)
            }
        }
    }
}

/// A real TLS web server, as the host that a proxy hides behind.
///
/// `GET /` gives ``page``; `GET /large/N` gives ``content(_:)`` of N bytes; `POST /digest` answers with the SHA-256 of
/// its body in hexadecimal; `GET /reset` gets a RST; `GET /half-close` gets a page without a length and a close_notify.
package final class MaskHost: KitServer {
    /// The names of its certificate.
    package let names: [String]
    /// The port that it listens on.
    package var port: Int { listener.port }
    /// The small page.
    package static let page = Array("<!doctype html><title>A quiet place</title><p>Nothing to see here.</p>\n".utf8)

    private let desk: HostDesk
    private let listener: StreamListener

    private init(names: [String], desk: HostDesk, listener: StreamListener) {
        self.names = names
        self.desk = desk
        self.listener = listener
    }

    /// Starts one.
    /// - Parameter identity: nil: a certificate of the test authority for these names.
    package static func start(
        names: [String] = ["mask.example"],
        identity: ServerIdentity? = nil,
        listen: ListenOptions = ListenOptions()
    ) async throws -> MaskHost {
        let issued = try await CertificateAuthority.shared().identity(for: names)
        let context = try (identity ?? issued).serverContext()
        let desk = HostDesk()
        var listen = listen
        listen.captures = true
        let listener = try await StreamListener.start(listen) { stream in
            await desk.run(stream) { index in
                let pending = try await stream.awaitClientHello()
                desk.update(index) { $0.serverName = pending.serverName }
                try await stream.secure(pending, with: context)
                var reader = HTTPReader(stream)
                while let request = try await reader.nextRequest() {
                    desk.update(index) { $0.requests.append(request) }
                    guard try await answer(request, stream, &reader) else { return }
                }
            }
        }
        return MaskHost(names: names, desk: desk, listener: listener)
    }

    /// Whether the connection goes on.
    private static func answer(
        _ request: HTTPRequest,
        _ stream: ByteStream,
        _ reader: inout HTTPReader
    ) async throws -> Bool {
        let type = [HTTPField("Server", "quiet"), HTTPField("Content-Type", "text/html")]
        if request.method == "POST", request.path == "/digest" {
            let body = try await reader.body(request["Content-Length"].flatMap { Int($0) } ?? 0)
            try await stream.writeResponse(200, "OK", fields: type, body: Array(hex(sha256(Array(buffer: body))).utf8))
            return true
        }
        switch request.path {
        case "/": try await stream.writeResponse(200, "OK", fields: type, body: page)
        case "/reset":
            await stream.reset()
            return false
        case "/half-close":
            var bytes = stream.responseHead(200, "OK", type)
            bytes.writeBytes(page)
            try await stream.write(bytes)
            try await stream.halfClose()
            while try await stream.read() != nil {}
            return false
        case let path where path.hasPrefix("/large/"):
            try await stream.writeResponse(200, "OK", fields: type, body: content(Int(path.dropFirst(7)) ?? 0))
        default: try await stream.writeResponse(404, "Not Found", fields: type)
        }
        return true
    }

    /// The content of `/large/{count}`.
    package static func content(_ count: Int) -> [UInt8] {
        var generator = SeededGenerator(seed: UInt64(count))
        return generator.bytes(count)
    }

    /// The facts of every connection, in the order of their arrival.
    package var facts: [HostFacts] { desk.facts }
    package var violations: [String] { [] }

    package func stop() async {
        await listener.stop()
    }
}
