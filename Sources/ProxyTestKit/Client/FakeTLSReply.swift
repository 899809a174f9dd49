import MTProtoWire
import NIOCore

/// What a proxy answered to a FakeTLS hello: a ServerHello record, a change of ciphers, one record of "certificates".
package struct FakeTLSReply: Sendable, Equatable {
    /// All bytes of the three records.
    package var wire: [UInt8]
    /// The 32 bytes of the server's proof.
    package var random: [UInt8]
    /// The session id that came back.
    package var sessionID: [UInt8]
    /// The chosen cipher suite.
    package var cipherSuite: UInt16
    /// The X25519 public key of the key_share extension, 32 bytes; empty when there is none.
    package var keyShare: [UInt8]
    /// Extension types in their order.
    package var extensionTypes: [UInt16]
    /// Payload of the first application data record.
    package var certificate: [UInt8]

    /// Reads the reply and verifies it as tdlib does: three records of types 16, 14 and 17, and the server's random is
    /// HMAC-SHA256(secret, client random ‖ reply with its own random zeroed).
    static func read(
        from stream: ByteStream,
        hello: FakeTLSHello,
        secret: ProxySecret,
        within limit: Duration
    ) async throws -> FakeTLSReply {
        let serverHello = try await record(0x16, from: stream, within: limit)
        let change = try await record(0x14, from: stream, within: limit)
        let certificate = try await record(0x17, from: stream, within: limit)
        guard change == [0x14, 3, 3, 0, 1, 1] else { throw KitError.violation("change of ciphers \(hex(change))") }
        let wire = serverHello + change + certificate
        guard wire.count > 43 else { throw KitError.violation("a server hello of \(serverHello.count) bytes") }
        let random = Array(wire[11..<43])
        var signed = wire
        signed.replaceSubrange(11..<43, with: repeatElement(0, count: 32))
        guard hmacSHA256(hello.random + signed, key: secret.key.bytes) == random else {
            throw KitError.violation("the server hello's proof is wrong")
        }
        return try parse(serverHello, wire: wire, random: random, certificate: Array(certificate.dropFirst(5)))
    }

    private static func record(_ type: UInt8, from stream: ByteStream, within limit: Duration) async throws -> [UInt8] {
        let head = Array(buffer: try await stream.read(exactly: 5, within: limit))
        guard head[0] == type, head[1] == 3, head[2] == 3 else {
            throw KitError.violation("wanted a TLS record of type \(type), got \(hex(head))")
        }
        let body = try await stream.read(exactly: Int(head[3]) << 8 | Int(head[4]), within: limit)
        return head + Array(buffer: body)
    }

    private static func parse(
        _ record: [UInt8],
        wire: [UInt8],
        random: [UInt8],
        certificate: [UInt8]
    ) throws -> FakeTLSReply {
        var cursor = ByteBuffer(bytes: record.dropFirst(5))
        guard let type = cursor.readInteger(as: UInt8.self), type == 2,
            let high = cursor.readInteger(as: UInt8.self), let low = cursor.readInteger(as: UInt16.self),
            Int(high) << 16 | Int(low) == cursor.readableBytes,
            cursor.readInteger(as: UInt16.self) == 0x0303,
            cursor.readBytes(length: 32) == random,
            let idLength = cursor.readInteger(as: UInt8.self), let id = cursor.readBytes(length: Int(idLength)),
            let suite = cursor.readInteger(as: UInt16.self),
            cursor.readInteger(as: UInt8.self) == 0,
            let total = cursor.readInteger(as: UInt16.self), Int(total) == cursor.readableBytes
        else { throw KitError.violation("malformed server hello \(hex(record))") }
        var types: [UInt16] = []
        var keyShare: [UInt8] = []
        while cursor.readableBytes > 0 {
            guard let type = cursor.readInteger(as: UInt16.self), let length = cursor.readInteger(as: UInt16.self),
                let body = cursor.readBytes(length: Int(length))
            else { throw KitError.violation("malformed extensions in server hello \(hex(record))") }
            types.append(type)
            if type == 0x0033, body.starts(with: [0, 0x1d, 0, 0x20]) { keyShare = Array(body.dropFirst(4)) }
        }
        return FakeTLSReply(
            wire: wire,
            random: random,
            sessionID: id,
            cipherSuite: suite,
            keyShare: keyShare,
            extensionTypes: types,
            certificate: certificate
        )
    }
}
