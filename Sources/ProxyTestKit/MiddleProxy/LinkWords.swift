package import MTProtoWire

/// The first words of what travels in frames, and the payloads that the kit makes.
package enum LinkWord {
    package static let nonce: UInt32 = 0x7acb_87aa
    package static let handshake: UInt32 = 0x7682_eef5
    package static let handshakeError: UInt32 = 0x6a27_beda
    package static let ping: UInt32 = 0x5730_a2df
    package static let pong: UInt32 = 0x8430_eaa7
    package static let request: UInt32 = 0x36ce_f1ee
    package static let answer: UInt32 = 0x4403_da0d
    package static let simpleAck: UInt32 = 0x3bac_409b
    package static let closeExternal: UInt32 = 0x5eb6_34a2
    package static let closeConnection: UInt32 = 0x1fcf_425d
    package static let tag: UInt32 = 0xdb1e_26ae

    /// The first word of a payload.
    package static func first(_ payload: [UInt8]) -> UInt32 { littleEndian(payload, at: 0, as: UInt32.self) }

    package static func ping(_ id: UInt64) -> [UInt8] { bytesOf(ping) + bytesOf(id) }
    package static func pong(_ id: UInt64) -> [UInt8] { bytesOf(pong) + bytesOf(id) }
    package static func closeExternal(_ connection: UInt64) -> [UInt8] { bytesOf(closeExternal) + bytesOf(connection) }
    package static func closeConnection(_ connection: UInt64) -> [UInt8] {
        bytesOf(closeConnection) + bytesOf(connection)
    }

    /// A message for the client of `connection`.
    package static func answer(_ connection: UInt64, flags: UInt32 = 0, _ message: [UInt8]) -> [UInt8] {
        bytesOf(answer) + bytesOf(flags) + bytesOf(connection) + message
    }

    /// A quick acknowledgement for the client of `connection`.
    package static func simpleAck(_ connection: UInt64, confirm: UInt32) -> [UInt8] {
        bytesOf(simpleAck) + bytesOf(connection) + bytesOf(confirm)
    }

    /// A refusal to shake hands: type, code, our process id (12 bytes).
    package static func handshakeError(_ code: Int32, process: [UInt8]) -> [UInt8] {
        bytesOf(handshakeError) + bytesOf(code) + process
    }
}

/// RPC_PROXY_REQ: one message of a client, taken apart.
///
/// Shape: type, flags, connection (8), client's address (16) and port (4), proxy's address (16) and port (4), with bits 4
/// or 8 of the flags a length word and that many extra bytes, then the message. IPv4 is written as ::ffff:a.b.c.d.
package struct LinkRequest: Sendable, Equatable {
    /// The bits of the flags word.
    package enum Flag {
        package static let http: UInt32 = 1
        package static let notEncrypted: UInt32 = 2
        package static let httpInfo: UInt32 = 4
        package static let tagged: UInt32 = 8
        package static let always: UInt32 = 0x1000
        package static let alwaysHTTP: UInt32 = 0x2000
        package static let obfuscated: UInt32 = 0x2_0000
        package static let padded: UInt32 = 0x0800_0000
        package static let intermediate: UInt32 = 0x2000_0000
        package static let abridged: UInt32 = 0x4000_0000
        package static let quickAck: UInt32 = 0x8000_0000
    }

    package var flags: UInt32
    package var connection: UInt64
    package var client: Endpoint
    package var proxy: Endpoint
    /// The ad tag, 16 bytes.
    package var adTag: [UInt8]?
    /// Origin, Referer and User-Agent of a client that speaks HTTP.
    package var httpInfo: [String]?
    package var message: [UInt8] = []
    /// What a proxy should not have written, in words.
    package var violations: [String] = []

    /// - Throws: ``KitError/violation(_:)`` when it cannot be taken apart.
    package init(parsing payload: [UInt8]) throws {
        guard payload.count >= 56, LinkWord.first(payload) == LinkWord.request else {
            throw KitError.violation("no request: \(payload.count) bytes, \(hex(payload.prefix(8)))")
        }
        flags = littleEndian(payload, at: 4, as: UInt32.self)
        connection = littleEndian(payload, at: 8, as: UInt64.self)
        client = try Self.endpoint(payload, at: 16)
        proxy = try Self.endpoint(payload, at: 36)
        var start = 56
        if flags & (Flag.tagged | Flag.httpInfo) != 0 {
            let length = Int(littleEndian(payload, at: 56, as: UInt32.self))
            start = 60 + length
            guard payload.count >= 60, start <= payload.count else {
                throw KitError.violation("a request with \(length) extra bytes, \(payload.count) in all")
            }
            try readExtra(Array(payload[60..<start]))
        }
        message = Array(payload[start...])
        violations = complaints()
    }

    private mutating func readExtra(_ extra: [UInt8]) throws {
        var rest = extra[...]
        let violation = KitError.violation("a request with the extra bytes \(hex(extra))")
        if flags & Flag.tagged != 0 {
            guard rest.count >= 24, LinkWord.first(Array(rest)) == LinkWord.tag, rest[4] == 16,
                rest[21..<24] == [0, 0, 0]
            else { throw violation }
            adTag = Array(rest[5..<21])
            rest = rest.dropFirst(24)
        }
        if flags & Flag.httpInfo != 0 {
            guard rest.prefix(4) == [0x81, 0xb3, 0x5a, 0xd4] else { throw violation }
            rest = rest.dropFirst(4)
            var texts: [String] = []
            while let first = rest.first {
                let isLong = first == 254
                guard first != 255, rest.count >= 4 else { throw violation }
                let start = isLong ? 4 : 1
                let header = Array(rest.prefix(4))
                let length = isLong ? Int(header[1]) | Int(header[2]) << 8 | Int(header[3]) << 16 : Int(first)
                let whole = (start + length + 3) / 4 * 4
                guard rest.count >= whole else { throw violation }
                texts.append(String(decoding: rest.dropFirst(start).prefix(length), as: UTF8.self))
                rest = rest.dropFirst(whole)
            }
            guard texts.count == 3 else { throw violation }
            httpInfo = texts
        }
        guard rest.isEmpty else { throw violation }
    }

    private static func endpoint(_ payload: [UInt8], at offset: Int) throws -> Endpoint {
        let port = littleEndian(payload, at: offset + 16, as: UInt32.self)
        guard let address = IPAddress(bytes: payload[offset..<offset + 16]), let port = UInt16(exactly: port) else {
            throw KitError.violation("a request with the port \(port)")
        }
        return Endpoint(address: address, port: port)
    }

    /// Messages that only real data centers take, flags that no proxy sets.
    private func complaints() -> [String] {
        var found: [String] = []
        let isHTTP = flags & Flag.http != 0
        let known: UInt32 =
            isHTTP
            ? Flag.http | Flag.httpInfo | Flag.always | Flag.alwaysHTTP | Flag.tagged | Flag.notEncrypted
            : Flag.notEncrypted | Flag.tagged | Flag.always | Flag.obfuscated | Flag.padded | Flag.intermediate
                | Flag.abridged | Flag.quickAck
        let needed: UInt32 =
            isHTTP ? Flag.httpInfo | Flag.always | Flag.alwaysHTTP : Flag.always | Flag.obfuscated
        if flags & ~known != 0 { found.append("flags that no proxy sets") }
        if flags & needed != needed { found.append("flags that every proxy sets lack") }
        if !isHTTP, (flags & Flag.intermediate != 0) == (flags & Flag.abridged != 0) { found.append("not one framing") }
        let isPlain = message.prefix(8).allSatisfy { $0 == 0 }
        if isPlain != (flags & Flag.notEncrypted != 0) { found.append("the flag for unencrypted messages is wrong") }
        if message.count % 4 != 0 || message.count < (isPlain ? 40 : 56) { found.append("a message that is too short") }
        return found.map { "request \(String(flags, radix: 16)) of \(message.count) bytes: \($0)" }
    }
}
