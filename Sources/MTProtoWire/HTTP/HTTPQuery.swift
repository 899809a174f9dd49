/// The rules of MTProto over HTTP: one message per request, its answer in the response.
///
/// Source: Telegram's own proxy, whose handler for `/api` is kept in its sources although client ports have not used it
/// for years; sizes, headers and codes are those.
package enum HTTPQuery {
    /// What is to be done with a request.
    package enum Verdict: Equatable, Sendable {
        /// A message follows as the body.
        case message(length: Int)
        /// A browser asks whether it may send one.
        case preflight
        /// The HTTP status that answers it.
        case refused(status: Int)
    }

    /// The longest path is one byte shorter.
    package static let pathBound = 20
    /// The longest body.
    package static let maximumLength = 1_044_479

    /// Judges a request by its head.
    ///
    /// - Parameters:
    ///   - contentLength: the header's text; nil when there is none.
    package static func judge(method: String, path: String, contentLength: String?) -> Verdict {
        guard path.hasPrefix("/api") else { return .refused(status: 404) }
        guard path.utf8.count < pathBound else { return .refused(status: 414) }
        switch method {
        case "OPTIONS": return .preflight
        case "POST": break
        default: return .refused(status: 501)
        }
        guard let contentLength else { return .refused(status: 411) }
        guard let length = Int(contentLength), length > 0 else { return .refused(status: 404) }
        guard length <= maximumLength else { return .refused(status: 413) }
        return length % 4 == 0 ? .message(length: length) : .refused(status: 404)
    }

    /// Whether pages of other sites may use it: `/apiw…`.
    package static func allowsOtherOrigins(path: String) -> Bool { path.hasPrefix("/apiw") }

    /// The HTTP status that says what a data center said instead of an answer.
    ///
    /// - Parameter packet: an answer's bytes; a transport error is 4 bytes, a negative number, little endian.
    /// - Returns: nil when it is an ordinary answer.
    package static func status(ofError packet: UnsafeRawBufferPointer) -> Int? {
        guard packet.count == 4 else { return nil }
        let code = Int(Int32(littleEndian: packet.loadUnaligned(as: Int32.self)))
        return (-599 ... -400).contains(code) ? -code : 500
    }
}

/// What a middle proxy is told about a client that speaks HTTP.
package struct HTTPClientInfo: Equatable, Sendable {
    /// Headers are cut off here: they serve statistics alone.
    package static let maximumHeaderLength = 1_000

    package var origin: [UInt8]
    package var referer: [UInt8]
    package var userAgent: [UInt8]

    package init(origin: String? = nil, referer: String? = nil, userAgent: String? = nil) {
        func bytes(_ text: String?) -> [UInt8] { Array((text ?? "").utf8.prefix(Self.maximumHeaderLength)) }
        self.origin = bytes(origin)
        self.referer = bytes(referer)
        self.userAgent = bytes(userAgent)
    }

    /// The type and three TL strings: length (1 byte below 254, else fe and 3 bytes), bytes, zeros up to a multiple of 4.
    var encoded: [UInt8] {
        var result: [UInt8] = [0x81, 0xb3, 0x5a, 0xd4]
        for text in [origin, referer, userAgent] {
            if text.count < 254 {
                result.append(UInt8(text.count))
            } else {
                result += [0xfe, UInt8(text.count & 0xff), UInt8(text.count >> 8 & 0xff), 0]
            }
            result += text
            while result.count % 4 != 0 { result.append(0) }
        }
        return result
    }
}
