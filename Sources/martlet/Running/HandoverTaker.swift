import Logging
import MTProtoWire
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

/// Takes over from the server that runs on a state directory.
///
/// ``begin(directory:logger:)`` comes before the database is opened, ``finish(_:)`` before the first client is accepted.
final class HandoverTaker: Sendable {
    private enum Patience {
        static let message = 10_000
        /// To write the counters.
        static let release = 20_000
        /// To copy and send the replay memory: seconds when it is full.
        static let memory = 30_000
    }

    /// The sockets that clients connect to.
    let sockets: InheritedSockets
    let predecessor: RestartReport.Server
    private let link: HandoverLink
    private let directory: String

    private init(_ link: HandoverLink, _ offer: HandoverOffer, _ sockets: InheritedSockets, _ directory: String) {
        self.link = link
        self.sockets = sockets
        self.directory = directory
        predecessor = RestartReport.Server(pid: offer.pid, version: offer.version)
    }

    /// Asks the running server for its sockets and its database.
    ///
    /// - Returns: nil when no server runs on the directory.
    static func begin(directory: String, logger: Logger) async throws(HandoverProblem) -> HandoverTaker? {
        guard !directory.isEmpty else { return nil }
        do throws(HandoverError) {
            return try await onThread { () throws(HandoverError) in try ask(directory) }
        } catch {
            throw HandoverProblem(
                "the running server was not taken over: \(error)",
                hint: "it goes on; look at its log, or start without --take-over after it has stopped")
        }
    }

    private static func ask(_ directory: String) throws(HandoverError) -> HandoverTaker? {
        let place: HandoverPlace
        let reply: ControlReply?
        do throws(StoreError) {
            place = try HandoverPlace(directory: directory)
            reply = try ControlClient(directory: directory).ask(.handover(pid: getpid()))
        } catch {
            throw HandoverError("\(error)")
        }
        guard let reply else { return nil }
        if case .failure(let error) = reply { throw HandoverError(error.description) }
        let link = try place.accept(within: Patience.message)
        let offer = try link.expect("its offer", within: Patience.message) { message in
            if case .offer(let offer) = message { offer } else { nil }
        }
        guard offer.protocol == HandoverOffer.currentProtocol else {
            throw HandoverError(
                "version \(LogText.escaped(offer.version)) hands over in another way: restart it plainly")
        }
        try link.send(.release(version: Martlet.version), within: Patience.message)
        try link.expect(.released, "it let go of the database", within: Patience.release)
        // Those beyond the first message's came before that.
        let descriptors = link.takeDescriptors()
        let places = offer.sockets.map(\.place)
        guard descriptors.count == places.count else {
            for descriptor in descriptors { close(descriptor) }
            throw HandoverError("\(places.count) sockets were offered and \(descriptors.count) came")
        }
        var sockets: [ListeningSocket] = []
        for (index, descriptor) in descriptors.enumerated() {
            guard let place = places[index] else {
                close(descriptor)
                continue
            }
            sockets.append(
                ListeningSocket(place: place, descriptor: descriptor, isManaged: offer.sockets[index].isManaged))
        }
        return HandoverTaker(link, offer, InheritedSockets(sockets, from: .predecessor), directory)
    }

    /// Takes the replay memory and lets the other process stop accepting. After that clients are this one's.
    func finish(_ control: ProxyControl) async throws(HandoverProblem) {
        let (link, directory) = (link, directory)
        do throws(HandoverError) {
            try await onThread { () throws(HandoverError) in
                try Self.takeMemory(link, control)
                // Ours is newer, and older ones would be believed after a crash.
                _ = ReplayFile(directory: directory).take()
                try link.send(.accepting, within: Patience.message)
                // When the other process is gone now, nobody else has the sockets.
                switch try link.receive(within: Patience.message) {
                case .done, nil: break
                case .abort(let why): throw HandoverError(LogText.escaped(why))
                default: throw HandoverError("it said something else than that it is done")
                }
            }
        } catch {
            abort(error.description)
            throw HandoverProblem(
                "the running server was not taken over: \(error)", hint: "it goes on; look at its log")
        }
        answerQuestions(control)
    }

    /// Tells the other process that it has to go on.
    func abort(_ why: String) {
        try? link.send(.abort(why), within: 1_000)
        link.shutDown()
    }

    private static func takeMemory(_ link: HandoverLink, _ control: ProxyControl) throws(HandoverError) {
        try link.send(.bound, within: Patience.message)
        var bytes: [UInt8] = []
        reading: while true {
            let message = try link.expect("its replay memory", within: Patience.memory) { $0 }
            switch message {
            case .memory(let part) where bytes.count + part.count <= ReplayMemory.maximumBytes: bytes += part
            case .memoryEnd: break reading
            default: throw HandoverError("its replay memory is not understood")
            }
        }
        guard let memory = ReplayMemory(decoding: bytes) else { throw HandoverError("its replay memory is damaged") }
        control.replays.adopt(memory)
        try link.send(.remembered, within: Patience.message)
        while true {
            switch try link.expect("its last words", within: Patience.message, { $0 }) {
            case .marks(let marks): control.replays.adopt(marks)
            case .yours: return
            default: throw HandoverError("its last words are not understood")
            }
        }
    }

    /// Until the other process has ended.
    private func answerQuestions(_ control: ProxyControl) {
        let link = link
        _ = startThread {
            while case .ask(let mark)? = try? link.receive() {
                let isSeen = control.replays.wasSeen(mark)
                guard (try? link.send(.seen(isSeen), within: Patience.message)) != nil else { return }
            }
        }
    }
}

extension HandoverOffer.Socket {
    init(_ place: ListenPlace, isManaged: Bool) {
        switch place {
        case .tcp(let host, let port): self.init(host: host.description, port: port, isManaged: isManaged)
        case .unix(let path, _): self.init(path: path, isManaged: isManaged)
        }
    }

    var place: ListenPlace? {
        if let path { return .unix(path: path, mode: 0) }
        guard let host, let port, let address = IPAddress(host) else { return nil }
        return .tcp(address, port: port)
    }
}
