extension MiddleProxyLink {
    /// Takes frames until the other side ends the connection.
    func talk() async throws {
        repeat {
            while let payload = try nextFrame() { try handle(payload) }
            try flush()
        } while try await fill()
    }

    private func nextFrame() throws -> [UInt8]? {
        do {
            let payload = try decoder.next()
            let fillers = decoder.fillers
            update {
                $0.fillersReceived = fillers
                $0.framesReceived += payload == nil ? 0 : 1
            }
            return payload
        } catch KitError.violation(let what) {
            desk.note(what)
            throw KitError.violation(what)
        }
    }

    private func handle(_ payload: [UInt8]) throws {
        let isMute = desk.behaviour.isMute
        let id = littleEndian(payload, at: 4, as: UInt64.self)
        switch (LinkWord.first(payload), payload.count) {
        case (LinkWord.request, _):
            let request: LinkRequest
            do {
                request = try LinkRequest(parsing: payload)
            } catch KitError.violation(let what) {
                return desk.note(what)
            }
            try take(request, isMute: isMute)
        case (LinkWord.closeConnection, 12):
            if let session = sessions.removeValue(forKey: id) {
                session.noteClosed()
                closed.insert(id)
            } else {
                update { $0.foreignCloses.append(id) }
            }
        case (LinkWord.ping, 12):
            update { $0.pingsReceived.append(id) }
            if !isMute { queue(LinkWord.pong(id)) }
        case (LinkWord.pong, 12):
            if !facts.pingsSent.contains(id) { desk.note("a pong that nobody asked for") }
            update { $0.pongsReceived.append(id) }
        default:
            desk.note("a payload of \(payload.count) bytes that no proxy sends: \(hex(payload.prefix(12)))")
            update { $0.unknownWords.append(LinkWord.first(payload)) }
        }
    }

    private func take(_ request: LinkRequest, isMute: Bool) throws {
        for violation in request.violations { desk.note(violation) }
        if closed.contains(request.connection) { desk.note("the closed connection \(request.connection) came back") }
        let session = sessions[request.connection] ?? desk.admit(request, on: self)
        if sessions.updateValue(session, forKey: request.connection) == nil { update { $0.liveSessions += 1 } }
        if let complaint = session.complaint(about: request) { desk.note(complaint) }
        let noted = session.note(request)
        guard !isMute, !session.sentClose else { return }
        if request.flags & LinkRequest.Flag.quickAck != 0, desk.behaviour.sendsSimpleAcks {
            queue(LinkWord.simpleAck(request.connection, confirm: UInt32(noted.number) | 0x8000_0000))
        }
        play(session, request.message, noted)
    }

    private func play(
        _ session: MiddleProxySession,
        _ message: [UInt8],
        _ noted: (number: Int, before: [UInt8], payload: [UInt8])
    ) {
        switch session.behaviour {
        case .silence: break
        case .echo: queue(session.answer(message))
        case .echoBesideStrangers:
            queue(LinkWord.answer(~session.connection, message))
            queue(session.answer(message))
        case .sink:
            guard noted.payload == DataCenterSession.reportRequest else { break }
            queue(session.answer(MessageEnvelope.wrap(noted.before, id: 1, form: .encrypted)))
        case .source(let bytes, let size, let thenCloses):
            guard noted.number == 1 else { break }
            keep {
                try await session.pump(bytes, size: size)
                if thenCloses { try await session.close() }
            }
        case .transportError(let code): queue(session.answer(bytesOf(code)))
        case .closesAfter(let messages):
            queue(session.answer(message))
            if noted.number >= messages { queue(session.closing()) }
        case .closes: queue(session.closing())
        case .script(let body):
            guard noted.number == 1 else { break }
            keep { try await body(session) }
        }
    }
}
