import Crypto
package import MTProtoWire
import NIOCore

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A FakeTLS ClientHello, made as a client makes it: a browser's hello whose random is a proof of the secret.
///
/// random = HMAC-SHA256(secret, hello in one record with the random zeroed), its last 4 bytes XORed with the Unix time
/// (little endian). Observed: tdlib.
package struct FakeTLSHello: Sendable {
    /// The bytes on the wire, in as many records as asked.
    package var wire: [UInt8]
    /// The 32 bytes of the proof.
    package var random: [UInt8]
    /// The legacy session id.
    package var sessionID: [UInt8]
    /// What it offered, GREASE left out.
    package var cipherSuites: [UInt16]

    /// Makes a hello for `secret`.
    package init(
        secret: ProxySecret,
        options: ClientHelloOptions = ClientHelloOptions(),
        using generator: inout some RandomNumberGenerator
    ) {
        let name: String? =
            switch options.serverName {
            case .absent: nil
            case .name(let name): name
            case .ofSecret: if case .fakeTLS(let domain) = secret.kind { domain } else { nil }
            }
        sessionID = randomBytes(options.sessionIDLength, &generator)
        cipherSuites = options.cipherSuites
        let extensions = HelloExtensions.make(shape: options.shape, serverName: name, using: &generator)
        var message = Self.message(sessionID: sessionID, suites: options.cipherSuites, extensions: extensions)
        if options.shape == .classic {
            let missing = 517 - 5 - message.count - 4
            if missing >= 0 {
                let padding = HelloExtensions.field(0x0015, [UInt8](repeating: 0, count: missing))
                message = Self.message(
                    sessionID: sessionID,
                    suites: options.cipherSuites,
                    extensions: extensions + padding
                )
            }
        }
        var proof = hmacSHA256([0x16, 3, 1] + bigEndian16(message.count) + message, key: secret.key.bytes)
        let clock = Int64(time(nil)) + Int64(options.timestampOffset)
        let stamp = options.timestamp ?? UInt32(truncatingIfNeeded: clock)
        for index in 0..<4 { proof[28 + index] ^= UInt8(truncatingIfNeeded: stamp >> (8 * index)) }
        if options.breaksProof { proof[3] ^= 0x10 }
        random = proof
        message.replaceSubrange(6..<38, with: proof)
        wire = Self.records(of: message, sizes: options.recordSizes)
    }

    /// A hello that was recorded before, to be sent again.
    package init(replaying wire: [UInt8]) throws {
        guard wire.count > 44 + 32, wire[0] == 0x16 else { throw KitError.violation("not a recorded hello") }
        self.wire = wire
        random = Array(wire[11..<43])
        sessionID = Array(wire[44..<44 + min(32, Int(wire[43]))])
        cipherSuites = ClientHelloOptions.browserCipherSuites
    }

    private static func message(sessionID: [UInt8], suites: [UInt16], extensions: [UInt8]) -> [UInt8] {
        let offered: [UInt8] = [0x0a, 0x0a] + suites.flatMap { bigEndian16(Int($0)) }
        var body: [UInt8] = [3, 3] + [UInt8](repeating: 0, count: 32)
        body += [UInt8(sessionID.count)] + sessionID
        body += bigEndian16(offered.count) + offered
        body += [1, 0] + bigEndian16(extensions.count) + extensions
        return [1, UInt8(body.count >> 16)] + bigEndian16(body.count & 0xffff) + body
    }

    private static func records(of message: [UInt8], sizes: [Int]) -> [UInt8] {
        var rest = message[...]
        var wire: [UInt8] = []
        for size in sizes + [message.count] where !rest.isEmpty {
            let part = rest.prefix(max(1, size))
            rest = rest.dropFirst(part.count)
            wire += [0x16, 3, 1] + bigEndian16(part.count) + part
        }
        return wire
    }
}

/// Two bytes, big endian.
func bigEndian16(_ value: Int) -> [UInt8] {
    [UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value)]
}

/// `count` random bytes.
func randomBytes(_ count: Int, _ generator: inout some RandomNumberGenerator) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
}
