import MTProtoWire
import NIOCore

/// A ClientHello such as Telegram's apps send it, by what a server decides on: cipher suites, groups, key shares. Its
/// answer shows what a client of ours would have to be shown.
struct ProbeHello {
    /// TLS_AES_128_GCM_SHA256, which the apps name first.
    static let firstSuite: UInt16 = 0x1301
    static let hybridGroup: UInt16 = 0x11ec
    static let x25519: UInt16 = 0x001d

    /// The record, ready to send.
    let record: ByteBuffer

    /// - Parameter serverName: nil sends none.
    init(serverName: String?, using random: inout some RandomNumberGenerator) {
        var body = ByteBuffer()
        body.writeInteger(UInt16(0x0303))
        body.writeBytes(Self.bytes(32, &random))
        body.writeInteger(UInt8(32))
        body.writeBytes(Self.bytes(32, &random))
        let suites: [UInt16] = [
            0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d,
            0x002f, 0x0035,
        ]
        Self.writeList(suites, to: &body)
        body.writeMultipleIntegers(UInt8(1), UInt8(0))
        let extensions = Self.extensions(serverName, &random)
        body.writeInteger(UInt16(extensions.readableBytes))
        body.writeImmutableBuffer(extensions)

        var record = ByteBuffer()
        record.writeMultipleIntegers(UInt8(22), UInt16(0x0301), UInt16(body.readableBytes + 4))
        record.writeInteger(UInt32(1) << 24 | UInt32(body.readableBytes))
        record.writeBuffer(&body)
        self.record = record
    }

    private static func extensions(_ name: String?, _ random: inout some RandomNumberGenerator) -> ByteBuffer {
        var all = ByteBuffer()
        func add(_ type: UInt16, _ write: (inout ByteBuffer) -> Void) {
            var body = ByteBuffer()
            write(&body)
            all.writeMultipleIntegers(type, UInt16(body.readableBytes))
            all.writeBuffer(&body)
        }
        if let name {
            add(0) { body in
                let length = UInt16(name.utf8.count)
                body.writeMultipleIntegers(length + 3, UInt8(0), length)
                body.writeString(name)
            }
        }
        // extended_master_secret, renegotiation_info, session_ticket.
        add(23) { _ in }
        add(0xff01) { $0.writeInteger(UInt8(0)) }
        add(35) { _ in }
        add(10) { writeList([hybridGroup, x25519, 0x0017, 0x0018], to: &$0) }
        add(11) { $0.writeMultipleIntegers(UInt8(1), UInt8(0)) }
        add(13) {
            writeList([0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601], to: &$0)
        }
        add(16) { body in
            let protocols = Array("\u{2}h2\u{8}http/1.1".utf8)
            body.writeInteger(UInt16(protocols.count))
            body.writeBytes(protocols)
        }
        // psk_key_exchange_modes; supported_versions: 1.3 and 1.2.
        add(45) { $0.writeMultipleIntegers(UInt8(1), UInt8(1)) }
        add(43) { $0.writeMultipleIntegers(UInt8(4), UInt16(0x0304), UInt16(0x0303)) }
        let (point, hybrid) = (point(&random), lattice(&random) + point(&random))
        add(51) { body in
            body.writeInteger(UInt16(8 + hybrid.count + point.count))
            body.writeMultipleIntegers(hybridGroup, UInt16(hybrid.count))
            body.writeBytes(hybrid)
            body.writeMultipleIntegers(x25519, UInt16(point.count))
            body.writeBytes(point)
        }
        return all
    }

    private static func writeList(_ numbers: [UInt16], to buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt16(2 * numbers.count))
        for number in numbers { buffer.writeInteger(number) }
    }

    // MARK: Keys, of which nobody needs the private half: the handshake ends with the server's first flight

    private static func point(_ random: inout some RandomNumberGenerator) -> [UInt8] {
        ServerHello.publicKey(seed: Block32(bytes: bytes(32, &random)) ?? Block32()).bytes
    }

    /// An ML-KEM-768 encapsulation key (FIPS 203): 768 numbers below 3329, 12 bits each, and a seed. Any such numbers
    /// are one.
    private static func lattice(_ random: inout some RandomNumberGenerator) -> [UInt8] {
        var key: [UInt8] = []
        key.reserveCapacity(1_184)
        for _ in 0..<384 {
            let (low, high) = (
                UInt16.random(in: 0..<3_329, using: &random), UInt16.random(in: 0..<3_329, using: &random)
            )
            key.append(UInt8(truncatingIfNeeded: low))
            key.append(UInt8(truncatingIfNeeded: low >> 8 | high << 4))
            key.append(UInt8(truncatingIfNeeded: high >> 4))
        }
        return key + bytes(32, &random)
    }

    private static func bytes(_ count: Int, _ random: inout some RandomNumberGenerator) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    }
}
