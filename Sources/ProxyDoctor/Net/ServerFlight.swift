import NIOCore

/// A TLS server's first flight as everybody on the way sees it: the ServerHello, and the lengths of what is encrypted.
///
/// Specification: RFC 8446, sections 4.1.3 and 5.1.
struct ServerFlight: Equatable {
    /// Of the ServerHello.
    struct Hello: Equatable {
        /// 0x0304 is TLS 1.3.
        var version: UInt16
        var suite: UInt16
        /// Of its key share; nil without one.
        var group: UInt16?
        /// Types of its extensions, in order.
        var extensions: [UInt16]
        /// It asks for another key share instead of going on.
        var isRetry: Bool
    }

    private(set) var hello: Hello?
    /// Payload bytes of each record of type "application data".
    private(set) var applicationRecords: [Int] = []
    /// Level and description, where the server refused.
    private(set) var alert: (level: UInt8, description: UInt8)?
    /// Something that is not TLS.
    private(set) var isGarbage = false
    /// Bytes so far.
    private(set) var byteCount = 0
    private var unread = ByteBuffer()
    /// Bytes of handshake messages in clear.
    private var handshake = ByteBuffer()

    /// A longer flight is none that anybody could imitate, and nobody keeps more of it.
    static let maximumBytes = 256 << 10
    /// The random of a HelloRetryRequest.
    fileprivate static let retryRandom: [UInt8] = [
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
        0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
    ]

    static func == (left: ServerFlight, right: ServerFlight) -> Bool {
        left.hello == right.hello && left.applicationRecords == right.applicationRecords
            && left.alert?.description == right.alert?.description && left.isGarbage == right.isGarbage
    }

    /// Whether nothing more is to be learned.
    var isOver: Bool { isGarbage || alert != nil || byteCount > Self.maximumBytes || hello?.isRetry == true }

    mutating func take(_ bytes: ByteBuffer) {
        byteCount += bytes.readableBytes
        unread.writeImmutableBuffer(bytes)
        while !isOver, let (type, length) = nextHeader() {
            guard (20...23).contains(type), length <= 16_640 else {
                isGarbage = true
                return
            }
            guard unread.readableBytes >= 5 + length else { return }
            unread.moveReaderIndex(forwardBy: 5)
            guard let payload = unread.readSlice(length: length) else { return }
            read(type, payload)
        }
    }

    private func nextHeader() -> (type: UInt8, length: Int)? {
        guard let type = unread.getInteger(at: unread.readerIndex, as: UInt8.self),
            let length = unread.getInteger(at: unread.readerIndex + 3, as: UInt16.self)
        else { return nil }
        return (type, Int(length))
    }

    private mutating func read(_ type: UInt8, _ payload: ByteBuffer) {
        switch type {
        case 21:
            let start = payload.readerIndex
            alert = (payload.getInteger(at: start) ?? 0, payload.getInteger(at: start + 1) ?? 0)
        case 22 where hello == nil:
            handshake.writeImmutableBuffer(payload)
            readHello()
        case 23: applicationRecords.append(payload.readableBytes)
        default: break
        }
    }

    private mutating func readHello() {
        var reader = handshake
        guard let head = reader.readInteger(as: UInt32.self), reader.readableBytes >= Int(head & 0xff_ffff) else {
            return
        }
        guard head >> 24 == 2, let body = reader.readSlice(length: Int(head & 0xff_ffff)), let hello = Hello(body)
        else {
            isGarbage = true
            return
        }
        self.hello = hello
    }
}

extension ServerFlight.Hello {
    /// nil when the fields do not fit.
    init?(_ body: ByteBuffer) {
        var reader = body
        guard let legacy = reader.readInteger(as: UInt16.self), let random = reader.readBytes(length: 32),
            reader.readLengthPrefixedSlice(as: UInt8.self) != nil, let suite = reader.readInteger(as: UInt16.self),
            reader.readInteger(as: UInt8.self) != nil
        else { return nil }
        self.init(
            version: legacy, suite: suite, group: nil, extensions: [], isRetry: random == ServerFlight.retryRandom)
        guard var list = reader.readLengthPrefixedSlice(as: UInt16.self) else { return }
        while let type = list.readInteger(as: UInt16.self), var value = list.readLengthPrefixedSlice(as: UInt16.self) {
            extensions.append(type)
            if type == 51 { group = value.readInteger() }
            if type == 43 { version = value.readInteger() ?? legacy }
        }
    }
}
