import MTProtoWire
import NIOCore
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

/// A way in: what a client says first, and the transport that a listener has to offer for it.
struct ClientOpening: Sendable, CustomTestStringConvertible {
    var transport: ClientTransports
    /// Nil for a transport without secrets.
    var form: SecretForm?
    var framing: PacketFraming

    var testDescription: String {
        let secret = form.map { "\($0) secret" } ?? (transport == .plain ? "no obfuscation" : "no secret")
        return "\(framing), \(secret)"
    }

    /// Whom the log names. Plain and dd secret have the same key here, and the plain one stands first.
    var user: String {
        guard let form else { return "anyone" }
        return form == .fakeTLS ? "fakeTLS" : "plain"
    }

    static let all =
        [
            ClientOpening(transport: .fakeTLS, form: .fakeTLS, framing: .abridged),
            ClientOpening(transport: .fakeTLS, form: .fakeTLS, framing: .paddedIntermediate),
            ClientOpening(transport: .padded, form: .padded, framing: .paddedIntermediate),
            ClientOpening(transport: .padded, form: .plain, framing: .paddedIntermediate),
            ClientOpening(transport: .obfuscated2, form: .plain, framing: .abridged),
            ClientOpening(transport: .obfuscated2, form: .padded, framing: .intermediate),
        ]
        + PacketFraming.allCases.flatMap { framing in
            [
                ClientOpening(transport: .open, form: nil, framing: framing),
                ClientOpening(transport: .plain, form: nil, framing: framing),
            ]
        }

    /// Connects as a client that knows what is offered.
    func connect(
        port: Int, dataCenter: Int16 = 2, leading: [UInt8] = [], connect: ConnectOptions = ConnectOptions(),
        host: String = "127.0.0.1"
    ) async throws -> TelegramClient {
        let options = TelegramClientOptions(
            framing: framing, dataCenter: dataCenter, leadingBytes: leading, isBare: transport == .plain,
            connect: connect, patience: .seconds(60))
        return try await TelegramClient.connect(host: host, port: port, secret: form?.secret, options: options)
    }

    /// The first bytes of a client that does not wait for an answer: enough of them for any listener to judge.
    func bytes(dataCenter: Int16 = 2) throws -> [UInt8] {
        var generator = SeededGenerator(seed: .random(in: 0...(.max)))
        let packet = Array(buffer: PacketEncoder.encode(generator.bytes(400), framing: framing))
        switch transport {
        case .fakeTLS:
            return FakeTLSHello(secret: SecretForm.fakeTLS.secret, using: &generator).wire
        case .plain:
            return [UInt8](repeating: framing.tag, count: framing == .abridged ? 1 : 4) + packet
        default:
            let header = try ObfuscationHeader.make(
                framing: framing, dataCenterWire: dataCenter, secret: form?.secret.key, using: &generator)
            return header.bytes + packet
        }
    }
}

extension ListenerConfiguration {
    /// On a port of the system's choice.
    static func loopback(
        _ transports: ClientTransports = .standard, host: IPAddress = IPAddress(v4: 0x7F00_0001)
    ) -> ListenerConfiguration {
        var listener = ListenerConfiguration(place: .tcp(host, port: 0))
        listener.transports = transports
        return listener
    }

    static func unix(_ path: String, mode: UInt16 = 0o600) -> ListenerConfiguration {
        ListenerConfiguration(place: .unix(path: path, mode: mode))
    }
}

extension RunningProxy {
    /// The port of the TCP listener at that place among all.
    func port(_ index: Int) throws -> Int {
        guard places.indices.contains(index), case .tcp(_, let port) = places[index] else {
            throw KitError.command("no TCP listener \(index) in \(places)")
        }
        return port
    }
}

/// What starting a proxy fails with; nil when it starts.
func startError(_ adapt: (inout ProxyConfiguration) -> Void) async throws -> ProxyError? {
    do {
        let proxy = try await RunningProxy.start(adapt)
        await proxy.stop()
        return nil
    } catch let error as ProxyError {
        return error
    }
}
