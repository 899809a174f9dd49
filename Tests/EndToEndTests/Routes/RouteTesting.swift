import MTProtoWire
import ProxyPolicy
import ProxyTestKit

extension RunningProxy {
    /// A proxy that trusts the kit's certificates and for which nothing happens merely because time passes: a busy
    /// machine must not look like a bad route. Tests about time set their own.
    static func routed(
        _ adapt: (inout ProxyConfiguration) -> Void,
        _ body: (RunningProxy) async throws -> Void
    ) async throws {
        let authority = try await CertificateAuthority.shared().certificatePath
        try await with(
            {
                $0.connect.caFile = authority
                $0.connect.headStartMilliseconds = 60_000
                $0.connect.budgetMilliseconds = 60_000
                $0.connect.firstByteTimeoutMilliseconds = 60_000
                adapt(&$0)
            }, body)
    }

    /// A client whose header and first packet leave together.
    func telegramClient(
        _ dataCenter: Int16 = 2, framing: PacketFraming = .paddedIntermediate
    ) async throws -> TelegramClient {
        let options = TelegramClientOptions(framing: framing, dataCenter: dataCenter, joinsHeaderAndFirstPacket: true)
        return try await TelegramClient.connect(port: port, secret: .test, options: options)
    }

    /// A whole session: connects, talks, leaves. Gives back the digest of what the data center must have received.
    @discardableResult
    func session(_ dataCenter: Int16 = 2) async throws -> [UInt8] {
        let client = try await telegramClient(dataCenter)
        let digest = try await client.converse()
        await client.close()
        return digest
    }

    /// Waits for a line with this message and gives the metadata of the first one.
    @discardableResult
    func line(_ message: String, within limit: Duration = .seconds(60)) async throws -> [String: String] {
        try await eventually(timeout: limit, "the line '\(message)' behind \(log.tail)") {
            !self.log.lines(message).isEmpty
        }
        return log.lines(message)[0]
    }
}

extension LogRecorder {
    /// Which route failed with which code, in the order of the lines.
    var routeFailures: [RouteFailureLine] {
        lines("route failed").map {
            RouteFailureLine(
                route: $0["route"] ?? "", code: $0["because"] ?? "",
                restSeconds: Int($0["again_in_seconds"] ?? "") ?? -1
            )
        }
    }
}

/// What a "route failed" line says.
struct RouteFailureLine: Hashable, Sendable {
    var route: String
    var code: String
    var restSeconds: Int
}

extension TelegramClient {
    /// Sends three packets before there can be an answer, then larger ones one by one, and wants each of them back.
    ///
    /// - Returns: the digest of everything sent.
    @discardableResult
    func converse() async throws -> [UInt8] {
        var generator = SeededGenerator(seed: 1)
        var digest = RunningDigest()
        let first = [1, 40, 1_500].map { generator.bytes($0) }
        for payload in first { digest.update(payload) }
        try await send(joined: first)
        for payload in first where try await receive() != payload {
            throw KitError.violation("another packet came back than was sent before the first answer")
        }
        for size in [4, 70_000, 300_000] {
            let payload = generator.bytes(size)
            digest.update(payload)
            try await exchange(payload)
        }
        return digest.value
    }

    /// Waits for the end without taking any packet.
    func expectEnd() async throws {
        guard try await receiveItem() == nil else { throw KitError.violation("a packet instead of the end") }
    }
}

extension SocketTarget {
    static func loopback(_ port: Int) -> SocketTarget { SocketTarget(host: "127.0.0.1", port: port) }

    /// A place where nobody listens, on an address that no other test uses: a port of 127.0.0.1 that was free a moment
    /// ago may belong to another test now.
    static func refusing() async throws -> SocketTarget {
        SocketTarget(host: lonelyHost, port: try await FreePort.find(host: lonelyHost))
    }

    static let lonelyHost = "127.0.0.77"
    /// For servers that a test stops, so that nobody else takes their port.
    static var lonely: ListenOptions { ListenOptions(host: lonelyHost) }
}

extension WebSocketEdge {
    /// The sessions that began; behind a connection that nobody used there is one that did not.
    var carried: [SessionFacts] { sessions.filter { !$0.header.isEmpty } }

    /// Waits until the proxy keeps this many warm connections: a pong says that it has the connection and that nobody
    /// uses it yet.
    func warmedUp(_ count: Int) async throws {
        try await eventually("\(count) warm connections") { self.upgradeCount == count }
        let before = pongCount
        try await pingAll()
        try await eventually("a pong on each of them") { self.pongCount == before + count }
    }
}

extension Duration {
    /// For the output of a test, such as "1.034 s".
    var inSeconds: String {
        let milliseconds = Int(self / .milliseconds(1))
        let fraction = String(1_000 + milliseconds % 1_000).dropFirst()
        return "\(milliseconds / 1_000).\(fraction) s"
    }
}

/// Telegram's names for a data center, the one for media last.
func webSocketNames(_ id: Int) -> [String] {
    ["kws\(id).web.telegram.org", "kws\(id)-1.web.telegram.org"]
}
