import Logging
import ProxyEngine
import ProxyPolicy
import ProxyStore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Hands a running server over to another process of the same state directory. Until that says that it accepts, every
/// step can be taken back; newcomers wait in the kernel's queues meanwhile, for some milliseconds.
actor HandoverGiver {
    /// How long each step of the other process may take, ms.
    private enum Patience {
        /// One message over a local socket.
        static let message = 5_000
        /// To open the database, bind new places and read lists from the disk.
        static let preparing = 60_000
        /// To read the replay memory: seconds when it is full.
        static let memory = 30_000
        /// To say that it accepts: nobody accepts meanwhile.
        static let beginning = 3_000
    }

    enum Outcome: Sendable {
        case handedOver(RestartReport.Server)
        case failed(String)
    }

    private let users: RunningUsers
    private let control: ProxyControl
    private let logger: Logger
    private var door: ControlDoor?
    private var isBusy = false
    private var waiting: (process: Int32, tell: AsyncStream<Outcome>.Continuation)?
    /// Who has taken over.
    private(set) var successor: RestartReport.Server?

    init(users: RunningUsers, control: ProxyControl, logger: Logger) {
        self.users = users
        self.control = control
        self.logger = logger
    }

    func use(_ door: ControlDoor) {
        self.door = door
    }

    /// Starts a process of this program, which asks for the handover then.
    ///
    /// - Returns: the process, and how the handover to it goes.
    func startSuccessor() throws(HandoverProblem) -> (SuccessorProcess, AsyncStream<Outcome>) {
        if let successor {
            throw HandoverProblem("process \(successor.pid) has taken over already", hint: "ask again")
        }
        guard !isBusy, waiting == nil, control.isListening else {
            throw HandoverProblem(
                "the server is starting, stopping or being taken over", hint: "try again when that is done")
        }
        let process = try SuccessorProcess(.current)
        let (outcomes, tell) = AsyncStream<Outcome>.makeStream()
        // It cannot ask before this actor has returned.
        waiting = (process.identifier, tell)
        return (process, outcomes)
    }

    /// The successor has ended, or was ended, without asking.
    func forgetSuccessor() { waiting = nil }

    /// Goes to the process that asks. The answer comes before the first step.
    func begin(with process: Int32) async -> ControlReply {
        if let successor {
            return .failure(ControlError(.busy, "process \(successor.pid) has taken over already", hint: "ask again"))
        }
        guard !isBusy else {
            return .failure(ControlError(.busy, "another process is taking over", hint: "try again in a moment"))
        }
        guard control.isListening else {
            return .failure(
                ControlError(.busy, "the server is starting or stopping", hint: "try again when it is done"))
        }
        isBusy = true
        do throws(HandoverError) {
            let directory = users.manager.directory
            let link = try await onThread { () throws(HandoverError) in
                try HandoverPlace.connect(directory: directory, process: process)
            }
            Task { await self.give(link, process) }
            return .done(notes: [])
        } catch {
            isBusy = false
            return .failure(ControlError(.invalid, error.description))
        }
    }

    private func give(_ link: HandoverLink, _ process: Int32) async {
        logger.notice("handing over to another process", metadata: ["pid": "\(process)"])
        let question = HandoverQuestion(link)
        do throws(HandoverError) {
            let version = try await hand(over: link, question, process)
            let server = RestartReport.Server(pid: process, version: version)
            successor = server
            await users.elsewhere.begin()
            ServiceManager.current.notify(.successor(process))
            ServiceManager.current.fallSilent()
            control.leave()
            question.open()
            logger.notice(
                "handed over: sessions here may go on until they are drained",
                metadata: ["pid": "\(process)", "version": "\(LogText.escaped(version))"])
            tell(.handedOver(server), process)
        } catch {
            await takeBack(link, question, error)
            tell(.failed(error.description), process)
        }
        isBusy = false
    }

    private func tell(_ outcome: Outcome, _ process: Int32) {
        guard let waiting, waiting.process == process else { return }
        waiting.tell.yield(outcome)
        waiting.tell.finish()
        self.waiting = nil
    }

    // MARK: The steps

    /// - Returns: the other process's version.
    private func hand(
        over link: HandoverLink, _ question: HandoverQuestion, _ process: Int32
    ) async throws(HandoverError) -> String {
        let sockets = control.listeningSockets
        let offer = HandoverOffer(
            version: Martlet.version, pid: getpid(),
            sockets: sockets.map { HandoverOffer.Socket($0.place, isManaged: $0.isManaged) })
        let version = try await onThread { () throws(HandoverError) in
            try link.send(.offer(offer), descriptors: sockets.map(\.descriptor), within: Patience.message)
            return try link.expect("it asked for the database", within: Patience.message) { message in
                if case .release(let version) = message { version } else { nil }
            }
        }
        do {
            try await users.manager.release()
        } catch {
            throw HandoverError("the counters cannot be written: \(error)")
        }
        try await onThread { () throws(HandoverError) in
            try link.send(.released, within: Patience.message)
            try link.expect(.bound, "it was ready", within: Patience.preparing)
        }
        let control = control
        try await onThread { () throws(HandoverError) in
            let bytes = control.replays.copy().encoded
            for start in stride(from: 0, to: bytes.count, by: HandoverMessage.memoryPart) {
                let part = Array(bytes[start..<min(start + HandoverMessage.memoryPart, bytes.count)])
                try link.send(.memory(part), within: Patience.message)
            }
            try link.send(.memoryEnd, within: Patience.message)
            try link.expect(.remembered, "it had the replay memory", within: Patience.memory)
        }
        try await stopAccepting(question, link)
        return version
    }

    private func stopAccepting(_ question: HandoverQuestion, _ link: HandoverLink) async throws(HandoverError) {
        guard control.isListening else { throw HandoverError("the server is stopping") }
        await control.pauseAccepting()
        await door?.giveWay()
        guard let marks = control.replays.handOver(asking: { question.ask($0) }) else {
            throw HandoverError("too many clients came meanwhile")
        }
        try await onThread { () throws(HandoverError) in
            for start in stride(from: 0, to: marks.count, by: HandoverMessage.marksPart) {
                let part = Array(marks[start..<min(start + HandoverMessage.marksPart, marks.count)])
                try link.send(.marks(part), within: Patience.message)
            }
            try link.send(.yours, within: Patience.message)
            try link.expect(.accepting, "it accepted", within: Patience.beginning)
            try link.send(.done, within: Patience.message)
        }
    }

    /// Goes on as if nothing had happened.
    private func takeBack(_ link: HandoverLink, _ question: HandoverQuestion, _ why: HandoverError) async {
        logger.error("nothing was handed over: this server goes on", metadata: ["because": "\(why)"])
        _ = try? await onThread { () throws(HandoverError) in
            try link.send(.abort(why.description), within: 1_000)
        }
        link.shutDown()
        control.replays.takeBack()
        question.withdraw()
        do {
            try await control.resumeAccepting()
        } catch {
            logger.critical("the sockets cannot be listened on any more", metadata: ["error": "\(error)"])
        }
        do {
            try await users.manager.takeBack()
        } catch {
            logger.error("the database cannot be opened again", metadata: ["because": "\(error)"])
        }
        await door?.open()
    }
}

/// Asks the process that has taken over whether it has seen a handshake. For several threads; each waits its turn.
final class HandoverQuestion: Sendable {
    private enum State: Sendable {
        /// The other process is about to accept: the answer has to wait for a moment.
        case waiting
        case open
        /// It did not begin, so it has seen nothing.
        case withdrawn
        /// It does not answer, so nobody can tell.
        case broken
    }

    /// Nothing that a client waits for should take longer than this, s.
    private static let patience = 4
    private static let answerMilliseconds = 1_000

    private let state = ThreadSignal(State.waiting)
    private let turn = ThreadSignal(())
    private let link: HandoverLink

    init(_ link: HandoverLink) {
        self.link = link
    }

    func open() { state.change { $0 = .open } }
    func withdraw() { state.change { $0 = .withdrawn } }

    /// True when it was seen, or nobody can tell.
    func ask(_ mark: ReplayMark) -> Bool {
        guard state.wait(seconds: Self.patience, until: { $0 != .waiting }) else { return true }
        return turn.change { _ in
            switch state.change({ $0 }) {
            case .withdrawn: return false
            case .waiting, .broken: return true
            case .open: break
            }
            let answer: Bool? = try? {
                try link.send(.ask(mark), within: Self.answerMilliseconds)
                guard case .seen(let isSeen) = try link.receive(within: Self.answerMilliseconds) else { return nil }
                return isSeen
            }()
            if answer == nil { state.change { $0 = .broken } }
            return answer ?? true
        }
    }
}
