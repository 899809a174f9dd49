/// A 64-byte obfuscated2 header that we send: the proxy to a data center, or a client to a proxy.
///
/// Shape: see `Obfuscated2Header`.
package struct UpstreamHeader: Sendable {
    /// The 64 bytes, ready to send.
    package var bytes: [UInt8]
    /// The keystream of what follows the header: continue at offset 64.
    package var outbound: CTRKey
    /// The keystream of what comes back, from offset 0.
    package var inbound: CTRKey

    /// Draws a new header.
    ///
    /// - Parameters:
    ///   - dataCenterWire: what to put into bytes 60..<62, see `DataCenter.wireValue`.
    ///   - secret: the key of a proxy's secret; nil towards a data center.
    package static func make(
        framing: PacketFraming,
        dataCenterWire: Int16,
        secret: Block16? = nil,
        using generator: inout some RandomNumberGenerator
    ) -> UpstreamHeader {
        var bytes = [UInt8](repeating: 0, count: Obfuscated2Header.length)
        return bytes.withUnsafeMutableBytes { header in
            repeat {
                for offset in stride(from: 0, to: header.count, by: 8) {
                    header.storeBytes(of: generator.next(), toByteOffset: offset, as: UInt64.self)
                }
            } while isForbiddenStart(header)
            header.storeBytes(of: framing.tagWord.littleEndian, toByteOffset: 56, as: UInt32.self)
            header.storeBytes(of: dataCenterWire.littleEndian, toByteOffset: 60, as: Int16.self)

            let plain = UnsafeRawBufferPointer(header)
            let outbound = Obfuscated2Keys.ofSender(plain, secret: secret)
            let inbound = Obfuscated2Keys.ofReceiver(plain, secret: secret)
            let tail = Obfuscated2Header.decipherTail(plain, with: outbound)
            header.storeBytes(of: tail.littleEndian, toByteOffset: 56, as: UInt64.self)
            return UpstreamHeader(bytes: Array(plain), outbound: outbound, inbound: inbound)
        }
    }

    /// Whether a data center would take the header for another protocol.
    ///
    /// Specification: the unobfuscated transports' first bytes, HTTP methods and TLS; an all-zero second word marks the
    /// full transport's first packet.
    static func isForbiddenStart(_ header: UnsafeMutableRawBufferPointer) -> Bool {
        let first = header.loadUnaligned(fromByteOffset: 0, as: UInt32.self).bigEndian
        let second = header.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
        if first >> 24 == 0xef || second == 0 { return true }
        switch first {
        case 0x4845_4144,  // HEAD
            0x504f_5354,  // POST
            0x4745_5420,  // GET and a blank
            0x4f50_5449,  // OPTI(ONS)
            0x1603_0102,  // a TLS handshake record of 512 bytes or a few more
            0xdddd_dddd, 0xeeee_eeee:
            return true
        default:
            return false
        }
    }
}
