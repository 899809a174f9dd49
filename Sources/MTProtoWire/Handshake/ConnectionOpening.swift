/// What the first bytes of a connection look like.
enum ConnectionOpening: Equatable {
    /// Too few bytes to tell.
    case undecided
    case http
    /// A TLS handshake record.
    case tls
    /// The bytes with which a stream without obfuscation begins.
    case plain(PacketFraming)
    /// Anything else: perhaps obfuscated2.
    case other

    /// The bytes that tell every opening: those of the longest method.
    static let longest = 8

    /// The first bytes of an HTTP request, at most `longest`.
    private struct Method {
        /// The bytes as they stand in memory, read little endian.
        let word: UInt64
        let length: Int

        init(_ text: String) {
            word = text.utf8.reversed().reduce(0) { $0 << 8 | UInt64($1) }
            length = text.utf8.count
        }

        /// Whether the bytes that both have are equal.
        func agrees(with opening: UInt64, count: Int) -> Bool {
            (word ^ opening) << UInt64(64 - 8 * min(count, length)) == 0
        }
    }

    /// The first four are four bytes because obfuscated2 headers avoid exactly those; the rest are as long as it takes
    /// for no header to begin so by chance.
    private static let methods = [
        "GET ", "POST", "HEAD", "OPTI", "PUT ", "CONNECT ", "DELETE ", "PATCH ", "TRACE ",
    ].map(Method.init)

    /// Tells from as few bytes as possible.
    ///
    /// - Parameters:
    ///   - acceptsTLS: whether TLS is told apart at all.
    ///   - acceptsPlain: whether streams without obfuscation are told apart at all.
    static func classify(
        _ bytes: UnsafeRawBufferPointer,
        acceptsTLS: Bool,
        acceptsPlain: Bool
    ) -> ConnectionOpening {
        guard let first = bytes.first else { return .undecided }
        let count = min(bytes.count, longest)
        if acceptsPlain, let opening = classifyPlain(bytes, first: first) { return opening }
        if acceptsTLS, first == TLSRecordWriter.handshake {
            guard count >= 2 else { return .undecided }
            guard bytes[1] == 3 else { return .other }
            guard count >= 3 else { return .undecided }
            return bytes[2] <= 4 ? .tls : .other
        }
        guard (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first) else { return .other }
        var word: UInt64 = 0
        for index in 0..<count {
            word |= UInt64(bytes[index]) << UInt64(8 * index)
        }
        var opening = ConnectionOpening.other
        for method in methods where method.agrees(with: word, count: count) {
            if count >= method.length { return .http }
            opening = .undecided
        }
        return opening
    }

    /// The beginnings of requests that carry MTProto messages; see ``HTTPQuery``.
    private static let queryOpenings = ["POST /api", "OPTIONS /api"].map { Array($0.utf8) }
    /// The bytes that tell them apart from all other requests.
    static let longestQueryOpening = 12

    /// Whether an HTTP request carries an MTProto message; nil: too few bytes to tell.
    static func isQuery(_ bytes: UnsafeRawBufferPointer) -> Bool? {
        for opening in queryOpenings where bytes.prefix(opening.count).elementsEqual(opening.prefix(bytes.count)) {
            return bytes.count >= opening.count ? true : nil
        }
        return false
    }

    /// Tells the transports without obfuscation: one byte ef, or four times ee or dd. Headers of obfuscated2 avoid
    /// exactly those.
    ///
    /// - Returns: nil when it is none of them.
    private static func classifyPlain(_ bytes: UnsafeRawBufferPointer, first: UInt8) -> ConnectionOpening? {
        guard let framing = PacketFraming(tag: UInt32(first) &* 0x0101_0101) else { return nil }
        let tag = bytes.prefix(plainTagLength(of: framing))
        guard tag.allSatisfy({ $0 == first }) else { return nil }
        return tag.count == plainTagLength(of: framing) ? .plain(framing) : .undecided
    }

    /// How many bytes name the framing of a stream without obfuscation.
    static func plainTagLength(of framing: PacketFraming) -> Int {
        framing == .abridged ? 1 : 4
    }
}
