import MTProtoWire
import NIOCore
import ProxyPolicy
import ProxyTestKit

/// Somebody who is no client of the proxy, by what is wrong with the first bytes.
enum Stranger: String, CaseIterable, Sendable {
    case garbage
    case http
    case httpOther
    case brokenHello
    case unsignedHello
    case foreignHello
    case oldTLS
    case fromTheFuture
    case fromThePast
    case fromBeforeTheStart
    case foreignHeader

    /// The word for it in the log of a proxy that knows the test key in all forms.
    var reason: StrangerReason {
        switch self {
        case .garbage, .foreignHeader: .badSecret
        case .http, .httpOther: .http
        case .brokenHello: .malformedHello
        case .unsignedHello, .foreignHello: .badProof
        case .oldTLS: .oldTLS
        case .fromTheFuture, .fromThePast: .wrongTime
        case .fromBeforeTheStart: .beforeStart
        }
    }

    /// What it sends first, made anew each time.
    func opening() throws -> [UInt8] {
        var generator = SeededGenerator(seed: .random(in: 0...(.max)))
        switch self {
        case .garbage: return [1, 2, 3] + generator.bytes(400)
        case .http: return Array("GET /index.html HTTP/1.1\r\nHost: mask.example\r\nAccept: */*\r\n\r\n".utf8)
        case .httpOther: return Array("CONNECT mask.example:443 HTTP/1.1\r\nHost: mask.example:443\r\n\r\n".utf8)
        case .brokenHello: return [0x16, 3, 1, 0, 50, 2, 0, 0, 46] + generator.bytes(46)
        case .unsignedHello: return hello(ClientHelloOptions(breaksProof: true), &generator)
        case .foreignHello: return FakeTLSHello(secret: .foreign, using: &generator).wire
        case .oldTLS: return hello(ClientHelloOptions(cipherSuites: ClientHelloOptions.oldCipherSuites), &generator)
        // A second may pass between the making of a hello and its judging: 121 could become 120.
        case .fromTheFuture: return hello(ClientHelloOptions(timestampOffset: 121 + 10), &generator)
        case .fromThePast: return hello(ClientHelloOptions(timestampOffset: -121), &generator)
        case .fromBeforeTheStart: return hello(ClientHelloOptions(timestampOffset: -100), &generator)
        case .foreignHeader:
            return try ObfuscationHeader.make(
                framing: .intermediate,
                dataCenterWire: 2,
                secret: ProxySecret.foreign.key,
                using: &generator
            ).bytes + generator.bytes(300)
        }
    }

    private func hello(_ options: ClientHelloOptions, _ generator: inout SeededGenerator) -> [UInt8] {
        FakeTLSHello(secret: SecretForm.fakeTLS.secret, options: options, using: &generator).wire
    }
}

extension ProxyConfiguration {
    /// Hides the proxy behind a host of the kit.
    mutating func hide(behind port: Int) {
        mask.host = SecretForm.domain
        mask.target = SocketTarget(host: "127.0.0.1", port: port)
    }
}

extension RecordingHost {
    /// The bytes of the connection with this index, as soon as there are `count`.
    func bytes(_ index: Int = 0, count: Int) async throws -> [UInt8] {
        try await eventually(timeout: .seconds(60), "\(count) bytes at the mask host") {
            self.facts.indices.contains(index) && self.facts[index].received.count >= count
        }
        return facts[index].received
    }
}
