import MTProtoWire
import ProxyEngine
import ProxyPolicy
import ProxyTestKit
import Testing

@Suite("Every transport with every secret by every route", .serialized)
struct TransportMatrixTests {
    struct Combination: Sendable, CustomTestStringConvertible {
        var framing: PacketFraming
        var form: SecretForm
        var way: Way

        var testDescription: String { "\(framing), \(form) secret, \(way)" }

        static let all = Way.allCases.flatMap { way in
            SecretForm.allCases.flatMap { form in
                PacketFraming.allCases.map { Combination(framing: $0, form: form, way: way) }
            }
        }
    }

    @Test("Messages of any size up to 1 MiB arrive whole at both ends", arguments: Combination.all)
    func exchange(_ combination: Combination) async throws {
        try await withProxy(to: combination.way, adapt: { $0.secrets = [combination.form.named] }) { proxy, open in
            let client = try await TelegramClient.connect(
                port: proxy.port,
                secret: combination.form.secret,
                options: TelegramClientOptions(framing: combination.framing)
            )
            var (sent, received) = (RunningDigest(), RunningDigest())
            for payload in Self.payloads() {
                // The very first answer is a quick acknowledgement: no packet has come before it.
                let wantsQuickAck = sent.count == 0 || payload.count % 3 == 0
                sent.update(payload)
                try await client.send(payload, wantsQuickAck: wantsQuickAck)
                received.update(try await client.receive())
            }
            let burst = Self.payloads()
            for payload in burst { sent.update(payload) }
            try await client.echoAll(burst, into: &received)
            #expect(received.value == sent.value)

            await client.close()
            try await check(open, combination, sent, client)
            try await checkLog(proxy, combination, sent)
        }
    }

    /// What the data center and the edge before it saw.
    private func check(
        _ open: OpenWay,
        _ combination: Combination,
        _ sent: RunningDigest,
        _ client: TelegramClient
    ) async throws {
        let session = try await open.desk.session(0)
        try await eventually("the end of the session") { session.facts.isOver }
        let facts = session.facts
        #expect(facts.failure == nil)
        #expect(facts.framing == combination.framing)
        #expect(facts.dataCenterWire == 2)
        #expect(facts.payloadBytesReceived == sent.count)
        #expect(facts.digest == sent.value)
        #expect(facts.quickAcksWanted > 0)
        #expect(await client.quickAcks.count == facts.quickAcksWanted)
        #expect(await client.quickAcks.allSatisfy { $0 & 0x8000_0000 != 0 })
        #expect(facts.header != client.header.bytes)
        guard let edge = open.edge else { return }
        try await eventually("the end of the WebSocket") { edge.facts.allSatisfy(\.isOver) }
        let socket = try #require(edge.facts.first)
        #expect(edge.facts.count == 1)
        #expect(socket.closeCode == 1000)
        #expect(socket.fragmentedMessages == 0)
        // The header is a message of its own, and each packet is one.
        if open.way.sendsPackets { #expect(socket.messages == facts.packetsReceived + 1) }
        #expect(edge.violations == [])
    }

    private func checkLog(_ proxy: RunningProxy, _ combination: Combination, _ sent: RunningDigest) async throws {
        let line = try await proxy.endOfSession()
        #expect(line["route"]?.hasPrefix(combination.way.routeKind.rawValue + " ") == true)
        #expect(line["user"] == combination.form.rawValue)
        #expect(line["client"] == "127.0.0.1")
        #expect(line["dc"] == "2")
        #expect(line["reason"] == "client-closed")
        #expect(line["up"].flatMap { Int($0) } ?? 0 > sent.count)
        #expect(line["down"].flatMap { Int($0) } ?? 0 > sent.count)
        #expect(proxy.log.lines("route failed").isEmpty)
    }

    /// Sizes around every change of header length, some random ones, the largest one, and nothing at all.
    private static func payloads() -> [[UInt8]] {
        var generator = SystemRandomNumberGenerator()
        let random = (0..<5).map { _ in 1 << Int.random(in: 0...19, using: &generator) }
            .map { $0 + Int.random(in: 0..<$0, using: &generator) }
        // 508 bytes with the envelope is where an abridged header grows; 126 and 65536 are a WebSocket frame's steps.
        let sizes = [0, 1, 103, 106, 484, 488, 65_500, 65_516] + random + [1 << 20]
        var seeded = SeededGenerator(seed: generator.next())
        return sizes.shuffled(using: &generator).map { seeded.bytes($0) }
    }
}

extension TelegramClient {
    /// Sends all payloads while the answers come back.
    nonisolated func echoAll(_ payloads: [[UInt8]], into digest: inout RunningDigest) async throws {
        async let sending: Void = sendAll(payloads)
        for payload in payloads {
            let answer = try await receive()
            guard sha256(answer) == sha256(payload) else {
                throw KitError.violation("sent \(payload.count) bytes, got \(answer.count) other bytes back")
            }
            digest.update(answer)
        }
        try await sending
    }

    private nonisolated func sendAll(_ payloads: [[UInt8]]) async throws {
        for payload in payloads { try await send(payload) }
    }
}
