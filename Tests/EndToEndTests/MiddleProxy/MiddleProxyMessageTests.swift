import MTProtoWire
import NIOCore
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("Messages of clients on their way to a middle proxy", .timeLimit(.minutes(4)))
struct MiddleProxyMessageTests {
    /// Around the shortest, the longest, where an abridged header grows, and where a socket's buffers end.
    private static let lengths = [56, 60, 64, 504, 508, 512, 65_532, 262_144, 1_044_476, 1_044_480]

    @Test("Messages from 56 to 1,044,480 bytes arrive whole both ways", arguments: PacketFraming.allCases)
    func lengths(framing: PacketFraming) async throws {
        try await withMiddleProxy { proxy, middle in
            let form: SecretForm = framing == .intermediate ? .fakeTLS : .plain
            let client = try await proxy.messenger(form, framing: framing)
            var generator = SeededGenerator(seed: .random(in: 0...(.max)))
            let random = (0..<4).map { _ in Int.random(in: 14...100_000, using: &generator) * 4 }
            let lengths = (Self.lengths + random).shuffled(using: &generator)
            var sent = RunningDigest()
            for length in lengths {
                let message = Self.message(length, &generator)
                sent.update(message)
                let cuts = (0..<8).map { _ in Int.random(in: 1...max(1, length / 4), using: &generator) }
                try await client.sendStream(
                    PacketEncoder.encode(message, framing: framing), segments: .sizes(cuts))
                guard case .packet(let answer, _)? = try await client.receiveItem() else {
                    throw KitError.violation("no packet came back")
                }
                #expect((0...3).contains(answer.count - length))
                #expect(sha256(Array(answer.prefix(length))) == sha256(message))
            }
            let facts = try await middle.session(0).facts
            #expect(facts.messageLengths == lengths)
            #expect(facts.digestReceived == sent.value)
            #expect(facts.digestSent == sent.value)
            await client.close()
        }
    }

    /// Random bytes that pass for an encrypted message.
    private static func message(_ length: Int, _ generator: inout SeededGenerator) -> [UInt8] {
        [0x99] + generator.bytes(length - 1)
    }

    struct BrokenHeader: Sendable, CustomTestStringConvertible {
        var framing: PacketFraming
        var testDescription: String
        var bytes: [UInt8]

        private static func abridged(_ name: String, _ bytes: [UInt8]) -> BrokenHeader {
            BrokenHeader(framing: .abridged, testDescription: "abridged, \(name)", bytes: bytes)
        }

        private static func length(_ length: UInt32, _ framing: PacketFraming) -> BrokenHeader {
            let bytes = (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
            return BrokenHeader(framing: framing, testDescription: "\(framing), \(length) bytes", bytes: bytes)
        }

        /// 261,121 words are one too many.
        static let all =
            [
                abridged("no words", [0]), abridged("261,121 words", [0x7f, 0x01, 0xfc, 0x03]),
                abridged("16,777,215 words", [0x7f, 0xff, 0xff, 0xff]),
            ] + [0, 57, 1_044_484, 0x7fff_fffc].map { length($0, .intermediate) }
            + [0, 3, 1_044_496, 0x7fff_fffc].map { length($0, .paddedIntermediate) }
    }

    @Test("A length that no client sends ends that client and nobody else", arguments: BrokenHeader.all)
    func brokenHeader(_ header: BrokenHeader) async throws {
        try await withMiddleProxy { proxy, middle in
            let neighbour = try await proxy.settledMessenger()
            let client = try await proxy.messenger(framing: header.framing)
            try await client.exchange([1])
            try await client.sendStream(ByteBuffer(bytes: header.bytes + [UInt8](repeating: 7, count: 64)))
            _ = try await client.waitUntilOver()
            #expect(try await proxy.endOfSession()["reason"] == "client-protocol-error")
            let session = try await middle.session(1)
            try await eventually("the close at the middle proxy") { session.facts.sawClose }
            #expect(session.facts.messagesReceived == 1)
            try await neighbour.exchange([2])
            #expect(proxy.keptItsLinks(middle))
            await neighbour.close()
        }
    }

    /// What is no message of a client, by what is wrong with it.
    private static let rubbish: [[UInt8]] = {
        let id = [UInt8](repeating: 0x42, count: 8)
        let zeros = [UInt8](repeating: 0, count: 8)
        let question: [UInt8] = [0xf1, 0x8e, 0x7e, 0xbe]
        return [
            // Too short for anything, for an encrypted message, for a question.
            [1, 2, 3, 4], id + [UInt8](repeating: 1, count: 16), id + [UInt8](repeating: 1, count: 44),
            zeros + id + [20, 0, 0, 0] + question,
            // A word that stands at the start of nothing that clients ask without a key.
            zeros + id + [20, 0, 0, 0, 1, 2, 3, 4] + [UInt8](repeating: 1, count: 16),
            // An inner length beyond the end, and one that is too small.
            zeros + id + [24, 0, 0, 0] + question + [UInt8](repeating: 1, count: 16),
            zeros + id + [16, 0, 0, 0] + question + [UInt8](repeating: 1, count: 16),
            zeros + id + [0xff, 0xff, 0xff, 0xff] + question + [UInt8](repeating: 1, count: 16),
            // RPC_PING: Telegram's own proxy would answer it.
            LinkWord.ping(7),
        ]
    }()

    @Test("What is no message is not forwarded, and the session goes on", arguments: PacketFraming.allCases)
    func rubbish(framing: PacketFraming) async throws {
        try await withMiddleProxy { proxy, middle in
            let client = try await proxy.messenger(framing: framing)
            for rubbish in Self.rubbish {
                try await client.send(rawPacket: rubbish)
                try await client.sendStream(PacketEncoder.encode(rubbish, framing: framing), segments: .every(5))
            }
            try await client.exchange([1, 2, 3])
            for rubbish in Self.rubbish { try await client.send(rawPacket: rubbish) }
            try await client.exchange([4, 5, 6])
            let facts = try await middle.session(0).facts
            #expect(facts.messagesReceived == 2)
            #expect(proxy.metrics.value("martlet_middle_proxy_refused_messages_total") == 3 * Self.rubbish.count)
            await client.close()
        }
    }

    @Test("Several messages in one write stay several and in order")
    func joined() async throws {
        try await withMiddleProxy { proxy, middle in
            let client = try await proxy.messenger(.fakeTLS, framing: .abridged)
            var generator = SeededGenerator(seed: 5)
            let payloads = (0..<50).map { generator.bytes($0 * 37) }
            try await client.send(joined: payloads)
            for payload in payloads { #expect(try await client.receive() == payload) }
            #expect(try await middle.session(0).facts.messagesReceived == 50)
            await client.close()
        }
    }
}
