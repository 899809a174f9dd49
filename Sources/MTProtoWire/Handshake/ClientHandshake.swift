package import NIOCore

/// Decides about one connection: from its first byte to a client with a known secret, or to a stranger.
///
/// Bare obfuscated2 is decided by its 64 bytes. FakeTLS goes through a signed ClientHello, our ServerHello, and 64
/// bytes inside records. A stream without obfuscation, where that is accepted, is known by its first bytes. All that was
/// read is kept until then, so that a stranger can be passed on to the mask host as if the proxy had never been there.
///
/// With many secrets, looking for the right one is work that others wait for: the handshake does it in parts, when it is
/// called for them.
package struct ClientHandshake: Sendable {
    /// What to do after some bytes.
    package enum Outcome: Equatable, Sendable {
        /// Wait for more bytes.
        case needMore
        /// The ClientHello is proven: send these bytes, then call `receive` again with an empty buffer, as the client
        /// may have sent more already.
        case reply(ByteBuffer)
        /// More secrets have to be tried than `HandshakeRules.inlineTrials`: call `search` until it returns something
        /// else. What the client sends meanwhile may be given to `receive`, or be left unread.
        case search
        /// A client of ours. The handshake is over.
        case accepted(ClientGreeting)
        /// Not a client of ours: `bytesRead` is for the mask host, unless `hasReplied`. The handshake is over.
        case stranger(StrangerReason)
    }

    private enum State {
        /// Too few bytes to tell what it is.
        case opening
        /// Fewer bytes than an obfuscated2 header has.
        case header
        /// A part of a ClientHello.
        case clientHello(ClientHelloCollector)
        /// A whole header, which has not been tried with all secrets yet; the header begins `kept`.
        indirect case searchingHeader(HeaderSearch)
        /// A whole ClientHello, which has not been tried with all secrets yet; the hello begins `kept`.
        indirect case searchingHello(HelloSearch)
        /// The ServerHello went out.
        case replied(InnerStream)
        case accepted
        case stranger(StrangerReason)
    }

    /// What the client sends after the ServerHello.
    private struct InnerStream {
        /// The secret that signed the ClientHello, the only one that may have made the header.
        let secretIndex: Int
        var records = TLSRecordReader()
        /// Payload so far.
        var payload = ByteBuffer()
    }

    /// The most bytes that wait while a secret is looked for, which takes milliseconds: what the relay, too, keeps while
    /// a route is looked for. One receive buffer may come on top.
    package static let maximumWaitingBytes = 64 << 10

    private let rules: HandshakeRules
    private var state = State.opening
    /// Bytes that were read and neither decided nor passed on. In front of the reply all of them; behind it, until the
    /// next call, those that came with the ClientHello. At most `ClientHelloCollector.maximumByteCount`, or in a search
    /// `maximumWaitingBytes`, and one receive buffer.
    private var kept = ByteBuffer()

    package init(rules: HandshakeRules) {
        self.rules = rules
    }

    /// Everything that the client sent so far, for the mask host; empty once a ServerHello was sent or a client
    /// accepted.
    package var bytesRead: ByteBuffer {
        hasReplied ? ByteBuffer() : kept
    }

    /// Whether a ServerHello was made: too late for the mask host.
    package private(set) var hasReplied = false

    /// Takes what the client sent, in any pieces, and leaves `bytes` empty. Once the handshake is over it takes
    /// nothing.
    ///
    /// Keeps no reference to the memory of `bytes`.
    package mutating func receive(
        _ bytes: inout ByteBuffer,
        environment: inout some HandshakeEnvironment
    ) -> Outcome {
        switch state {
        case .opening: receiveOpening(&bytes, environment: &environment)
        case .header: receiveHeader(&bytes, environment: &environment)
        case .clientHello(let collector): receiveHello(&bytes, collector: collector, environment: &environment)
        case .searchingHeader, .searchingHello: receiveInSearch(&bytes)
        case .replied(let stream): receiveRecords(&bytes, stream: stream, environment: &environment)
        case .accepted: .needMore
        case .stranger(let reason): .stranger(reason)
        }
    }

    /// Goes on trying secrets, from where it stopped. The bytes that are looked at are those that are kept; they are not
    /// copied.
    ///
    /// - Parameter trials: how many secrets to try now; a trial takes 0.3 µs with a header, 1 to 3 µs with a hello.
    /// - Returns: `.search` as long as there are secrets left; `.needMore` if nothing is looked for.
    package mutating func search(
        atMost trials: Int,
        environment: inout some HandshakeEnvironment
    ) -> Outcome {
        var nothing = ByteBuffer()
        switch state {
        case .searchingHeader(var search):
            let finding = search.run(atMost: trials, rules)
            return conclude(finding, search, &nothing, environment: &environment)
        case .searchingHello(var search):
            let finding = search.run(atMost: trials, rules.book)
            return conclude(finding, search, &nothing, environment: &environment)
        case .stranger(let reason):
            return .stranger(reason)
        case .opening, .header, .clientHello, .replied, .accepted:
            return .needMore
        }
    }

    /// How many secrets are still to be tried; 0 unless the last outcome was `.search`.
    package var remainingTrials: Int {
        switch state {
        case .searchingHeader(let search): search.remaining(rules)
        case .searchingHello(let search): search.remaining
        case .opening, .header, .clientHello, .replied, .accepted, .stranger: 0
        }
    }

    private mutating func receiveInSearch(_ bytes: inout ByteBuffer) -> Outcome {
        if bytes.readableBytes > 0, kept.readableBytes + bytes.readableBytes > Self.maximumWaitingBytes {
            return refuse(.tooLong, &bytes)
        }
        keep(&bytes)
        return .search
    }

    // MARK: First bytes

    private mutating func receiveOpening(
        _ bytes: inout ByteBuffer,
        environment: inout some HandshakeEnvironment
    ) -> Outcome {
        // The ordinary client's first bytes tell at once; only a trickle is joined first.
        let acceptsHTTP = rules.transports.contains(.http)
        let longest = acceptsHTTP ? ConnectionOpening.longestQueryOpening : ConnectionOpening.longest
        if kept.readableBytes > 0 { keep(&bytes, atMost: longest) }
        let opening = (kept.readableBytes > 0 ? kept : bytes).withUnsafeReadableBytes {
            ConnectionOpening.classify(
                $0, acceptsTLS: rules.acceptsFakeTLS, acceptsPlain: rules.transports.contains(.plain))
        }
        switch opening {
        case .undecided:
            keep(&bytes)
            return .needMore
        case .http:
            return acceptsHTTP ? receiveRequest(&bytes) : refuse(.http, &bytes)
        case .tls:
            return receiveHello(&bytes, collector: ClientHelloCollector(), environment: &environment)
        case .plain(let framing):
            keep(&bytes)
            kept.moveReaderIndex(forwardBy: ConnectionOpening.plainTagLength(of: framing))
            return accept(ClientGreeting(plain: framing, earlyBytes: kept))
        case .other where rules.acceptsBareObfuscated2:
            state = .header
            return receiveHeader(&bytes, environment: &environment)
        case .other:
            let isPlainOnly = rules.transports.contains(.plain) && !rules.acceptsFakeTLS
            return refuse(isPlainOnly ? .wrongTransport : .notTLS, &bytes)
        }
    }

    private mutating func receiveRequest(_ bytes: inout ByteBuffer) -> Outcome {
        let isQuery = (kept.readableBytes > 0 ? kept : bytes).withUnsafeReadableBytes { ConnectionOpening.isQuery($0) }
        guard isQuery != false else { return refuse(.http, &bytes) }
        keep(&bytes)
        return isQuery == nil ? .needMore : accept(ClientGreeting(http: kept))
    }

    // MARK: Bare obfuscated2

    private mutating func receiveHeader(
        _ bytes: inout ByteBuffer,
        environment: inout some HandshakeEnvironment
    ) -> Outcome {
        if kept.readableBytes > 0 || bytes.readableBytes < Obfuscated2Header.length {
            keep(&bytes, atMost: Obfuscated2Header.length - kept.readableBytes)
            guard kept.readableBytes >= Obfuscated2Header.length else { return .needMore }
        }
        guard var search = withHeader(bytes, { HeaderSearch($0) }) else { return refuse(.badSecret, &bytes) }
        let finding =
            search.remaining(rules) <= HandshakeRules.inlineTrials
            ? search.run(atMost: HandshakeRules.inlineTrials, rules)
            : search.run(hints: environment.hintedSecrets.prefix(HandshakeRules.maximumHints), rules)
        return conclude(finding, search, &bytes, environment: &environment)
    }

    private mutating func conclude(
        _ finding: HeaderSearch.Finding,
        _ search: HeaderSearch,
        _ bytes: inout ByteBuffer,
        environment: inout some HandshakeEnvironment
    ) -> Outcome {
        switch finding {
        case .unfinished:
            keep(&bytes)
            state = .searchingHeader(search)
            return .search
        case .none(let reason):
            return refuse(reason, &bytes)
        case .found(let secretIndex):
            return admit(secretIndex: secretIndex, &bytes, environment: &environment)
        }
    }

    private mutating func admit(
        secretIndex: Int?,
        _ bytes: inout ByteBuffer,
        environment: inout some HandshakeEnvironment
    ) -> Outcome {
        let key = secretIndex.map { rules.book.secrets[$0].secret.key }
        let match = withHeader(bytes) { raw in
            Obfuscated2Header(raw, secret: key).map { ($0, Obfuscated2Header.replayKey(raw)) }
        }
        guard let (header, replayKey) = match else { return refuse(.badSecret, &bytes) }
        if let secretIndex, !environment.mayEnter(secretIndex: secretIndex) { return refuse(.refusedUser, &bytes) }
        guard !environment.isReplayedHeader(replayKey) else { return refuse(.replayedHeader, &bytes) }

        if kept.readableBytes > 0 {
            kept.moveReaderIndex(forwardBy: Obfuscated2Header.length)
        } else {
            bytes.moveReaderIndex(forwardBy: Obfuscated2Header.length)
        }
        keep(&bytes)
        return accept(ClientGreeting(secretIndex: secretIndex, header: header, usesFakeTLS: false, earlyBytes: kept))
    }

    /// Lends the first bytes, at most as many as a header has: those kept or, when there are none, those of `bytes`.
    private func withHeader<Result>(_ bytes: ByteBuffer, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        (kept.readableBytes > 0 ? kept : bytes).withUnsafeReadableBytes {
            body(UnsafeRawBufferPointer(rebasing: $0.prefix(Obfuscated2Header.length)))
        }
    }

    // MARK: FakeTLS

    private mutating func receiveHello(
        _ bytes: inout ByteBuffer,
        collector: ClientHelloCollector,
        environment: inout some HandshakeEnvironment
    ) -> Outcome {
        var collector = collector
        keep(&bytes)
        switch collector.scan(kept) {
        case .needMore:
            state = .clientHello(collector)
            return .needMore
        case .refused(let reason):
            return refuse(reason, &bytes)
        case .complete(let byteCount):
            guard let hello = ClientHello(record: collector.mergedRecord(of: kept)) else {
                return refuse(.malformedHello, &bytes)
            }
            let search = HelloSearch(hello, byteCount: byteCount, book: rules.book)
            let finding =
                search.remaining <= HandshakeRules.inlineTrials
                ? search.runThrough(rules.book)
                : search.run(
                    hints: environment.hintedSecrets.prefix(HandshakeRules.maximumHints), rules.book)
            return conclude(finding, search, &bytes, environment: &environment)
        }
    }

    private mutating func conclude(
        _ finding: HelloSearch.Finding,
        _ search: HelloSearch,
        _ bytes: inout ByteBuffer,
        environment: inout some HandshakeEnvironment
    ) -> Outcome {
        switch finding {
        case .unfinished:
            state = .searchingHello(search)
            return .search
        case .none:
            return refuse(.badProof, &bytes)
        case .found(let proof):
            return answer(search.hello, proof, byteCount: search.byteCount, &bytes, environment: &environment)
        }
    }

    /// Judges a proven hello. The replay check comes last: it remembers, and only hellos that are to be answered may use
    /// its memory.
    private mutating func answer(
        _ hello: ClientHello,
        _ proof: ClientHelloProof,
        byteCount: Int,
        _ bytes: inout ByteBuffer,
        environment: inout some HandshakeEnvironment
    ) -> Outcome {
        let key = rules.book.fakeTLSKeys[proof.keyIndex]
        let age = Int64(environment.unixTime) - Int64(proof.timestamp)
        guard age.magnitude <= rules.timestampWindow else { return refuse(.wrongTime, &bytes) }
        guard Int64(proof.timestamp) + 1 >= Int64(environment.startTime) else { return refuse(.beforeStart, &bytes) }
        guard let cipherSuite = hello.preferredCipherSuite else { return refuse(.oldTLS, &bytes) }
        guard environment.mayEnter(secretIndex: key.secretIndex) else { return refuse(.refusedUser, &bytes) }
        guard !environment.isReplayedHello(hello.random, timestamp: proof.timestamp) else {
            return refuse(.replayedHello, &bytes)
        }

        let serverHello = ServerHello(answering: hello, cipherSuite: cipherSuite, profile: rules.profile) {
            environment.fillRandom($0)
        }
        let reply = serverHello.signed(with: key) { environment.fillRandom($0) }
        hasReplied = true
        kept.moveReaderIndex(forwardBy: byteCount)
        state = .replied(InnerStream(secretIndex: key.secretIndex))
        return .reply(reply)
    }

    private mutating func receiveRecords(
        _ bytes: inout ByteBuffer,
        stream: InnerStream,
        environment: inout some HandshakeEnvironment
    ) -> Outcome {
        var stream = stream
        do {
            try stream.records.unwrap(&kept, into: &stream.payload)
            kept = ByteBuffer()
            try stream.records.unwrap(&bytes, into: &stream.payload)
        } catch {
            return refuse(.badHeaderInTLS, &bytes)
        }
        guard stream.payload.readableBytes >= Obfuscated2Header.length else {
            state = .replied(stream)
            return .needMore
        }
        let key = rules.book.secrets[stream.secretIndex].secret.key
        let match = stream.payload.withUnsafeReadableBytes { bytes in
            let raw = UnsafeRawBufferPointer(rebasing: bytes.prefix(Obfuscated2Header.length))
            return Obfuscated2Header(raw, secret: key).map { ($0, Obfuscated2Header.replayKey(raw)) }
        }
        guard let (header, replayKey) = match else { return refuse(.badHeaderInTLS, &bytes) }
        // A plain secret may have the same key: what was seen in here must not pass again outside.
        guard !environment.isReplayedHeader(replayKey) else { return refuse(.replayedHeader, &bytes) }

        stream.payload.moveReaderIndex(forwardBy: Obfuscated2Header.length)
        return accept(
            ClientGreeting(
                secretIndex: stream.secretIndex,
                header: header,
                usesFakeTLS: true,
                records: stream.records,
                earlyBytes: stream.payload
            ))
    }

    // MARK: Ends

    private mutating func accept(_ greeting: ClientGreeting) -> Outcome {
        state = .accepted
        kept = ByteBuffer()
        return .accepted(greeting)
    }

    private mutating func refuse(_ reason: StrangerReason, _ bytes: inout ByteBuffer) -> Outcome {
        state = .stranger(reason)
        keep(&bytes)
        // Behind a ServerHello nobody has a use for them.
        if hasReplied { kept = ByteBuffer() }
        return .stranger(reason)
    }

    /// Copies bytes out of the caller's buffer, which is used again for other connections.
    private mutating func keep(_ bytes: inout ByteBuffer, atMost limit: Int = .max) {
        guard var taken = bytes.readSlice(length: min(limit, bytes.readableBytes)) else { return }
        kept.writeBuffer(&taken)
    }
}
