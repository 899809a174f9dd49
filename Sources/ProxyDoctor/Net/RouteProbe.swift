import MTProtoWire
import NIOCore
import NIOSSL
import ProxyEngine
import ProxyPolicy

/// One way to a data center, gone to the end: a query that only a data center answers, in the same clothes as a client's.
struct RouteProbe: Sendable {
    /// ms of each part; nil: it was not reached.
    struct Times: Sendable, Equatable {
        var tcp: Double?
        var tls: Double?
        var upgrade: Double?
        var answer: Double?

        var total: Double {
            // Tenths, as measured: their sum as floating point has more digits.
            (([tcp, tls, upgrade, answer].reduce(0) { $0 + ($1 ?? 0) }) * 10).rounded() / 10
        }
    }

    enum Stage: String, Sendable {
        case tcp, tls, upgrade, answer
    }

    /// What came of it.
    struct Outcome: Sendable, Equatable {
        var times = Times()
        /// Where it ended, when it failed.
        var stage = Stage.tcp
        /// nil: the data center answered.
        var failure: ProbeFailure?
    }

    let route: Route
    let dataCenter: DataCenter
    let tls: TLSContexts
    let limit: Duration

    /// The longest head of an answer to an upgrade request, bytes.
    private static let maximumHead = 16 << 10
    /// What is read of a data center's answer at most, bytes: resPQ has about a hundred.
    private static let maximumAnswer = 4 << 10

    func run() async -> Outcome {
        let progress = ProbeProgress(Outcome())
        let ended: Void? = await within(limit) {
            do {
                try await talk(progress)
            } catch let failure as ProbeFailure {
                progress.update { $0.failure = failure }
            } catch {
                progress.update { $0.failure = .route(RouteFailure(classifying: error)) }
            }
        }
        progress.close()
        var outcome = progress.outcome
        if ended == nil { outcome.failure = outcome.stage.whenSilent }
        return outcome
    }

    private func talk(_ progress: ProbeProgress<Outcome>) async throws {
        var watch = Stopwatch()
        let target: SocketTarget
        var endpoint: WebSocketEndpoint?
        switch route.target {
        case .tcp(let place): target = place
        case .webSocket(let place): (target, endpoint) = (place.dial, place)
        case .middleProxy: throw ProbeFailure.route(.noMiddleProxy)
        }
        let conversation = try await Conversation.open(target, within: limit)
        progress.keep(conversation)
        let tcp = watch.lap()
        progress.update { $0.times.tcp = tcp }
        var line = MessageLine(conversation, endpoint: endpoint)
        if let endpoint {
            progress.update { $0.stage = .tls }
            try await conversation.secure(try tls.client(), serverName: endpoint.serverName)
            let tls = watch.lap()
            progress.update {
                $0.times.tls = tls
                $0.stage = .upgrade
            }
            line.rest = try await upgrade(conversation, endpoint)
            let upgrade = watch.lap()
            progress.update { $0.times.upgrade = upgrade }
        }
        progress.update { $0.stage = .answer }
        try await ask(&line)
        let answer = watch.lap()
        progress.update { $0.times.answer = answer }
    }

    // MARK: Upgrade

    /// - Returns: what came behind the answer's head.
    private func upgrade(_ conversation: Conversation, _ endpoint: WebSocketEndpoint) async throws -> ByteBuffer {
        var random = SecureRandom()
        let handshake = WebSocketHandshake(using: &random)
        let fields = handshake.requestHeaders(host: endpoint.host).map { "\($0.name): \($0.value)\r\n" }.joined()
        try await conversation.send(ByteBuffer(string: "GET \(endpoint.path) HTTP/1.1\r\n\(fields)\r\n"))
        var received = ByteBuffer()
        while received.readableBytes <= Self.maximumHead {
            guard var bytes = try await conversation.receive() else { throw RouteFailure.closedEarly }
            received.writeBuffer(&bytes)
            guard let head = UpgradeAnswer(reading: &received) else { continue }
            if let failure = head.failure(accepting: handshake) { throw failure }
            return received
        }
        throw RouteFailure.other("long-answer")
    }

    // MARK: The query

    private func ask(_ line: inout MessageLine) async throws {
        var random = SecureRandom()
        let framing = PacketFraming.intermediate
        let header = UpstreamHeader.make(framing: framing, dataCenterWire: dataCenter.wireValue, using: &random)
        var outbound = AESCTR(header.outbound)
        outbound.seek(to: UInt64(Obfuscated2Header.length))
        var inbound = AESCTR(header.inbound)
        var nonce = Block16()
        nonce.withUnsafeMutableBytes { random.fill($0) }
        let query = KeyQuery.payload(nonce: nonce, unixMilliseconds: WallClock.milliseconds)
        let prefix = PacketHeader(payloadLength: query.count, framing: framing)?.bytes ?? []
        try await line.send(header.bytes)
        try await line.send(outbound.apply(prefix + query))

        var plain: [UInt8] = []
        while plain.count < Self.maximumAnswer {
            plain += inbound.apply(try await line.receive())
            if case .error(let error, _) = TransportError.first(in: plain, framing: framing) {
                throw ProbeFailure.transport(error)
            }
            guard plain.count >= 4 else { continue }
            let word = (0..<4).reduce(UInt32(0)) { $0 | UInt32(plain[$1]) << UInt32(8 * $1) }
            let length = PacketHeader(plaintext: word, framing: framing).payloadLength
            guard length >= KeyQuery.requestLength, length < Self.maximumAnswer else { throw ProbeFailure.noDataCenter }
            guard plain.count >= 4 + KeyQuery.requestLength else { continue }
            guard KeyQuery.judge(plain.dropFirst(4), nonce: nonce) == .answered else { throw ProbeFailure.noDataCenter }
            return
        }
        throw ProbeFailure.noDataCenter
    }
}

/// Why a probe did not end in a data center's answer.
enum ProbeFailure: Error, Sendable, Equatable {
    case route(RouteFailure)
    /// The data center said so instead of answering.
    case transport(TransportError)
    /// Something answered that is no data center.
    case noDataCenter
}

extension RouteProbe.Stage {
    fileprivate var whenSilent: ProbeFailure {
        switch self {
        case .tcp: .route(.timedOut(stage: .tcp))
        case .tls: .route(.timedOut(stage: .tls))
        case .upgrade: .route(.timedOut(stage: .upgrade))
        case .answer: .route(.silent)
        }
    }
}
