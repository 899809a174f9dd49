/// What a frame says once a link is established.
///
/// Shape: type (`UInt32`), then by type: answer: flags (`UInt32`), connection (`UInt64`), data; simple ack: connection,
/// confirmation (`UInt32`); both closes: connection; ping and pong: id (`UInt64`). Little endian.
package enum MiddleProxyMessage: Equatable, Sendable {
    /// A packet for a client. The data stands at these offsets of the payload; the flags mean nothing to clients on TCP.
    case answer(connection: UInt64, flags: UInt32, data: Range<Int>)
    /// A quick acknowledgement for a client; see `QuickAck`.
    case simpleAck(connection: UInt64, confirm: UInt32)
    /// The middle proxy wants this client closed.
    case closeExternal(connection: UInt64)
    /// The other side has no such client any more.
    case closeConnection(connection: UInt64)
    case ping(id: UInt64)
    case pong(id: UInt64)
    /// Something newer than this program: to be ignored.
    case unknown(type: UInt32)

    /// Reads a frame's payload.
    ///
    /// - Throws: `middleProxyBadMessage` when the length is not one of the type.
    package init(_ payload: UnsafeRawBufferPointer) throws(WireError) {
        guard payload.count >= 4 else { throw .middleProxyBadMessage }
        let type = UInt32(littleEndian: payload.loadUnaligned(as: UInt32.self))
        switch type {
        case MiddleProxyType.proxyAnswer:
            guard payload.count >= 16 else { throw .middleProxyBadMessage }
            let flags = UInt32(littleEndian: payload.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            self = .answer(connection: Self.number(payload, at: 8), flags: flags, data: 16..<payload.count)
        case MiddleProxyType.simpleAck:
            guard payload.count == 16 else { throw .middleProxyBadMessage }
            let confirm = UInt32(littleEndian: payload.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
            self = .simpleAck(connection: Self.number(payload, at: 4), confirm: confirm)
        case MiddleProxyType.closeExternal, MiddleProxyType.closeConnection, MiddleProxyType.ping, MiddleProxyType.pong:
            guard payload.count == 12 else { throw .middleProxyBadMessage }
            self = Self.short(type, Self.number(payload, at: 4))
        default:
            self = .unknown(type: type)
        }
    }

    /// A ping, as a frame's payload.
    package static func pingPayload(id: UInt64) -> [UInt8] { payload(MiddleProxyType.ping, id) }

    /// The answer to a ping, as a frame's payload.
    package static func pongPayload(id: UInt64) -> [UInt8] { payload(MiddleProxyType.pong, id) }

    /// Tells the middle proxy that a client is gone; as a frame's payload.
    package static func closeConnectionPayload(_ connection: UInt64) -> [UInt8] {
        payload(MiddleProxyType.closeConnection, connection)
    }

    /// One of the messages that are a type and a number.
    private static func short(_ type: UInt32, _ number: UInt64) -> MiddleProxyMessage {
        switch type {
        case MiddleProxyType.closeExternal: .closeExternal(connection: number)
        case MiddleProxyType.closeConnection: .closeConnection(connection: number)
        case MiddleProxyType.ping: .ping(id: number)
        default: .pong(id: number)
        }
    }

    private static func payload(_ type: UInt32, _ number: UInt64) -> [UInt8] {
        withUnsafeBytes(of: type.littleEndian) { Array($0) } + withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }

    /// The caller has looked that 8 bytes stand there.
    private static func number(_ payload: UnsafeRawBufferPointer, at offset: Int) -> UInt64 {
        UInt64(littleEndian: payload.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}
