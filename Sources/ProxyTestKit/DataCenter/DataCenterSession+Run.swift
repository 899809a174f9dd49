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
