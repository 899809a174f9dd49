/// What the first bytes of a connection look like.
enum ConnectionOpening: Equatable {
    /// Too few bytes to tell.
    case undecided
    case http
    /// A TLS handshake record.
    case tls
    /// Anything else: perhaps obfuscated2.
    case other

    /// The first bytes of an HTTP request, at most eight.
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
    /// - Parameter acceptsTLS: whether TLS is told apart at all.
    static func classify(_ bytes: UnsafeRawBufferPointer, acceptsTLS: Bool) -> ConnectionOpening {
        guard let first = bytes.first else { return .undecided }
        let count = min(bytes.count, 8)
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
}
