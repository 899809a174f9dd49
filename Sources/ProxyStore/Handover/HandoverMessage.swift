package import ProxyPolicy

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a running server offers to the process that takes over from it.
package struct HandoverOffer: Sendable, Equatable, Codable {
    /// One listening socket; its descriptor travels beside the message.
    package struct Socket: Sendable, Equatable, Codable {
        /// `tcp` with `host` and `port`, or `unix` with `path`.
        package var host: String?
        package var port: Int?
        package var path: String?
        /// The service manager made it, so its file stays whoever stops.
        package var isManaged: Bool

        package init(host: String? = nil, port: Int? = nil, path: String? = nil, isManaged: Bool) {
            self.host = host
            self.port = port
            self.path = path
            self.isManaged = isManaged
        }
    }

    /// Grows when a process of another version could misunderstand the steps.
    package static let currentProtocol = 1

    package var `protocol` = HandoverOffer.currentProtocol
    package var version: String
    package var pid: Int32
    package var sockets: [Socket]

    package init(version: String, pid: Int32, sockets: [Socket]) {
        self.version = version
        self.pid = pid
        self.sockets = sockets
    }
}

/// The steps of a handover, in their order. "Old" serves already, "new" takes over.
///
/// A message is its length (4 bytes, big-endian, of what follows), a letter and a body.
package enum HandoverMessage: Sendable, Equatable {
    /// Old: this is who I am; the sockets' descriptors come with it.
    case offer(HandoverOffer)
    /// Old: more descriptors.
    case sockets
    /// New: this is my version; let go of the database.
    case release(version: String)
    /// Old: nobody has the database now.
    case released
    /// New: my configuration is good, my sockets are bound.
    case bound
    /// Old: a part of the replay memory.
    case memory([UInt8])
    /// Old: that was all of it.
    case memoryEnd
    /// New: I have it.
    case remembered
    /// Old: what was seen since that memory was copied.
    case marks([ReplayMark])
    /// Old: I accept nobody any more.
    case yours
    /// New: I am about to accept.
    case accepting
    /// Old: do. The last step; what follows are questions.
    case done
    /// Either: it is off; nothing changes. For people.
    case abort(String)
    /// Old: a client of mine shows this handshake: was it seen? It is remembered.
    case ask(ReplayMark)
    /// New.
    case seen(Bool)

    /// Bytes in one message: parts of the memory are cut to fit; an offer of 1,024 sockets has some 100 KiB.
    package static let maximumBytes = 256 << 10
    /// Bytes of the memory in one message.
    package static let memoryPart = 128 << 10
    /// Marks in one message: 37 bytes each at most.
    package static let marksPart = 4_096

    /// With the length in front.
    var encoded: [UInt8] {
        var writer = BytesWriter()
        let (letter, body) = parts
        writer.write(UInt32(clamping: body.count + 1))
        writer.bytes.append(letter)
        return writer.bytes + body
    }

    private var parts: (UInt8, [UInt8]) {
        switch self {
        case .offer(let offer): (UInt8(ascii: "O"), Array((try? JSONEncoder().encode(offer)) ?? Data()))
        case .sockets: (UInt8(ascii: "F"), [])
        case .release(let version): (UInt8(ascii: "R"), Array(version.utf8.prefix(64)))
        case .released: (UInt8(ascii: "r"), [])
        case .bound: (UInt8(ascii: "B"), [])
        case .memory(let part): (UInt8(ascii: "M"), part)
        case .memoryEnd: (UInt8(ascii: "E"), [])
        case .remembered: (UInt8(ascii: "e"), [])
        case .marks(let marks): (UInt8(ascii: "L"), marks.flatMap(\.encoded))
        case .yours: (UInt8(ascii: "Y"), [])
        case .accepting: (UInt8(ascii: "A"), [])
        case .done: (UInt8(ascii: "D"), [])
        case .abort(let why): (UInt8(ascii: "X"), Array(why.utf8.prefix(4_096)))
        case .ask(let mark): (UInt8(ascii: "?"), mark.encoded)
        case .seen(let isSeen): (UInt8(ascii: "!"), [isSeen ? 1 : 0])
        }
    }

    /// Takes the first message off the front.
    ///
    /// - Returns: nil while it is not complete.
    static func take(from buffer: inout [UInt8]) throws(HandoverError) -> HandoverMessage? {
        guard buffer.count >= 4 else { return nil }
        var reader = BytesReader(buffer[...])
        let length = Int(reader.read(UInt32.self) ?? 0)
        guard 1...maximumBytes ~= length else { throw HandoverError("a message of \(length) bytes") }
        guard let message = reader.take(length) else { return nil }
        let result = try HandoverMessage(message)
        buffer.removeFirst(4 + length)
        return result
    }

    /// A letter and its body.
    init(_ bytes: ArraySlice<UInt8>) throws(HandoverError) {
        let body = bytes.dropFirst()
        let simple: HandoverMessage? =
            switch bytes.first {
            case UInt8(ascii: "F"): .sockets
            case UInt8(ascii: "r"): .released
            case UInt8(ascii: "B"): .bound
            case UInt8(ascii: "E"): .memoryEnd
            case UInt8(ascii: "e"): .remembered
            case UInt8(ascii: "Y"): .yours
            case UInt8(ascii: "A"): .accepting
            case UInt8(ascii: "D"): .done
            default: nil
            }
        if let simple, body.isEmpty {
            self = simple
        } else if let message = Self.message(bytes.first, body) {
            self = message
        } else {
            throw HandoverError("a message that is not understood")
        }
    }

    private static func message(_ letter: UInt8?, _ body: ArraySlice<UInt8>) -> HandoverMessage? {
        switch letter {
        case UInt8(ascii: "O"):
            (try? JSONDecoder().decode(HandoverOffer.self, from: Data(body))).map { .offer($0) }
        case UInt8(ascii: "R"): body.count <= 64 ? .release(version: String(decoding: body, as: UTF8.self)) : nil
        case UInt8(ascii: "M"): .memory(Array(body))
        case UInt8(ascii: "L"): ReplayMark.decode(body).map { .marks($0) }
        case UInt8(ascii: "X"): .abort(String(decoding: body, as: UTF8.self))
        case UInt8(ascii: "?"):
            ReplayMark.decode(body).flatMap { $0.count == 1 ? $0.first : nil }.map { .ask($0) }
        case UInt8(ascii: "!"): body.count == 1 ? .seen(body.first != 0) : nil
        default: nil
        }
    }
}

/// Why a handover did not happen; for people.
package struct HandoverError: Error, Sendable, Equatable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) {
        self.description = description
    }
}
