import ProxyPolicy
import ProxyTestKit
import Testing

/// A way in which a WebSocket route lets a session down.
struct Trouble: Sendable, CustomTestStringConvertible {
    /// What a proxy has to wait for before it can know.
    enum Wait: Sendable {
        case nothing
        /// A try without an answer: the head start passes, the verdict comes after five seconds.
        case headStart
        /// A session without an answer.
        case firstByte
    }

    var testDescription: String
    /// The words that the log may have for it.
    var codes: Set<String>
    /// How long the route rests for it, seconds.
    var rests: Set<Int>
    var wait = Wait.nothing
    /// Starts the place to dial.
    var start: @Sendable (KitScope) async throws -> SocketTarget

    static let all = answers + hangs + resets + closes + certificates + upgrades + sessions + places

    private static let answers = [
        edge("302", "redirected", rest: 300, .redirect()),
        edge("307", "redirected", rest: 300, .redirect(307)),
        edge("403", "http-403", rest: 300, .status(403)),
        edge("404", "http-status", rest: 300, .status(404)),
        edge("429", "http-429", rest: 60, .tooManyRequests()),
        edge("429 with Retry-After", "http-429", rest: 600, .tooManyRequests(retryAfter: 600)),
        edge("429 with Retry-After of two hours", "http-429", rest: 3_600, .tooManyRequests(retryAfter: 7_200)),
        edge("503", "http-5xx", rest: 30, .status(503)),
        edge("503 with Retry-After", "http-5xx", rest: 120, .status(503, [HTTPField("Retry-After", "120")])),
        edge("200", "http-status", rest: 60, .status(200)),
        edge("no HTTP at all", "other", rest: 30, .answer(Array("SSH-2.0-nothing\r\n\r\n".utf8))),
    ]

    private static let hangs = [
        Trouble(testDescription: "hangs in TCP", codes: ["timeout-tcp"], rests: [30], wait: .headStart) { kit in
            .loopback(kit.keep(try await BlackHole.start()).port)
        },
        edge("hangs before TLS", "timeout-tls", rest: 30, wait: .headStart, .hang(.tcp)),
        edge("hangs in TLS", "timeout-tls", rest: 30, wait: .headStart, .hang(.tls)),
        edge("hangs in the upgrade", "timeout-upgrade", rest: 30, wait: .headStart, .hang(.upgrade)),
    ]

    /// Met while reading it is a reset, while writing just an end.
    private static let resetCodes: Set<String> = ["reset", "closed-early"]

    private static let resets = [
        edge("reset before TLS", resetCodes, rests: [10, 15], .reset(.tcp)),
        edge("reset in TLS", resetCodes, rests: [10, 15], .reset(.tls)),
        edge("reset in the upgrade", resetCodes, rests: [10, 15], .reset(.upgrade)),
        edge("reset after 101", resetCodes, rests: [10, 15], .reset(.established)),
        edge("reset after the header", resetCodes, rests: [10, 15], .serve(.resetAfterHeader)),
    ]

    private static let closes = [
        edge("closed before TLS", "closed-early", rest: 15, .close(.tcp)),
        edge("closed in TLS", "closed-early", rest: 15, .close(.tls)),
        edge("closed in the upgrade", "closed-early", rest: 15, .close(.upgrade)),
        edge("closed after 101", "closed-early", rest: 15, .close(.established)),
        edge("closed with a close frame after 101", "closed-early", rest: 15, .serve(.closeAtOnce)),
        edge("closed with a close frame after the header", "closed-early", rest: 15, .serve(.closeAfterHeader)),
    ]

    private static let certificates = [
        edge("a certificate of the wrong name", "bad-certificate", rest: 300, .serve(), certificate: .wrongName),
        edge(
            "a certificate that nobody knows", "bad-certificate", rest: 300, .serve(),
            certificate: .selfSigned(WebSocketEdge.telegramNames)
        ),
    ]

    private static let upgrades = [
        edge("a wrong accept key", "bad-accept-key", rest: 300, .badAccept),
        edge("no accept key", "bad-accept-key", rest: 300, .missingAccept),
    ]

    private static let sessions = [
        edge("-444", "wrong-dc", rest: 600, .serve(.transportError(-444))),
        edge("silence after 101", "silent", rest: 60, wait: .firstByte, .hang(.established)),
        edge("silence after the first packet", "silent", rest: 60, wait: .firstByte, .serve(.silence)),
    ]

    private static let places = [
        Trouble(testDescription: "refused", codes: ["refused"], rests: [10]) { _ in try await .refusing() }
    ]

    private static func edge(
        _ name: String, _ code: String, rest: Int, wait: Wait = .nothing, _ behaviour: EdgeBehaviour,
        certificate: EdgeCertificate = .issued(WebSocketEdge.telegramNames)
    ) -> Trouble {
        edge(name, [code], rests: [rest], wait: wait, behaviour, certificate: certificate)
    }

    private static func edge(
        _ name: String, _ codes: Set<String>, rests: Set<Int>, wait: Wait = .nothing, _ behaviour: EdgeBehaviour,
        certificate: EdgeCertificate = .issued(WebSocketEdge.telegramNames)
    ) -> Trouble {
        Trouble(testDescription: name, codes: codes, rests: rests, wait: wait) { kit in
            .loopback(kit.keep(try await WebSocketEdge.start(behaviour, certificate: certificate)).port)
        }
    }
}
