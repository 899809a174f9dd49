import MTProtoWire
import NIOCore
import Testing

/// Whole links of the vectors, step by step through what a link is made of.
@Suite("Middle-proxy links of the vectors")
struct MiddleProxySequenceTests {
    typealias Sequence = MiddleProxyVectors.Sequence

    @Test(
        "Nonces, handshakes and messages are those of the vectors",
        arguments: VectorFiles.middleProxy.handshakeSequences)
    func replayed(sequence: Sequence) throws {
        var replay = try Replay(sequence)
        for step in sequence.steps[4...] {
            try replay.run(step)
        }
    }

    /// One end of a vector's link behind its handshake.
    private struct Replay {
        private let sequence: Sequence
        private var link: EstablishedLink
        /// The vector's own stream towards the middle proxy, for what another program put into the handshake.
        private let encryptor: CBCEncryptor

        /// Goes through the four handshake frames.
        init(_ sequence: Sequence) throws {
            self.sequence = sequence
            let frames = sequence.steps.prefix(4)
            let ours = try #require(frames[2].plain).bytes
            let setup = MiddleProxyHandshake.Setup(
                secret: try #require(MiddleProxySecret(bytes: sequence.secret.bytes)),
                local: sequence.clt.endpoint, remote: sequence.srv.endpoint, process: try process(in: ours),
                nonce: try sequence.cltNonce.block16(), unixTime: sequence.ts, offersCRC32C: ours[13] == 8)
            var handshake = MiddleProxyHandshake(setup)

            // Some put a filler behind their nonce frame.
            #expect(try Array(buffer: handshake.start()) == Array(#require(frames[0].bytes).bytes.prefix(44)))
            #expect(!handshake.sentHandshake)

            var answer = ByteBuffer(bytes: try #require(frames[1].bytes).bytes)
            guard case .send(let sent) = try handshake.receive(&answer, unixTime: sequence.ts) else {
                throw Unexpected()
            }
            #expect(handshake.sentHandshake)
            #expect(answer.readableBytes == 0)
            encryptor = CBCEncryptor(try cbcKey(sequence.clientWriteKey, sequence.clientWriteIv))
            let cipher = try #require(frames[2].cipher).bytes
            #expect(encrypt(ours, encryptor) == cipher)
            if sequence.name.hasPrefix("official") {
                #expect(Array(buffer: sent) == cipher)
            } else {
                try Self.expectSameButPeer(Array(buffer: sent), ours, sequence)
            }

            var last = ByteBuffer(bytes: try #require(frames[3].cipher).bytes)
            guard case .established(let link) = try handshake.receive(&last, unixTime: sequence.ts) else {
                throw Unexpected()
            }
            #expect(link.leftover == ByteBuffer(bytes: [4, 0, 0, 0]))
            #expect(link.undecrypted.readableBytes == 0)
            #expect(link.skewSeconds == (sequence.name.hasPrefix("python") ? 2 : 0))
            #expect(link.writer.crc == (ours[13] == 8 ? .crc32c : .crc32))
            self.link = link
        }

        /// Python's proxy gives itself as its peer; all else is the same.
        private static func expectSameButPeer(
            _ cipher: [UInt8], _ expected: [UInt8], _ sequence: Sequence
        ) throws {
            let decryptor = CBCDecryptor(try cbcKey(sequence.clientWriteKey, sequence.clientWriteIv))
            let plain = decrypt(cipher, decryptor)
            #expect(plain.count == 48)
            #expect(plain.prefix(28) == expected.prefix(28))
            #expect(plain.suffix(4) == expected.suffix(4))
        }

        mutating func run(_ step: MiddleProxyVectors.Step) throws {
            let plain = try #require(step.plain).bytes
            let cipher = try #require(step.cipher).bytes
            let payload = Array(plain[8..<(Int(plain[0]) - 4)])
            if step.dir == "c2s" {
                var buffer = ByteBuffer()
                link.writer.write(payload, into: &buffer)
                MiddleProxyFrameWriter.pad(&buffer, from: 0)
                #expect(Array(buffer: buffer) == plain)
                let isExact = sequence.name.hasPrefix("official")
                #expect(encrypt(plain, isExact ? link.encryptor : encryptor) == cipher)
                if step.decoded != nil { try ProxyRequestTests.expectSame(payload) }
            } else {
                #expect(decrypt(cipher, link.decryptor) == plain)
                let found = try plain.withUnsafeBytes { try link.reader.next($0) }
                #expect(found == .frame(payload: 8..<Int(plain[0]) - 4, length: Int(plain[0])))
                let message = try payload.withUnsafeBytes { try MiddleProxyMessage($0) }
                let connection: UInt64 = 0x40_0008 + (sequence.name.hasSuffix("ipv6") ? 0 : 1)
                let expected: MiddleProxyMessage =
                    step.step.contains("ACK")
                    ? .simpleAck(connection: connection, confirm: 0x8102_0304)
                    : .answer(connection: connection, flags: 0, data: 16..<payload.count)
                #expect(message == expected)
            }
        }
    }

    private struct Unexpected: Error {}
}

/// The sender in a handshake frame.
private func process(in frame: [UInt8]) throws -> ProcessID {
    var buffer = ByteBuffer(bytes: frame[16..<28])
    return try #require(ProcessID(reading: &buffer))
}

/// Continues a stream with bytes.
func encrypt(_ bytes: [UInt8], _ stream: CBCEncryptor) -> [UInt8] {
    var copy = bytes
    copy.withUnsafeMutableBytes { stream.encrypt(inPlace: $0) }
    return copy
}

/// Continues a stream with bytes.
func decrypt(_ bytes: [UInt8], _ stream: CBCDecryptor) -> [UInt8] {
    var copy = bytes
    copy.withUnsafeMutableBytes { output in
        bytes.withUnsafeBytes { input in
            guard let base = output.baseAddress else { return }
            stream.decrypt(input, into: base)
        }
    }
    return copy
}
