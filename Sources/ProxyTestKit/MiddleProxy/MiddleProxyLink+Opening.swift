import Foundation
import MTProtoWire

extension MiddleProxyLink {
    /// A link that ends because it was told to.
    private struct Told: Error, CustomStringConvertible {
        let description: String
    }

    /// What the proxy's nonce said.
    private struct Greeting {
        var schema: UInt32
        var time: UInt32
        /// Seconds between both clocks when it came.
        var skew: Int
        var nonce: [UInt8]
        var group: UInt32 = 0
        var publicValue: [UInt8] = []
    }

    /// Nonces, keys, handshake; returns when the link is open.
    func open(_ opening: MiddleProxyOpening) async throws {
        switch opening.fault {
        case .closesAtOnce: throw Told(description: "closed at once")
        case .resetsAtOnce:
            await reset()
            throw Told(description: "reset at once")
        default: break
        }
        let greeting = try await readNonce(opening)
        let material = try await answerNonce(greeting, opening)
        let flags = try await readHandshake(opening)
        if let tolerated = opening.toleratedSkewSeconds, greeting.skew > tolerated {
            throw Told(description: "the proxy's clock differs by \(greeting.skew) s")
        }
        try await answerHandshake(flags, opening, material)
    }

    private func readFrame() async throws -> [UInt8] {
        while true {
            if let payload = try decoder.next() {
                update { $0.framesReceived += 1 }
                return payload
            }
            guard try await fill() else { throw KitError.ended(stream.ending) }
        }
    }

    private func silence() async throws {
        while try await stream.read() != nil {}
        throw Told(description: "was silent")
    }

    // MARK: Nonces

    private func readNonce(_ opening: MiddleProxyOpening) async throws -> Greeting {
        let payload: [UInt8]
        do {
            payload = try await readFrame()
            guard try decoder.next() == nil, decoder.waiting == 0 else {
                throw KitError.violation("\(decoder.waiting) bytes behind a nonce")
            }
        } catch let error as KitError {
            if case .violation(let what) = error { desk.note(what) }
            throw error
        }
        guard payload.count >= 32, LinkWord.first(payload) == LinkWord.nonce else {
            throw complain("no nonce: \(hex(payload.prefix(40)))")
        }
        let time = littleEndian(payload, at: 12, as: UInt32.self)
        var greeting = Greeting(
            schema: littleEndian(payload, at: 8, as: UInt32.self),
            time: time,
            skew: abs(Int(Date().timeIntervalSince1970) - Int(time)),
            nonce: Array(payload[16..<32])
        )
        let selector = littleEndian(payload, at: 4, as: UInt32.self)
        update {
            $0.keySelector = selector
            $0.schema = greeting.schema
            $0.proxyTime = greeting.time
            $0.proxyNonce = greeting.nonce
        }
        var selectors = [selector]
        switch greeting.schema {
        case 1 where payload.count == 32: break
        case 3 where opening.prime != nil:
            let count = Int(littleEndian(payload, at: 32, as: UInt32.self))
            guard count <= 8, payload.count == 36 + 4 * count + 4 + 256 else {
                throw complain("a nonce of \(payload.count) bytes with schema 3")
            }
            selectors += (0..<count).map { littleEndian(payload, at: 36 + 4 * $0, as: UInt32.self) }
            greeting.group = littleEndian(payload, at: 36 + 4 * count, as: UInt32.self)
            greeting.publicValue = Array(payload.suffix(256))
            update { $0.groupSelector = greeting.group }
        default: throw complain("a nonce of \(payload.count) bytes with schema \(greeting.schema)")
        }
        guard selectors.contains(littleEndian(desk.secret, at: 0, as: UInt32.self)) else {
            throw Told(description: "the proxy has another secret")
        }
        return greeting
    }

    private func complain(_ what: String) -> KitError {
        desk.note(what)
        return .violation(what)
    }

    /// Sends our nonce, takes the keys into use, and gives what they are made of.
    private func answerNonce(_ greeting: Greeting, _ opening: MiddleProxyOpening) async throws -> LinkKeyMaterial {
        switch opening.fault {
        case .silentBeforeNonce: try await silence()
        case .closesBeforeNonce: throw Told(description: "closed in place of a nonce")
        default: break
        }
        try await Task.sleep(for: opening.delay)
        var generator = SeededGenerator(seed: .random(in: 0...(.max)))
        let nonce = opening.nonce ?? generator.bytes(16)
        let clock = UInt32(truncatingIfNeeded: Int(Date().timeIntervalSince1970) + opening.skewSeconds)
        var extra: [UInt8] = []
        var shared: [UInt8] = []
        if let prime = opening.prime, greeting.schema == 3 {
            // Short, because nothing is optimized in tests.
            let exponent = generator.bytes(8)
            extra = bytesOf(UInt32(0)) + bytesOf(greeting.group)
            extra +=
                opening.fault == .weakPublicValue
                ? [UInt8](repeating: 0, count: 255) + [1] : LinkExchange.publicValue(exponent: exponent, prime: prime)
            shared = LinkExchange.shared(theirs: greeting.publicValue, exponent: exponent, prime: prime)
        }
        let material = try keyMaterial(greeting, nonce, shared, opening)
        let selector = littleEndian(desk.secret, at: 0, as: UInt32.self)
        var payload = bytesOf(opening.fault == .wrongNonceType ? LinkWord.handshake : LinkWord.nonce)
        payload += bytesOf(opening.fault == .wrongSelector ? ~selector : selector)
        if case .wrongSchema(let schema) = opening.fault {
            payload += bytesOf(schema)
        } else {
            payload += bytesOf(greeting.schema)
        }
        payload += bytesOf(opening.timestamp ?? clock) + nonce + extra
        if opening.fault == .longNonce { payload += [0, 0, 0, 0] }
        var frameFault: LinkFrame.Fault?
        if case .nonceFrame(let fault) = opening.fault { frameFault = fault }
        sender.add(payload, fault: frameFault)
        for _ in 0..<opening.fillersBehindNonce { sender.add(raw: LinkFrame.filler) }
        if opening.fault == .bytesBehindNonce { sender.add(raw: generator.bytes(16)) }
        let bytes = try sender.take()
        // The proxy may answer before this task goes on.
        inbound = LinkCipher(material.keys(.client))
        sender.cipher = LinkCipher(material.keys(.server))
        try await stream.write(opening.fault == .garbage ? [0xff, 0xff, 0xff, 0xff] + generator.bytes(60) : bytes)
        if opening.fault == .closesAfterNonce { throw Told(description: "closed behind the nonce") }
        return material
    }

    private func keyMaterial(
        _ greeting: Greeting, _ nonce: [UInt8], _ shared: [UInt8], _ opening: MiddleProxyOpening
    ) throws -> LinkKeyMaterial {
        guard let here = stream.localAddress.flatMap({ Endpoint($0) }), var there = facts.peer else {
            throw KitError.violation("a link without addresses")
        }
        there.address = opening.seesProxyAt ?? there.address
        there.port = opening.seesProxyAtPort ?? there.port
        return LinkKeyMaterial(
            serverNonce: nonce, clientNonce: greeting.nonce, clientTime: greeting.time,
            server: opening.standsAt ?? here, client: there, secret: desk.secret, shared: shared
        )
    }

    // MARK: Handshakes

    /// Gives the flags of the proxy's handshake.
    private func readHandshake(_ opening: MiddleProxyOpening) async throws -> UInt32 {
        let payload: [UInt8]
        do {
            // What another key enciphered must not look like the beginning of something long.
            decoder.maximumLength = 64
            payload = try await readFrame()
            decoder.maximumLength = LinkFrameDecoder().maximumLength
        } catch KitError.violation(let what) {
            // No rule is broken by a proxy that does not know how its address looks from here.
            throw Told(description: "cannot decipher the handshake: \(what)")
        }
        guard payload.count == 32, LinkWord.first(payload) == LinkWord.handshake else {
            throw complain("no handshake: \(hex(payload.prefix(40)))")
        }
        let flags = littleEndian(payload, at: 4, as: UInt32.self)
        update {
            $0.handshakeFlags = flags
            $0.senderProcess = Array(payload[8..<20])
            $0.peerProcess = Array(payload[20..<32])
        }
        if flags & ~0x800 != 0 { throw complain("a handshake with flags \(String(flags, radix: 16))") }
        return flags
    }

    private func answerHandshake(
        _ offered: UInt32, _ opening: MiddleProxyOpening, _ material: LinkKeyMaterial
    ) async throws {
        switch opening.fault {
        case .silentAfterHandshake: try await silence()
        case .closesAfterHandshake: throw Told(description: "closed in place of a handshake")
        case .resetsAfterHandshake:
            await reset()
            throw Told(description: "reset in place of a handshake")
        case .handshakeError(let code):
            sender.add(LinkWord.handshakeError(code, process: opening.process))
            try await stream.write(try sender.take())
            throw Told(description: "refused with \(code)")
        case .wrongKey: sender.cipher = LinkCipher(material.keys(.client))
        default: break
        }
        try await Task.sleep(for: opening.delay)
        let usesCRC32C = opening.acceptsCRC32C && offered & 0x800 != 0
        var echo = facts.senderProcess
        if opening.fault == .wrongProcess { echo = echo.map { ~$0 } }
        var payload = bytesOf(opening.fault == .wrongHandshakeType ? LinkWord.nonce : LinkWord.handshake)
        payload += bytesOf(opening.handshakeFlags ?? (usesCRC32C ? 0x800 : 0)) + opening.process + echo
        if opening.fault == .longHandshake { payload += [0, 0, 0, 0] }
        var frameFault: LinkFrame.Fault?
        if case .handshakeFrame(let fault) = opening.fault { frameFault = fault }
        sender.add(payload, fault: frameFault)
        if usesCRC32C { (sender.checksum, decoder.checksum) = (.crc32c, .crc32c) }
        for payload in opening.firstPayloads { sender.add(payload) }
        update {
            $0.usesCRC32C = usesCRC32C
            $0.establishedAt = .now
            $0.framesSent += 2 + opening.firstPayloads.count
        }
        try await stream.write(try sender.take())
    }
}
