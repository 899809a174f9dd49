/// What one client has on its way over a link, to know whether it can go on over another one when the link breaks.
///
/// Moving a client whose packet the link's peer never read would lose the packet without anybody noticing, so such a
/// client is closed and comes again by itself. Times are milliseconds of one clock that never runs backwards.
package struct InFlight: Sendable {
    /// A packet without an answer was one that gets none, an acknowledgement for example, when it is this old: answers
    /// to requests come sooner.
    package static let answerMilliseconds: Int64 = 5_000

    private var lastSent: Int64?
    private var isRead = true
    private var isAnswered = true

    package init() {}

    /// A packet of the client was written to the link.
    package mutating func sent(now: Int64) {
        lastSent = now
        isRead = false
        isAnswered = false
    }

    /// The peer acknowledged a packet of the client, which is not yet its answer.
    package mutating func acknowledged() { isRead = true }

    /// A whole packet for the client came over the link.
    package mutating func answered() {
        isRead = true
        isAnswered = true
    }

    /// Whether the client may be moved to another link.
    ///
    /// - Parameters:
    ///   - provenUntil: when the last ping was sent whose pong has come; the peer has read everything before it. Nil:
    ///     none yet.
    ///   - hasPartialFrame: a frame for it was received in part, or handed to the client in part.
    package func isAtRest(provenUntil: Int64?, hasPartialFrame: Bool, now: Int64) -> Bool {
        guard !hasPartialFrame else { return false }
        guard let lastSent else { return true }
        // Within one millisecond nobody knows which came first.
        let wasRead = isRead || (provenUntil ?? .min) > lastSent
        return wasRead && (isAnswered || now - lastSent > Self.answerMilliseconds)
    }
}
