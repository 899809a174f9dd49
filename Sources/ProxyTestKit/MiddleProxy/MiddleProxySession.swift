import Synchronization

/// One client, as a middle proxy sees it: a connection id on a link.
package final class MiddleProxySession: Sendable {
    private struct State {
        var facts: MiddleProxySessionFacts
        var received = RunningDigest()
        var sent = RunningDigest()
    }
    /// The id that the proxy gave it.
    package let connection: UInt64
    /// Where it lives.
    package let link: MiddleProxyLink
    let behaviour: MiddleProxySessionBehaviour
    private let state: Mutex<State>
    private let generator: Mutex<SeededGenerator>
    private let inbox: AsyncStream<[UInt8]>
    private let putIn: AsyncStream<[UInt8]>.Continuation

    init(_ request: LinkRequest, on link: MiddleProxyLink, behaviour: MiddleProxySessionBehaviour, seed: UInt64) {
        connection = request.connection
        self.link = link
        self.behaviour = behaviour
        var facts = MiddleProxySessionFacts(client: request.client, proxy: request.proxy)
        facts.link = link.index
        facts.connection = request.connection
        facts.flags = request.flags
        facts.adTag = request.adTag
        state = Mutex(State(facts: facts))
        generator = Mutex(SeededGenerator(seed: seed))
        (inbox, putIn) = AsyncStream.makeStream()
    }

    /// What is known at this moment.
    package var facts: MiddleProxySessionFacts {
        state.withLock { state in
            var facts = state.facts
            facts.digestReceived = state.received.value
            facts.digestSent = state.sent.value
            return facts
        }
    }

    /// Whether the session is over, by whichever side.
    package var isOver: Bool { state.withLock { $0.facts.isOver } }
    /// Whether we sent RPC_CLOSE_EXT.
    var sentClose: Bool { state.withLock { $0.facts.sentClose } }

    // MARK: Sending

    /// Sends a payload in an envelope and waits until the kernel took it.
    package func send(_ payload: [UInt8], form: MessageEnvelope.Form = .encrypted) async throws {
        let count = state.withLock { $0.facts.messagesSent }
        try await send(message: MessageEnvelope.wrap(payload, id: UInt64(count) << 2 | 1, form: form))
    }

    /// Sends a message as it is: RPC_PROXY_ANS.
    package func send(message: [UInt8], flags: UInt32 = 0) async throws {
        try await link.send([answer(message, flags: flags)])
    }

    /// Sends a transport error: an answer of four bytes.
    package func send(transportError code: Int32) async throws {
        try await send(message: bytesOf(code))
    }

    /// Sends a quick acknowledgement: RPC_SIMPLE_ACK.
    package func send(simpleAck confirm: UInt32) async throws {
        try await link.send([LinkWord.simpleAck(connection, confirm: confirm)])
    }

    /// Sends RPC_CLOSE_EXT, with these messages just before it in the same batch.
    package func close(behind messages: [[UInt8]] = []) async throws {
        try await link.send(messages.map { answer($0) } + [closing()])
    }

    /// Sends `count` random bytes in messages of `size` bytes of payload, until the session is over.
    @discardableResult
    package func pump(_ count: Int, size: Int = 1 << 16) async throws -> RunningDigest {
        var digest = RunningDigest()
        while digest.count < count, !isOver {
            let payload = generator.withLock { $0.bytes(min(size, count - digest.count)) }
            digest.update(payload)
            try await send(payload)
        }
        return digest
    }

    /// The next message as it came, for scripts; nil when the session is over.
    package func receive() async -> [UInt8]? {
        for await message in inbox { return message }
        return nil
    }

    // MARK: For the link

    /// The payload that carries a message; counts it.
    func answer(_ message: [UInt8], flags: UInt32 = 0) -> [UInt8] {
        let payload = (try? MessageEnvelope.unwrap(message)) ?? message
        state.withLock {
            $0.facts.messagesSent += 1
            $0.facts.payloadBytesSent += payload.count
            $0.sent.update(payload)
        }
        return LinkWord.answer(connection, flags: flags, message)
    }

    /// The payload that closes the session on our side.
    func closing() -> [UInt8] {
        if endsNow({ $0.sentClose = true }) { link.update { $0.liveSessions -= 1 } }
        putIn.finish()
        return LinkWord.closeExternal(connection)
    }

    /// Counts a message and gives the digest of the payloads before it.
    func note(_ request: LinkRequest) -> (number: Int, before: [UInt8], payload: [UInt8]) {
        let payload = (try? MessageEnvelope.unwrap(request.message)) ?? request.message
        let isReport = payload == DataCenterSession.reportRequest
        let (number, before) = state.withLock { state in
            let before = isReport ? state.received.value : []
            state.received.update(payload)
            state.facts.messagesReceived += 1
            if let info = request.httpInfo { (state.facts.httpInfo, state.facts.client) = (info, request.client) }
            state.facts.payloadBytesReceived += payload.count
            if state.facts.allFlags.count < 4096 {
                state.facts.allFlags.append(request.flags)
                state.facts.messageLengths.append(request.message.count)
            }
            state.facts.quickAcksWanted += request.flags & LinkRequest.Flag.quickAck != 0 ? 1 : 0
            state.facts.unencryptedMessages += request.flags & LinkRequest.Flag.notEncrypted != 0 ? 1 : 0
            state.facts.messagesAfterClose += state.facts.sentClose ? 1 : 0
            return (state.facts.messagesReceived, before)
        }
        if case .script = behaviour { putIn.yield(request.message) }
        return (number, before, payload)
    }

    /// What changed between two messages of one client, in words; a proxy changes nothing.
    func complaint(about request: LinkRequest) -> String? {
        let facts = state.withLock { $0.facts }
        let framing = LinkRequest.Flag.abridged | LinkRequest.Flag.intermediate
        // A web server's connection carries the requests of several.
        let same =
            (facts.client == request.client || request.httpInfo != nil) && facts.proxy == request.proxy
            && facts.adTag == request.adTag
            && facts.flags & framing == request.flags & framing
        return same ? nil : "the connection \(connection) belongs to two clients"
    }

    func noteClosed() {
        if endsNow({ $0.sawClose = true }) { link.update { $0.liveSessions -= 1 } }
        putIn.finish()
    }

    /// Whether a change was the end of a session that lived.
    private func endsNow(_ change: (inout MiddleProxySessionFacts) -> Void) -> Bool {
        state.withLock { state in
            let wasOver = state.facts.isOver
            change(&state.facts)
            return !wasOver
        }
    }

    func noteLinkLost() {
        state.withLock { if !$0.facts.isOver { $0.facts.lostLink = true } }
        putIn.finish()
    }
}
