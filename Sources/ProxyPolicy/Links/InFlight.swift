/// What one client has on its way over a link, to know whether it can go on over another one when the link breaks.
///
/// Moving a client whose packet the link's peer never read would lose the packet without anybody noticing, so such a
/// client is closed and comes again by itself. Times are milliseconds of one clock that never runs backwards.
package struct InFlight: Sendable {
    /// A packet without an answer was one that gets none, an acknowledgement for example, when it is this old: answers
    /// to requests come sooner.
    package static let answerMilliseconds: Int64 = 5_000

    private var lastSent: Int64?
    /// Packets of which nothing says yet that they were read.
    private var unread = 0
    /// Packets without an answer.
    private var unanswered = 0
    /// Packets that were acknowledged, whose answers therefore say nothing about further ones.
    private var acknowledgedAhead = 0

    package init() {}

    /// A packet of the client was written to the link.
    package mutating func sent(now: Int64) {
        // What got no answer for so long gets none: it was an acknowledgement.
        if let lastSent, now - lastSent > Self.answerMilliseconds { unanswered = 0 }
        lastSent = now
        unread += 1
        unanswered += 1
    }

    /// The peer acknowledged a packet of the client, which is not yet its answer.
    package mutating func acknowledged() {
        guard unread > 0 else { return }
        unread -= 1
        acknowledgedAhead += 1
    }

    /// A whole packet for the client came over the link.
    package mutating func answered() {
        if acknowledgedAhead > 0 { acknowledgedAhead -= 1 } else { unread = max(unread - 1, 0) }
        unanswered = max(unanswered - 1, 0)
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
        let wasRead = unread == 0 || (provenUntil ?? .min) > lastSent
        return wasRead && (unanswered == 0 || now - lastSent > Self.answerMilliseconds)
    }
}
