import NIOCore

/// The record framing of a FakeTLS client after its hello was answered.
struct RecordLayer: Sendable {
    /// Payload that today's clients put into one record at most (observed: tdlib).
    static let maximumUpwardPayload = 2878
    private var hasSentChange = false
    private var left = 0

    /// Puts bytes into records; the very first ones come behind a change of ciphers.
    mutating func encode(_ bytes: ByteBuffer) -> ByteBuffer {
        var bytes = bytes
        var out = ByteBuffer()
        if !hasSentChange {
            hasSentChange = true
            out.writeBytes([0x14, 3, 3, 0, 1, 1])
        }
        while let part = bytes.readSlice(length: min(bytes.readableBytes, Self.maximumUpwardPayload)),
            part.readableBytes > 0
        {
            out.writeBytes([0x17, 3, 3])
            out.writeInteger(UInt16(part.readableBytes))
            out.writeImmutableBuffer(part)
        }
        return out
    }

    /// Takes the payload that is there out of the records.
    /// - Throws: ``KitError/violation(_:)`` for anything but application data of at most 2^14 + 256 bytes.
    mutating func decode(_ wire: inout ByteBuffer, into plain: inout ByteBuffer) throws {
        while true {
            if left == 0 {
                guard wire.readableBytes >= 5, let head = wire.readBytes(length: 5) else { return }
                let length = Int(head[3]) << 8 | Int(head[4])
                guard head[0] == 0x17, head[1] == 3, head[2] == 3, length <= 16384 + 256 else {
                    throw KitError.violation("a TLS record that clients do not take: \(hex(head))")
                }
                left = length
                continue
            }
            let count = min(left, wire.readableBytes)
            guard count > 0, var part = wire.readSlice(length: count) else { return }
            left -= count
            plain.writeBuffer(&part)
        }
    }
}
