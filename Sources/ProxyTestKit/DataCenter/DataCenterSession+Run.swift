extension DataCenterSession {
    /// Plays `behaviour` until the session is over.
    func run(_ behaviour: DataCenterBehaviour) async {
        do {
            try await play(behaviour)
            end(nil)
        } catch {
            end(error)
        }
    }

    private func play(_ behaviour: DataCenterBehaviour) async throws {
        switch behaviour {
        case .closeAtOnce: return try await halfClose()
        case .resetAtOnce: return await reset()
        default: try await readHeader()
        }
        switch behaviour {
        case .closeAtOnce, .resetAtOnce: break
        case .echo: try await echo(atMost: .max)
        case .keyExchange: try await answerQueries()
        case .sink: try await sink()
        case .source(let bytes, let packetSize, let thenEnds):
            guard try await receive() != nil else { break }
            try await pump(bytes, packetSize: packetSize)
            if thenEnds { try await halfClose() }
            try await sink()
        case .transportError(let code):
            guard try await receive() != nil else { break }
            try await send(transportError: code)
            try await sink()
        case .silence: try await sink()
        case .neverRead:
            setReading(paused: true)
            try await sink()
        case .closeAfterHeader: try await halfClose()
        case .resetAfterHeader: await reset()
        case .halfCloseAfter(let bytes):
            try await echo(atMost: bytes)
            try await halfClose()
            try await sink()
        case .script(let body): try await body(self)
        }
    }

    private func echo(atMost limit: Int) async throws {
        while payloadBytesReceived < limit, let payload = try await receive() {
            try await send(payload)
        }
        if limit == .max { try await halfClose() }
    }

    /// Specification: https://core.telegram.org/mtproto/auth_key, steps 1 and 2.
    private func answerQueries() async throws {
        let (request, answer): ([UInt8], [UInt8]) = ([0xf1, 0x8e, 0x7e, 0xbe], [0x63, 0x24, 0x16, 0x05])
        // What is behind the nonces: 8 bytes of a product with their length and fill, and one fingerprint in a vector.
        let rest: [UInt8] = [
            8, 0x17, 0xed, 0x48, 0x94, 0x1a, 0x08, 0xf9, 0x81, 0, 0, 0, 0x15, 0xc4, 0xb5, 0x1c, 1, 0, 0, 0,
        ]
        while let query = try await receive() {
            guard query.count == 20, query.starts(with: request) else { continue }
            try await send(answer + query[4...] + randomBytes(16) + rest + randomBytes(8))
        }
    }

    private func sink() async throws {
        var before = RunningDigest()
        while let payload = try await receive() {
            if payload == Self.reportRequest {
                try await send(before.value)
            }
            before.update(payload)
        }
    }
}
