/// The first query of a client that has no key yet, and its answer: nobody but a data center can answer, and nobody needs
/// an account to ask.
///
/// Shape, not encrypted: auth_key_id 0 (8 bytes), message id (8), length of the rest (4), all little endian; then for
/// req_pq_multi its constructor and a nonce (16), for resPQ its constructor, the same nonce, and what is of no interest
/// here: a nonce of the server's (16), a product of two primes, fingerprints of keys.
///
/// Specification: https://core.telegram.org/mtproto/auth_key, steps 1 and 2.
package enum KeyQuery {
    /// req_pq_multi.
    package static let request: UInt32 = 0xbe7e_8ef1
    /// resPQ.
    package static let answer: UInt32 = 0x0516_2463
    /// Bytes of the whole query.
    package static let requestLength = headerLength + 20
    /// auth_key_id, message id and length.
    private static let headerLength = 20

    /// What a packet turns out to be.
    package enum Verdict: Equatable, Sendable {
        /// The answer to our query.
        case answered
        /// An answer, but to somebody else's query.
        case otherNonce
        /// No answer at all: something that only looks like a data center.
        case noAnswer
    }

    /// The query as a packet's payload.
    ///
    /// - Parameters:
    ///   - nonce: random; comes back in the answer.
    ///   - unixMilliseconds: our clock. Before the key exchange data centers do not look at it (observed).
    package static func payload(nonce: Block16, unixMilliseconds: Int64) -> [UInt8] {
        let milliseconds = UInt64(max(unixMilliseconds, 0))
        // Seconds above, their fraction below, a multiple of 4: the message id of a client.
        let id = (milliseconds / 1_000) << 32 | (milliseconds % 1_000) << 22
        return bytes(UInt64(0)) + bytes(id) + bytes(UInt32(20)) + bytes(request) + nonce.bytes
    }

    /// Judges a packet's payload; padding behind it does not count.
    package static func judge(_ payload: some Collection<UInt8>, nonce: Block16) -> Verdict {
        let bytes = Array(payload.prefix(requestLength))
        guard bytes.count == requestLength, bytes[..<8].allSatisfy({ $0 == 0 }),
            Array(bytes[headerLength..<headerLength + 4]) == Self.bytes(answer)
        else { return .noAnswer }
        return Array(bytes[(headerLength + 4)...]) == nonce.bytes ? .answered : .otherNonce
    }

    private static func bytes<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }
}
