/// What a fake data center does with a session.
package enum DataCenterBehaviour: Sendable {
    /// Sends every payload back, and half-closes when the client did.
    case echo
    /// Answers the first query of a key exchange (req_pq_multi) as data centers do, and nothing else.
    case keyExchange
    /// Takes everything; a payload that is ``DataCenterSession/reportRequest`` is answered with the SHA-256 of all
    /// payloads before it.
    case sink
    /// Answers the first packet with this many random bytes, in packets of `packetSize`, then half-closes if asked to.
    case source(bytes: Int, packetSize: Int = 1 << 16, thenEnds: Bool = false)
    /// Answers the first packet with one of Telegram's transport errors: -444, -404, -429.
    case transportError(Int32)
    /// Reads everything and never answers.
    case silence
    /// Reads the header and then nothing: a slow reader. `DataCenterSession.setReading(paused: false)` turns it into
    /// `sink`.
    case neverRead
    /// Ends the connection before the header is read, with FIN (or a WebSocket close frame).
    case closeAtOnce
    /// Ends the connection before the header is read, with RST.
    case resetAtOnce
    /// Ends the connection with FIN when the header was read.
    case closeAfterHeader
    /// Ends the connection with RST when the header was read.
    case resetAfterHeader
    /// Echoes until this many payload bytes came in, then half-closes and takes the rest.
    case halfCloseAfter(bytes: Int)
    /// Anything else; the header was read, the connection closes when the function returns.
    case script(@Sendable (DataCenterSession) async throws -> Void)
}
