import NIOCore

/// A plain TCP server that records exactly the bytes that it gets and how each connection ended.
package final class RecordingHost: KitServer {
    /// What it does with a connection.
    package enum Behaviour: Sendable {
        /// Reads to the end and says nothing.
        case listen
        /// Sends every byte back, and FIN after FIN.
        case echo
        /// Sends these bytes at the first byte received, then reads to the end.
        case answer([UInt8])
        /// Sends these bytes when the other side has half-closed, then closes.
        case answerAfterHalfClose([UInt8])
        /// Sends these bytes and FIN when this many bytes were received, then reads to the end.
        case halfCloseAfter(Int, [UInt8])
        /// Sends RST when this many bytes were received.
        case resetAfter(Int)
        /// Accepts and never reads.
        case neverRead
        /// Anything else; the connection closes when the function returns.
        case script(@Sendable (ByteStream) async throws -> Void)
    }

    /// The port that it listens on.
    package var port: Int { listener.port }
    private let desk: HostDesk
    private let listener: StreamListener

    private init(desk: HostDesk, listener: StreamListener) {
        self.desk = desk
        self.listener = listener
    }

    /// Starts one.
    package static func start(
        _ behaviour: Behaviour = .listen,
        listen: ListenOptions = ListenOptions()
    ) async throws -> RecordingHost {
        let desk = HostDesk()
        var listen = listen
        listen.captures = true
        let listener = try await StreamListener.start(listen) { stream in
            await desk.run(stream) { _ in try await play(behaviour, stream) }
        }
        return RecordingHost(desk: desk, listener: listener)
    }

    private static func play(_ behaviour: Behaviour, _ stream: ByteStream) async throws {
        switch behaviour {
        case .listen: break
        case .echo:
            while let bytes = try await stream.read() { try await stream.write(bytes) }
            return try await stream.halfClose()
        case .answer(let bytes):
            guard try await stream.read() != nil else { return }
            try await stream.write(bytes)
        case .answerAfterHalfClose(let bytes):
            while try await stream.read() != nil {}
            try await stream.write(bytes)
        case .halfCloseAfter(let count, let bytes):
            try await stream.read(exactly: count)
            try await stream.write(bytes)
            try await stream.halfClose()
        case .resetAfter(let count):
            try await stream.read(exactly: count)
            await stream.reset()
        case .neverRead:
            return try await stream.waitUntilEnded()
        case .script(let body):
            return try await body(stream)
        }
        while try await stream.read() != nil {}
    }

    /// The facts of every connection, in the order of their arrival.
    package var facts: [HostFacts] { desk.facts }
    /// The connections, to send or end by hand.
    package var streams: [ByteStream] { desk.streams }
    package var violations: [String] { [] }

    package func stop() async {
        await listener.stop()
    }
}
