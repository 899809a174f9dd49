/// What a fake middle proxy does with its links. May be changed while it runs: the opening counts for later links, a
/// session's behaviour for later sessions, everything else at once.
package struct MiddleProxyBehaviour: Sendable {
    /// How quickly a link's bytes are taken.
    package enum Reading: Sendable, Equatable {
        case eager
        /// Nothing at all, once the link is open.
        case never
        /// This many bytes, then a pause.
        case slow(bytes: Int, pause: Duration)
    }

    /// How frames are written.
    package struct Style: Sendable {
        /// Fills up behind each frame; else only behind the last of those that go out together.
        package var padsEachFrame = false
        /// Filling words in front of each frame, so that frames begin anywhere.
        package var fillersBeforeFrame = 0
        /// How the ciphertext is cut into writes.
        package var segments = SegmentPlan.whole
        /// What is wrong with the frame of this sequence number.
        package var faults: [Int32: LinkFrame.Fault] = [:]

        package init() {}
    }

    package var opening = MiddleProxyOpening()
    /// What sessions get, unless something is queued.
    package var session = MiddleProxySessionBehaviour.echo
    package var reading = Reading.eager
    package var style = Style()
    /// Answers requests for a quick acknowledgement with RPC_SIMPLE_ACK: the number of the session's message, top bit set.
    package var sendsSimpleAcks = true
    /// Reads and says nothing, not even PONG.
    package var isMute = false
    /// Sends RPC_PING that often.
    package var pingInterval: Duration?
    /// Ends each link that long after it opened.
    package var linkLifetime: Duration?
    /// Whether links end with RST when their time is over.
    package var endsWithReset = false

    package init(_ session: MiddleProxySessionBehaviour = .echo, opening: MiddleProxyOpening = MiddleProxyOpening()) {
        self.session = session
        self.opening = opening
    }

    /// One that fails while links open.
    package static func failing(_ fault: MiddleProxyOpening.Fault) -> MiddleProxyBehaviour {
        MiddleProxyBehaviour(opening: MiddleProxyOpening(fault: fault))
    }
}

/// What a fake middle proxy does with the messages of one client.
package enum MiddleProxySessionBehaviour: Sendable {
    /// Sends every message back.
    case echo
    /// Takes everything; a payload that is ``DataCenterSession/reportRequest`` is answered with the SHA-256 of all payloads
    /// before it.
    case sink
    /// Answers the first message with this many random bytes in messages of `size`, then takes the rest.
    case source(bytes: Int, size: Int = 1 << 16, thenCloses: Bool = false)
    /// Answers every message with four bytes: one of Telegram's transport errors, such as -404.
    case transportError(Int32)
    /// Takes everything and never answers.
    case silence
    /// Sends this many messages back, with RPC_CLOSE_EXT just behind the last.
    case closesAfter(messages: Int)
    /// Answers the first message with RPC_CLOSE_EXT alone.
    case closes
    /// Echoes, and answers a connection that nobody has before each answer.
    case echoBesideStrangers
    /// Anything else; the session goes on without answers when the function returns.
    case script(@Sendable (MiddleProxySession) async throws -> Void)
}
