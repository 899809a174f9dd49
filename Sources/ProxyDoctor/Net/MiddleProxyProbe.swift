import MTProtoWire
import NIOCore
import ProxyEngine
import ProxyPolicy

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One link to a middle proxy: TCP, keys, handshake, a ping and its pong.
struct MiddleProxyProbe: Sendable {
    enum Trouble: Error, Sendable, Equatable {
        case route(RouteFailure)
        /// Closed, or gibberish, once our handshake was out: the keys did not fit.
        case refused
        /// Another reason of the handshake's, as one word.
        case handshake(MiddleProxyError)
        /// The link stood, but no pong came.
        case noPong
    }

    struct Outcome: Sendable, Equatable {
        /// ms.
        var tcp: Double?
        var handshake: Double?
        var ping: Double?
        /// Its clock minus ours, s.
        var skewSeconds: Int?
        /// Our end as the socket has it, and as it went into the keys.
        var local: IPAddress?
        var announced: IPAddress?
        var isEstablished = false
        /// nil: all is well.
        var trouble: Trouble?
    }

    let target: MiddleProxyTarget
    let secret: MiddleProxySecret
    let diffieHellman: DiffieHellmanGroup?
    /// Our address as the middle proxy sees it, for that of our socket; nil: not known.
    let ownAddress: @Sendable (_ local: IPAddress, _ remote: IPAddress) async -> IPAddress?
    let limit: Duration

    func run() async -> Outcome {
        let progress = ProbeProgress(Outcome())
        let ended: Void? = await within(limit) {
            do {
                try await talk(progress)
            } catch {
                progress.update { $0.trouble = Self.trouble(error) }
            }
        }
        progress.close()
        var outcome = progress.outcome
        if ended == nil {
            outcome.trouble =
                outcome.isEstablished
                ? .noPong : .route(.timedOut(stage: outcome.tcp == nil ? .tcp : .upgrade))
        }
        return outcome
    }

    private static func trouble(_ error: any Error) -> Trouble {
        switch error {
        case let trouble as Trouble: trouble
        default: .route(RouteFailure(classifying: error))
        }
    }

    private func talk(_ progress: ProbeProgress<Outcome>) async throws {
        var watch = Stopwatch()
        let place = SocketTarget(host: target.host, port: target.port)
        let conversation = try await Conversation.open(place, within: limit)
        progress.keep(conversation)
        let tcp = watch.lap()
        guard let local = Self.endpoint(conversation.channel.localAddress),
            let remote = Self.endpoint(conversation.channel.remoteAddress)
        else { throw Trouble.route(.other("no-address")) }
        let own = await ownAddress(local.address, remote.address)
        progress.update {
            $0.tcp = tcp
            $0.local = local.address
            $0.announced = own ?? local.address
        }
        _ = watch.lap()
        let seen = Endpoint(address: own ?? local.address, port: local.port)
        var link = try await Self.shakeHands(setup(seen, remote: remote, socket: local), conversation, progress)
        let handshake = watch.lap()
        progress.update {
            $0.handshake = handshake
            $0.skewSeconds = link.skewSeconds
            $0.isEstablished = true
        }
        try await Self.ping(&link, conversation)
        let ping = watch.lap()
        progress.update { $0.ping = ping }
    }

    private func setup(_ local: Endpoint, remote: Endpoint, socket: Endpoint) -> MiddleProxyHandshake.Setup {
        var random = SecureRandom()
        var nonce = Block16()
        nonce.withUnsafeMutableBytes { random.fill($0) }
        let now = UInt32(clamping: WallClock.seconds)
        var setup = MiddleProxyHandshake.Setup(
            secret: secret, local: local, remote: remote,
            process: ProcessID(
                ip: socket.address.v4 ?? 0, port: .max, pid: UInt16(truncatingIfNeeded: getpid()), startTime: now),
            nonce: nonce, unixTime: now)
        if let group = diffieHellman {
            var exponent = [UInt8](repeating: 0, count: DiffieHellmanGroup.exponentLength)
            exponent.withUnsafeMutableBytes { random.fill($0) }
            setup.diffieHellman = (group, exponent)
        }
        return setup
    }

    private static func endpoint(_ address: SocketAddress?) -> Endpoint? {
        guard let address, let text = address.ipAddress, let ip = IPAddress(text), let port = address.port else {
            return nil
        }
        return Endpoint(address: ip, port: UInt16(clamping: port))
    }

    // MARK: Steps

    private static func shakeHands(
        _ setup: MiddleProxyHandshake.Setup, _ conversation: Conversation, _ progress: ProbeProgress<Outcome>
    ) async throws -> EstablishedLink {
        var handshake = MiddleProxyHandshake(setup)
        try await conversation.send(handshake.start())
        while true {
            let received: ByteBuffer?
            do {
                received = try await conversation.receive()
            } catch {
                throw handshake.sentHandshake ? Trouble.refused : trouble(error)
            }
            guard var bytes = received else {
                throw handshake.sentHandshake ? Trouble.refused : Trouble.route(.closedEarly)
            }
            while true {
                let step: MiddleProxyHandshake.Step
                do throws(MiddleProxyError) {
                    step = try handshake.receive(&bytes, unixTime: UInt32(clamping: WallClock.seconds))
                } catch {
                    progress.update { $0.skewSeconds = handshake.skewSeconds }
                    if case .badFrame = error, handshake.sentHandshake { throw Trouble.refused }
                    throw Trouble.handshake(error)
                }
                progress.update { $0.skewSeconds = handshake.skewSeconds }
                if case .established(let link) = step { return link }
                guard case .send(let answer) = step else { break }
                try await conversation.send(answer)
            }
        }
    }

    /// Waits for the pong; what else comes is of no interest.
    private static func ping(_ link: inout EstablishedLink, _ conversation: Conversation) async throws {
        var random = SecureRandom()
        let id = random.next()
        var batch = ByteBuffer()
        link.writer.write(MiddleProxyMessage.pingPayload(id: id), into: &batch)
        MiddleProxyFrameWriter.pad(&batch, from: batch.readerIndex)
        batch.withUnsafeMutableReadableBytes { link.encryptor.encrypt(inPlace: $0) }
        try await conversation.send(batch)
        var cipher = link.undecrypted
        var plain = link.leftover
        while true {
            while let message = try nextMessage(&plain, &link.reader) {
                if message == .pong(id: id) { return }
            }
            guard var bytes = try await conversation.receive() else { throw Trouble.noPong }
            cipher.writeBuffer(&bytes)
            let count = cipher.readableBytes / Block16.count * Block16.count
            guard var blocks = cipher.readBytes(length: count), count > 0 else { continue }
            blocks.withUnsafeMutableBytes { space in
                if let start = space.baseAddress { link.decryptor.decrypt(UnsafeRawBufferPointer(space), into: start) }
            }
            plain.writeBytes(blocks)
        }
    }

    private static func nextMessage(
        _ plain: inout ByteBuffer, _ reader: inout MiddleProxyFrameReader
    ) throws -> MiddleProxyMessage? {
        while true {
            let step = try plain.withUnsafeReadableBytes { try reader.next($0) }
            switch step {
            case .needMore: return nil
            case .filler(let length): plain.moveReaderIndex(forwardBy: length)
            case .frame(let payload, let length):
                let message = try plain.withUnsafeReadableBytes {
                    try MiddleProxyMessage(UnsafeRawBufferPointer(rebasing: $0[payload]))
                }
                plain.moveReaderIndex(forwardBy: length)
                return message
            }
        }
    }
}
