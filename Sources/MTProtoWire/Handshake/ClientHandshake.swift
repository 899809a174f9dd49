package import NIOCore

/// Decides about one connection: from its first byte to a client with a known secret, or to a stranger.
///
/// Bare obfuscated2 is decided by its 64 bytes. FakeTLS goes through a signed ClientHello, our ServerHello, and 64
/// bytes inside records. All that was read is kept until then, so that a stranger can be passed on to the mask host as
/// if the proxy had never been there.
package struct ClientHandshake: Sendable {
    /// What to do after some bytes.
    package enum Outcome: Equatable, Sendable {
        /// Wait for more bytes.
        case needMore
        /// The ClientHello is proven: send these bytes, then call `receive` again with an empty buffer, as the client
        /// may have sent more already.
        case reply(ByteBuffer)
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

    private let rules: HandshakeRules
    private var state = State.opening
    /// Bytes that were read and neither decided nor passed on. In front of the reply all of them; behind it, until the
    /// next call, those that came with the ClientHello. At most `ClientHelloCollector.maximumByteCount` and one receive
    /// buffer.
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
        case .replied(let stream): receiveRecords(&bytes, stream: stream, environment: &environment)
        case .accepted: .needMore
        case .stranger(let reason): .stranger(reason)
        }
    }

    // MARK: First bytes

    private mutating func receiveOpening(
        _ bytes: inout ByteBuffer,
        environment: inout some HandshakeEnvironment
    ) -> Outcome {
        // The ordinary client's first bytes tell at once; only a trickle is joined first.
        let acceptsTLS = rules.acceptsFakeTLS
        let opening =
            if kept.readableBytes == 0 {
                bytes.withUnsafeReadableBytes { ConnectionOpening.classify($0, acceptsTLS: acceptsTLS) }
            } else {
                joinedOpening(&bytes, acceptsTLS: acceptsTLS)
            }
        switch opening {
        case .undecided:
            keep(&bytes)
            return .needMore
        case .http:
            return refuse(.http, &bytes)
        case .tls:
            return receiveHello(&bytes, collector: ClientHelloCollector(), environment: &environment)
        case .other:
            guard rules.acceptsBareObfuscated2 else { return refuse(.notTLS, &bytes) }
            state = .header
            return receiveHeader(&bytes, environment: &environment)
        }
    }

    private mutating func joinedOpening(_ bytes: inout ByteBuffer, acceptsTLS: Bool) -> ConnectionOpening {
        keep(&bytes, atMost: 8)
        return kept.withUnsafeReadableBytes { ConnectionOpening.classify($0, acceptsTLS: acceptsTLS) }
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
        let isJoined = kept.readableBytes > 0
        let match = (isJoined ? kept : bytes).withUnsafeReadableBytes { findSecret(for: $0) }
        guard let (secretIndex, header, replayKey) = match else { return refuse(.badSecret, &bytes) }
        guard !environment.isReplayedHeader(replayKey) else { return refuse(.replayedHeader, &bytes) }

        if !isJoined { bytes.moveReaderIndex(forwardBy: Obfuscated2Header.length) }
        kept = ByteBuffer()
        keep(&bytes)
        return accept(
            ClientGreeting(secretIndex: secretIndex, header: header, usesFakeTLS: false, earlyBytes: kept))
    }

    private func findSecret(for bytes: UnsafeRawBufferPointer) -> (Int, Obfuscated2Header, replayKey: Block16)? {
        let raw = UnsafeRawBufferPointer(rebasing: bytes.prefix(Obfuscated2Header.length))
        for bare in rules.bareKeys {
            if let header = Obfuscated2Header(raw, secret: bare.key) {
                return (bare.secretIndex, header, Obfuscated2Header.replayKey(raw))
            }
        }
        return nil
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
            return answer(hello, byteCount: byteCount, &bytes, environment: &environment)
        }
    }

    /// Judges a complete hello. The replay check comes last: it remembers, and only proven hellos may use its memory.
    private mutating func answer(
        _ hello: ClientHello,
        byteCount: Int,
        _ bytes: inout ByteBuffer,
        environment: inout some HandshakeEnvironment
    ) -> Outcome {
        guard let proof = ClientHelloProof.find(in: hello, keys: rules.fakeTLSKeys) else {
            return refuse(.badProof, &bytes)
        }
        let age = Int64(environment.unixTime) - Int64(proof.timestamp)
        guard age.magnitude <= rules.timestampWindow else { return refuse(.wrongTime, &bytes) }
        guard Int64(proof.timestamp) + 1 >= Int64(environment.startTime) else { return refuse(.beforeStart, &bytes) }
        guard let cipherSuite = hello.preferredCipherSuite else { return refuse(.oldTLS, &bytes) }
        guard !environment.isReplayedHello(hello.random, timestamp: proof.timestamp) else {
            return refuse(.replayedHello, &bytes)
        }

        let key = rules.fakeTLSKeys[proof.keyIndex]
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
        let key = rules.secrets[stream.secretIndex].secret.key
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
