import MTProtoWire
import NIOCore
import Testing

@Suite("MiddleProxyHandshake, everything wrong")
struct MiddleProxyHandshakeErrorTests {
    private typealias Peer = ScriptedMiddleProxy

    /// Code -7 and somebody's process: 16 bytes.
    private static let refusal: [UInt8] = [0xf9, 0xff, 0xff, 0xff] + Array(repeating: 1, count: 12)

    @Test("Wrong nonce answers")
    func nonces() throws {
        let cases: [(Peer, MiddleProxyError)] = [
            (Peer(nonceSequence: -1), .badFrame(.middleProxyBadSequence)),
            (Peer(nonceSequence: 0), .badFrame(.middleProxyBadSequence)),
            (Peer(nonceType: 7), .unexpectedMessage(type: 7)),
            (Peer(nonceType: MiddleProxyType.handshake), .unexpectedMessage(type: MiddleProxyType.handshake)),
            (Peer(selector: 0x0302_0101), .wrongSelector),
            (Peer(schema: 0), .wrongSchema(0)),
            (Peer(schema: 2), .wrongSchema(2)),
            (Peer(schema: 3), .wrongSchema(3)),
            (Peer(nonceTail: [0, 0, 0, 0]), .wrongLength),
            (Peer(nonce: [1, 2, 3, 4]), .wrongLength),
            (Peer(nonceTail: Array(repeating: 0, count: 400)), .badFrame(.middleProxyFrameTooLong)),
        ]
        for (peer, error) in cases {
            #expect(throws: error) { try peer.play() }
        }
    }

    @Test("Wrong handshake answers")
    func handshakes() throws {
        let cases: [(Peer, MiddleProxyError)] = [
            (Peer(sequence: 0), .badFrame(.middleProxyBadSequence)),
            (Peer(sequence: -2), .badFrame(.middleProxyBadSequence)),
            (Peer(type: MiddleProxyType.nonce), .unexpectedMessage(type: MiddleProxyType.nonce)),
            (Peer(tail: [0, 0, 0, 0]), .badFrame(.middleProxyFrameTooLong)),
        ]
        for (peer, error) in cases {
            #expect(throws: error) { try peer.play() }
        }
    }

    /// Expects an error from a frame in place of one of the answers.
    private func expect(_ payload: [UInt8], _ error: MiddleProxyError, isNonce: Bool) throws {
        let peer = Peer()
        let setup = try Peer.setup()
        var machine = MiddleProxyHandshake(setup)
        let frame = peer.frame(ByteBuffer(bytes: payload), sequence: isNonce ? -2 : -1)
        guard !isNonce else {
            #expect(throws: error) { try machine.feed(frame) }
            #expect(!machine.sentHandshake)
            return
        }
        _ = try machine.feed(peer.nonceFrame)
        let cipher = encrypt(Peer.padded(frame), try peer.encryptor(setup))
        #expect(throws: error) { try machine.feed(cipher) }
        #expect(machine.sentHandshake)
        // From then on nothing helps.
        #expect(throws: error) { try machine.feed(cipher) }
        #expect(throws: error) { try machine.feed([]) }
    }

    @Test("A refusal, in place of either answer", arguments: [false, true])
    func refused(isNonce: Bool) throws {
        let type: [UInt8] = [0xda, 0xbe, 0x27, 0x6a]
        try expect(type + Self.refusal, .refused(code: -7), isNonce: isNonce)
        let unexpected = MiddleProxyError.unexpectedMessage(type: MiddleProxyType.handshakeError)
        try expect(type + Self.refusal.dropLast(4), unexpected, isNonce: isNonce)
        try expect(type, unexpected, isNonce: isNonce)
        try expect([1, 0, 0, 0], .unexpectedMessage(type: 1), isNonce: isNonce)
    }

    @Test("Answers that are too short")
    func short() throws {
        try expect([0xaa, 0x87, 0xcb, 0x7a], .wrongLength, isNonce: true)
        try expect([0xf5, 0xee, 0x82, 0x76], .wrongLength, isNonce: false)
        try expect([0xf5, 0xee, 0x82, 0x76] + Array(repeating: 0, count: 24), .wrongLength, isNonce: false)
    }

    @Test("A damaged nonce answer", arguments: [8, 12, 20, 40, 43])
    func damaged(place: Int) throws {
        var frame = Peer().nonceFrame
        frame[place] ^= 1
        var machine = MiddleProxyHandshake(try Peer.setup())
        #expect(throws: MiddleProxyError.badFrame(.middleProxyBadChecksum)) { try machine.feed(frame) }
    }

    @Test(
        "Bytes behind the nonce answer",
        arguments: [[0], [4, 1], [4, 0, 0, 1], [4, 0, 0, 0, 5], Array(repeating: 0, count: 48)])
    func unexpected(rest: [UInt8]) throws {
        var machine = MiddleProxyHandshake(try Peer.setup())
        #expect(throws: MiddleProxyError.unexpectedBytes) { try machine.feed(Peer().nonceFrame + rest) }
    }

    @Test("Keys that differ leave garbage")
    func otherKeys() throws {
        let setup = try Peer.setup()
        var machine = MiddleProxyHandshake(setup)
        _ = try machine.feed(Peer().nonceFrame)
        let cipher = encrypt(Peer.padded(Peer().handshakePlain), try Peer(nonce: Array(0..<16)).encryptor(setup))
        #expect {
            try machine.feed(cipher)
        } throws: { error in
            guard case .badFrame = error as? MiddleProxyError else { return false }
            return true
        }
    }

    private static func fillers(_ count: Int) -> [UInt8] {
        (0..<4 * count).map { $0 % 4 == 0 ? 4 : 0 }
    }

    @Test("Fillers without end are ended", arguments: [4, 16, 1000])
    func fillers(perPiece: Int) throws {
        let piece = Self.fillers(perPiece)
        var machine = MiddleProxyHandshake(try Peer.setup())
        #expect(throws: MiddleProxyError.tooManyFillers) {
            for _ in 0..<20 { _ = try machine.feed(piece) }
        }
        let setup = try Peer.setup()
        for isEnciphered in [false, true] {
            machine = MiddleProxyHandshake(setup)
            _ = try machine.feed(Peer().nonceFrame)
            let encryptor = try Peer().encryptor(setup)
            #expect(throws: MiddleProxyError.tooManyFillers) {
                for _ in 0..<20 { _ = try machine.feed(isEnciphered ? encrypt(piece, encryptor) : piece) }
            }
        }
        machine = MiddleProxyHandshake(setup)
        let most = Self.fillers(MiddleProxyHandshake.maximumFillers)
        guard case .send = try machine.feed(most + Peer().nonceFrame) else {
            Issue.record("no handshake")
            return
        }
    }

    @Test("Codes are words, each its own")
    func codes() {
        let all: [MiddleProxyError] = [
            .badFrame(.middleProxyBadChecksum), .tooManyFillers, .unexpectedMessage(type: 1), .wrongLength,
            .unexpectedBytes, .wrongSelector, .wrongSchema(2), .clockSkew(seconds: 1), .badDiffieHellman,
            .mixedFamilies,
            .refused(code: 1), .wrongProcess, .wrongFlags(1),
        ]
        #expect(Set(all.map(\.code)).count == all.count)
        #expect(all.allSatisfy { $0.code.allSatisfy { $0.isLowercase || $0 == "-" } })
    }

    @Test("Nonce answers are the same however they are cut, and nothing traps the machine")
    func drippedNonce() throws {
        let setup = try Peer.setup()
        Drip.check([4, 0, 0, 0] + Peer().nonceFrame + [4, 0, 0, 0]) { pieces -> String in
            var machine = MiddleProxyHandshake(setup)
            do {
                for piece in pieces {
                    // What follows our handshake belongs to the other check.
                    if case .send(let handshake) = try machine.feed(piece) { return Array(buffer: handshake).hex }
                }
            } catch MiddleProxyError.unexpectedBytes {
                // Known only to who gets them together with the answer: our handshake was due.
                machine = MiddleProxyHandshake(setup)
                for byte in pieces.joined() {
                    if case .send(let handshake) = try machine.feed([byte]) { return Array(buffer: handshake).hex }
                }
            }
            return "more"
        }
    }

    @Test("Handshake answers are the same however they are cut, and nothing traps the machine")
    func drippedHandshake() throws {
        let setup = try Peer.setup()
        let peer = Peer()
        let cipher = encrypt(Peer.padded([4, 0, 0, 0] + peer.handshakePlain), try peer.encryptor(setup))
        Drip.check([4, 0, 0, 0] + cipher) { pieces -> String in
            var machine = MiddleProxyHandshake(setup)
            _ = try machine.feed(peer.nonceFrame)
            for piece in pieces {
                if case .established(let link) = try machine.feed(piece) { return "\(link.writer) \(link.reader)" }
            }
            return "more"
        }
    }
}
