package import MTProtoWire

/// The 64-byte obfuscated2 header, derived here by hand so that the program under test is not checked against itself.
///
/// Shape: 8 random bytes, key (32), IV (16), then encrypted: 4 tag bytes, data center (Int16 little endian), 2 random
/// bytes. The other direction takes key and IV from bytes 8..<56 reversed. With a secret each key becomes
/// SHA-256(key ‖ secret). Specification: https://core.telegram.org/mtproto/mtproto-transports
package struct ObfuscationHeader: Sendable, Equatable {
    /// The 64 bytes as sent.
    package var bytes: [UInt8]
    /// Tag found in it.
    package var framing: PacketFraming
    /// Data center as sent, negative for media, plus 10000 for the test environment.
    package var dataCenterWire: Int16
    /// Keystream of what the header's sender sends, from offset 0; its packets start at 64.
    package var fromSender: CTRKey
    /// Keystream of what the header's sender receives, from offset 0.
    package var toSender: CTRKey

    /// Reads the 64 bytes of a header.
    /// - Parameter secret: 16 bytes; nil for a data center, which knows none.
    /// - Throws: ``KitError/violation(_:)`` when the tag is none of the three.
    package init(reading bytes: [UInt8], secret: Block16? = nil) throws {
        guard bytes.count == 64 else { throw KitError.violation("a header of \(bytes.count) bytes") }
        fromSender = try Self.key(bytes[8..<56], secret)
        toSender = try Self.key(bytes[8..<56].reversed(), secret)
        var cipher = AESCTR(fromSender)
        let plain = cipher.apply(bytes)
        let tag = plain[56..<60].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard let framing = PacketFraming(tag: tag) else {
            throw KitError.violation("header with tag \(hex(plain[56..<60]))")
        }
        self.framing = framing
        dataCenterWire = Int16(bitPattern: UInt16(plain[60]) | UInt16(plain[61]) << 8)
        self.bytes = bytes
    }

    /// Makes a header as a client does.
    package static func make(
        framing: PacketFraming,
        dataCenterWire: Int16,
        secret: Block16?,
        using generator: inout some RandomNumberGenerator
    ) throws -> ObfuscationHeader {
        var bytes: [UInt8]
        repeat {
            bytes = (0..<64).map { _ in UInt8.random(in: 0...255, using: &generator) }
        } while looksLikeSomethingElse(bytes)
        let wire = UInt16(bitPattern: dataCenterWire)
        bytes.replaceSubrange(56..<60, with: repeatElement(framing.tag, count: 4))
        bytes[60] = UInt8(truncatingIfNeeded: wire)
        bytes[61] = UInt8(truncatingIfNeeded: wire >> 8)
        var cipher = AESCTR(try key(bytes[8..<56], secret))
        bytes.replaceSubrange(56..<64, with: cipher.apply(bytes)[56..<64])
        return try ObfuscationHeader(reading: bytes, secret: secret)
    }

    private static func key(_ material: some Collection<UInt8>, _ secret: Block16?) throws -> CTRKey {
        var key = Array(material.prefix(32))
        if let secret { key = sha256(key + secret.bytes) }
        guard let key = Block32(bytes: key), let iv = Block16(bytes: Array(material.dropFirst(32))) else {
            throw KitError.violation("key material of \(material.count) bytes")
        }
        return CTRKey(key: key, iv: iv)
    }

    /// The starts that clients avoid, because servers take them for another protocol.
    package static func looksLikeSomethingElse(_ bytes: [UInt8]) -> Bool {
        let words = ["HEAD", "POST", "GET ", "OPTI"].map { Array($0.utf8) }
        let others: [[UInt8]] = [[0xdd, 0xdd, 0xdd, 0xdd], [0xee, 0xee, 0xee, 0xee], [0x16, 3, 1, 2]]
        let first = Array(bytes.prefix(4))
        return bytes[0] == 0xef || (words + others).contains(first) || bytes[4..<8].allSatisfy { $0 == 0 }
    }
}

/// Lower-case hexadecimal.
package func hex(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
