import Foundation
import NIOCore
import Synchronization

/// Serves a text file, such as a list of domains, over HTTPS or HTTP, or fails in one of the ways that servers fail.
package final class ListServer: KitServer {
    /// What it does with a request.
    package enum Behaviour: Sendable {
        /// 200 and the text.
        case serve
        /// Another status, and these headers.
        case status(Int, [HTTPField] = [])
        /// Never answers.
        case hang
        /// RST in place of an answer.
        case reset
        /// 200 and only the first half of what Content-Length announces.
        case truncate
        /// 200 and bytes that are no text.
        case garbage
        /// 200 and a body that goes on for this many bytes.
        case endless(bytes: Int)
    }

    private struct State {
        var text: String
        var behaviour = Behaviour.serve
        var requests: [HTTPRequest] = []
        /// Seconds that its clock is ahead; nil: it tells no time.
        var ahead: Int?
    }

    /// The port that it listens on.
    package let port: Int
    /// The URL of the file.
    package let url: String
    private let state: SharedState
    private let listener: StreamListener

    private final class SharedState: Sendable {
        let value: Mutex<State>

        init(_ text: String) {
            value = Mutex(State(text: text))
        }
    }

    private init(url: String, state: SharedState, listener: StreamListener) {
        self.url = url
        self.state = state
        self.listener = listener
        port = listener.port
    }

    /// Starts one; `localhost` is in the certificate.
    package static func start(
        _ text: String,
        certificate: EdgeCertificate = .issued(["localhost", "127.0.0.1"]),
        listen: ListenOptions = ListenOptions()
    ) async throws -> ListServer {
        let state = SharedState(text)
        let desk = EdgeDesk(.serve())
        try await desk.setCertificate(certificate)
        let listener = try await StreamListener.start(listen) { stream in
            if let context = desk.context {
                try await stream.secure(try await stream.awaitClientHello(), with: context)
            }
            var reader = HTTPReader(stream)
            while let request = try await reader.nextRequest() {
                let now = state.value.withLock {
                    $0.requests.append(request)
                    return $0
                }
                try await answer(now, stream)
            }
        }
        let scheme = certificate == .plaintext ? "http" : "https"
        return ListServer(url: "\(scheme)://localhost:\(listener.port)/list.txt", state: state, listener: listener)
    }

    private static func answer(_ state: State, _ stream: ByteStream) async throws {
        let text = Array(state.text.utf8)
        let type = [HTTPField("Content-Type", "text/plain; charset=utf-8")]
        switch state.behaviour {
        case .serve:
            let date = state.ahead.map { [HTTPField("Date", httpDate(ahead: $0))] } ?? []
            try await stream.writeResponse(200, "OK", fields: type + date, body: text)
        case .status(let code, let fields): try await stream.writeResponse(code, fields: fields)
        case .hang: try await stream.waitUntilEnded()
        case .reset: await stream.reset()
        case .truncate:
            var bytes = stream.responseHead(200, "OK", type + [HTTPField("Content-Length", String(text.count))])
            bytes.writeBytes(text.prefix(text.count / 2))
            try await stream.write(bytes)
            await stream.close()
        case .garbage:
            var generator = SeededGenerator(seed: 1)
            try await stream.writeResponse(200, "OK", fields: type, body: generator.bytes(1000))
        case .endless(let count):
            let body = [UInt8](repeating: 0x61, count: count)
            try await stream.writeResponse(200, "OK", fields: type, body: body)
        }
    }

    /// What every later request meets.
    package func setBehaviour(_ behaviour: Behaviour) {
        state.value.withLock { $0.behaviour = behaviour }
    }

    /// Tells the time from now on, by a clock that is so many seconds ahead.
    package func setClock(ahead seconds: Int) {
        state.value.withLock { $0.ahead = seconds }
    }

    private static func httpDate(ahead seconds: Int) -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        return formatter.string(from: Date(timeIntervalSinceNow: TimeInterval(seconds)))
    }

    /// What the file says from now on.
    package func setText(_ text: String) {
        state.value.withLock { $0.text = text }
    }

    /// Every request so far.
    package var requests: [HTTPRequest] { state.value.withLock { $0.requests } }
    package var violations: [String] { [] }

    package func stop() async {
        await listener.stop()
    }
}
