import Crypto
import MTProtoWire
import NIOCore

/// Makes ClientHellos as clients do, or nearly so.
struct HelloMaker {
    var sessionID = [UInt8](repeating: 0x5e, count: 32)
    var cipherSuites: [UInt16] = [0x2a2a, 0x1301, 0x1302, 0x1303, 0xc02b]
    var serverName: String? = "localhost"
    /// Payload of one more extension, where keys for ML-KEM would be.
    var extraExtensionLength = 300
    var random = [UInt8](repeating: 0x11, count: 32)

    /// The handshake message: type, length, body.
    var message: [UInt8] {
        var body: [UInt8] = [3, 3] + random + [UInt8(sessionID.count)] + sessionID
        body += Self.prefixed(cipherSuites.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }) + [1, 0]
        var extensions: [UInt8] = [0x0a, 0x0a, 0, 0]
        if let serverName {
            extensions += [0, 0] + Self.prefixed(Self.prefixed([0] + Self.prefixed(Array(serverName.utf8))))
        }
        extensions += [0, 0x33] + Self.prefixed([UInt8](repeating: 0x33, count: extraExtensionLength))
        body += Self.prefixed(extensions)
        return [1, UInt8(body.count >> 16), UInt8(body.count >> 8 & 0xff), UInt8(body.count & 0xff)] + body
    }

    /// The hello in one record, signed.
    func signed(key: Block16, timestamp: UInt32) -> [UInt8] {
        Self.sign([0x16, 3, 1] + Self.prefixed(message), key: key, timestamp: timestamp)
    }

    /// Puts the proof into the random of a hello in one record.
    static func sign(_ record: [UInt8], key: Block16, timestamp: UInt32) -> [UInt8] {
        var record = record
        record.replaceSubrange(11..<43, with: [UInt8](repeating: 0, count: 32))
        var code = Array(HMAC<SHA256>.authenticationCode(for: record, using: SymmetricKey(data: key.bytes)))
        for index in 0..<4 { code[28 + index] ^= UInt8(truncatingIfNeeded: timestamp >> UInt32(8 * index)) }
        record.replaceSubrange(11..<43, with: code)
        return record
    }

    /// Cuts the message of a hello in one record into records of these sizes; the rest goes into the last one.
    static func cut(_ record: [UInt8], into sizes: [Int]) -> [UInt8] {
        var rest = record.dropFirst(5)
        var records: [UInt8] = []
        for size in sizes + [rest.count] where !rest.isEmpty {
            let fragment = rest.prefix(size)
            records += record[..<3] + prefixed(Array(fragment))
            rest = rest.dropFirst(fragment.count)
        }
        return records
    }

    /// Two bytes of length in front.
    static func prefixed(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8(bytes.count >> 8), UInt8(bytes.count & 0xff)] + bytes
    }

    /// Reads a hello in one record.
    static func parse(_ record: [UInt8]) -> ClientHello? {
        ClientHello(record: ByteBuffer(bytes: record))
    }
}
