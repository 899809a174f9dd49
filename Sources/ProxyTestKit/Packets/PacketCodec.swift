package import MTProtoWire
package import NIOCore

/// One thing that stands in a packet stream.
package enum StreamItem: Sendable, Equatable {
    /// A packet with its transport padding; `wantsQuickAck` is the flag that clients set.
    case packet([UInt8], wantsQuickAck: Bool)
    /// A quick acknowledgement with the top bit set: four bytes, or in padded intermediate a packet that begins with -1;
    /// only servers send them.
    case quickAck(UInt32)
    /// A packet of four bytes that carries a negative number (plus padding).
    case transportError(Int32)
}

/// Puts packets into a transport's framing.
package enum PacketEncoder {
    /// - Parameter padding: 0...15 random bytes, used by padded intermediate only.
    package static func encode(
        _ packet: [UInt8],
        framing: PacketFraming,
        wantsQuickAck: Bool = false,
        padding: [UInt8] = []
    ) -> ByteBuffer {
        var out = ByteBuffer()
        out.reserveCapacity(packet.count + 20)
        switch framing {
        case .abridged:
            let words = packet.count / 4
            let flag: UInt8 = wantsQuickAck ? 0x80 : 0
            if words < 0x7f {
                out.writeInteger(UInt8(words) | flag)
            } else {
                out.writeInteger(UInt8(0x7f) | flag)
                for shift in [0, 8, 16] { out.writeInteger(UInt8(truncatingIfNeeded: words >> shift)) }
            }
            out.writeBytes(packet)
        case .intermediate, .paddedIntermediate:
            let padding = framing == .paddedIntermediate ? padding : []
            let length = UInt32(packet.count + padding.count) | (wantsQuickAck ? 0x8000_0000 : 0)
            out.writeInteger(length, endianness: .little)
            out.writeBytes(packet)
            out.writeBytes(padding)
        }
        return out
    }

    /// A quick acknowledgement as a server sends it; the top bit of `token` is set by this function.
    package static func encode(quickAck token: UInt32, framing: PacketFraming) -> ByteBuffer {
        var out = ByteBuffer()
        out.writeInteger(token | 0x8000_0000, endianness: framing == .abridged ? .big : .little)
        return out
    }
}

/// Takes packets out of a decrypted stream.
package struct PacketDecoder: Sendable {
    /// Which end reads: the top bit of a length means something else on each side.
    package enum Side: Sendable { case client, server }

    /// Packets that mean nothing, seen so far: fewer than 16 bytes that begin with 0. Servers put them behind quick
    /// acknowledgements in padded intermediate, and clients take no notice (observed: tdlib).
    package private(set) var emptyPackets = 0
    private let framing: PacketFraming
    private let side: Side
    /// Longest packet taken, in bytes.
    private static let maximumLength = 17 << 20

    package init(framing: PacketFraming, side: Side) {
        self.framing = framing
        self.side = side
    }

    /// The next item, or nil when more bytes are needed.
    /// - Throws: ``KitError/violation(_:)`` for lengths that no peer sends.
    package mutating func next(_ buffer: inout ByteBuffer) throws -> StreamItem? {
        while let head = try header(buffer) {
            guard case .packet(let headerLength, let length, let flag) = head else {
                return buffer.readInteger(endianness: framing == .abridged ? .big : .little).map { .quickAck($0) }
            }
            guard length > 0, length <= Self.maximumLength, framing == .paddedIntermediate || length % 4 == 0 else {
                throw KitError.violation("a packet of \(length) bytes, \(framing)")
            }
            guard buffer.readableBytes >= headerLength + length else { return nil }
            buffer.moveReaderIndex(forwardBy: headerLength)
            if let item = item(buffer.readBytes(length: length) ?? [], flag) { return item }
            emptyPackets += 1
        }
        return nil
    }

    private enum Head {
        case quickAck
        case packet(headerLength: Int, length: Int, flag: Bool)
    }

    private func header(_ buffer: ByteBuffer) throws -> Head? {
        let start = buffer.readerIndex
        if framing == .abridged {
            guard let first = buffer.getInteger(at: start, as: UInt8.self) else { return nil }
            let flag = first & 0x80 != 0
            if flag, side == .client {
                return buffer.readableBytes >= 4 ? .quickAck : nil
            }
            guard first & 0x7f == 0x7f else {
                return .packet(headerLength: 1, length: Int(first & 0x7f) * 4, flag: flag)
            }
            guard let word = buffer.getInteger(at: start, endianness: .little, as: UInt32.self) else { return nil }
            return .packet(headerLength: 4, length: Int(word >> 8) * 4, flag: flag)
        }
        guard let word = buffer.getInteger(at: start, endianness: .little, as: UInt32.self) else { return nil }
        let flag = word & 0x8000_0000 != 0
        if flag, side == .client { return .quickAck }
        return .packet(headerLength: 4, length: Int(word & 0x7fff_ffff), flag: flag)
    }

    /// Nil for a packet that means nothing.
    private func item(_ packet: [UInt8], _ flag: Bool) -> StreamItem? {
        guard side == .client, packet.count >= 4, packet.count < 20 else {
            return .packet(packet, wantsQuickAck: flag)
        }
        let first = Int32(bitPattern: littleEndian(packet, at: 0, as: UInt32.self))
        if framing == .paddedIntermediate, packet.count < 16 {
            // The other way to acknowledge: a packet of -1 and the token, and an empty one behind it.
            if first == -1, packet.count >= 8 { return .quickAck(littleEndian(packet, at: 4, as: UInt32.self)) }
            if first == 0 { return nil }
        }
        return first < 0 ? .transportError(first) : .packet(packet, wantsQuickAck: flag)
    }
}
