import Foundation
import MTProtoWire
import NIOCore
import ProxyTestKit
import Testing

/// The kit makes frames, keys and ciphers by itself; here the proxy's handshake and frame reader meet them.
@Suite("The kit's middle proxy and the proxy's link agree", .timeLimit(.minutes(2)))
struct MiddleProxyAgreementTests {
    private static var now: UInt32 { UInt32(truncatingIfNeeded: Int(Date().timeIntervalSince1970)) }

    private func endpoint(_ socket: SocketAddress?) throws -> Endpoint {
        let socket = try #require(socket)
        let text = try #require(socket.ipAddress)
        let address = try #require(IPAddress(text))
        return Endpoint(address: address, port: UInt16(socket.port ?? 0))
    }

    private func setup(_ stream: ByteStream, _ offersCRC32C: Bool, _ prime: [UInt8]?) throws
        -> MiddleProxyHandshake.Setup
    {
        var generator = SeededGenerator(seed: .random(in: 0...(.max)))
        let group = prime.flatMap { DiffieHellmanGroup(prime: $0) }
        return MiddleProxyHandshake.Setup(
            secret: try #require(MiddleProxySecret(bytes: FakeMiddleProxy.secret)),
            local: try endpoint(stream.localAddress), remote: try endpoint(stream.remoteAddress),
            process: ProcessID(ip: 0xc0a8_0101, port: 443, pid: 4711, startTime: Self.now),
            nonce: try #require(Block16(bytes: generator.bytes(16))), unixTime: Self.now, offersCRC32C: offersCRC32C,
            // Short, because nothing is optimized in tests.
            diffieHellman: group.map { ($0, generator.bytes(8)) }
        )
    }

    /// Runs the proxy's handshake on a stream.
    private func open(
        _ stream: ByteStream, offersCRC32C: Bool = true, prime: [UInt8]? = nil
    ) async throws -> EstablishedLink {
        var handshake = MiddleProxyHandshake(try setup(stream, offersCRC32C, prime))
        try await stream.write(handshake.start())
        var bytes = ByteBuffer()
        while true {
            switch try handshake.receive(&bytes, unixTime: Self.now) {
            case .needMore:
                bytes = try #require(try await stream.read(within: .seconds(60)))
            case .send(let answer):
                try await stream.write(answer)
                bytes = ByteBuffer()
            case .established(let link):
                return link
            }
        }
    }

    @Test("Links open with either checksum and family", arguments: [true, false], ["127.0.0.1", "::1"])
    func opens(offersCRC32C: Bool, host: String) async throws {
        try await withKit { kit in
            let proxy = try await kit.keep(FakeMiddleProxy.start(listen: ListenOptions(host: host)))
            proxy.change { $0.opening.firstPayloads = [LinkWord.ping(77)] }
            let stream = try await ByteStream.connect(host: host, port: proxy.port)
            var link = try await open(stream, offersCRC32C: offersCRC32C)
            let facts = try await proxy.link(0).facts
            #expect(facts.usesCRC32C == offersCRC32C)
            #expect(facts.senderProcess.count == 12)
            // A frame in the batch of the handshake answer: it is the first one behind it.
            var plain = link.leftover
            var ping: [UInt8]?
            while ping == nil, plain.readableBytes > 0 {
                switch try plain.withUnsafeReadableBytes({ try link.reader.next($0) }) {
                case .needMore: throw KitError.violation("half a frame")
                case .filler(let count): plain.moveReaderIndex(forwardBy: count)
                case .frame(let payload, _): ping = plain.withUnsafeReadableBytes { Array($0[payload]) }
                }
            }
            #expect(ping == LinkWord.ping(77))
            var frame = ByteBuffer()
            link.writer.write(LinkWord.pong(5), into: &frame)
            MiddleProxyFrameWriter.pad(&frame, from: 0)
            frame.withUnsafeMutableReadableBytes { link.encryptor.encrypt(inPlace: $0) }
            try await stream.write(frame)
            try await eventually { proxy.violations == ["a pong that nobody asked for"] }
            kit.tolerateViolations()
        }
    }

    @Test("Links open with Diffie-Hellman")
    func exchange() async throws {
        try await withKit { kit in
            let proxy = try await kit.keep(FakeMiddleProxy.start())
            proxy.change { $0.opening.prime = LinkExchange.testPrime }
            let stream = try await ByteStream.connect(port: proxy.port)
            _ = try await open(stream, prime: LinkExchange.testPrime)
            #expect(try await proxy.link(0).facts.schema == 3)
            proxy.change { $0.opening.fault = .weakPublicValue }
            let weak = try await ByteStream.connect(port: proxy.port)
            await #expect(throws: MiddleProxyError.badDiffieHellman) {
                _ = try await open(weak, prime: LinkExchange.testPrime)
            }
        }
    }

    @Test(
        "Faults of the opening have their names",
        arguments: [
            (.wrongSelector, .wrongSelector), (.wrongSchema(2), .wrongSchema(2)), (.wrongProcess, .wrongProcess),
            (.handshakeError(-4), .refused(code: -4)), (.bytesBehindNonce, .unexpectedBytes),
        ] as [(MiddleProxyOpening.Fault, MiddleProxyError)]
    )
    func faults(fault: MiddleProxyOpening.Fault, error: MiddleProxyError) async throws {
        try await withKit { kit in
            let proxy = try await kit.keep(FakeMiddleProxy.start(.failing(fault)))
            let stream = try await ByteStream.connect(port: proxy.port)
            await #expect(throws: error) { _ = try await open(stream) }
        }
    }

    @Test("The proxy's requests are understood", arguments: PacketFraming.allCases, [true, false])
    func requests(framing: PacketFraming, isTagged: Bool) throws {
        let client = Endpoint(address: try #require(IPAddress("2001:db8::77")), port: 50_124)
        let here = Endpoint(address: try #require(IPAddress("203.0.113.7")), port: 443)
        let tag = try #require(Block16(bytes: Array(1...16)))
        let written = ProxyRequest(
            connection: 99, client: client, proxy: here, framing: framing, adTag: isTagged ? AdTag(bytes: tag) : nil)
        let message = MessageEnvelope.wrap([1, 2, 3], id: 1, form: .encrypted)
        var bytes = [UInt8](repeating: 0, count: written.headerLength)
        bytes.withUnsafeMutableBytes { space in
            guard let base = space.baseAddress else { return }
            written.write(isEncrypted: true, wantsQuickAck: true, into: base)
        }
        let request = try LinkRequest(parsing: bytes + message)
        #expect(request.connection == 99)
        #expect(request.client == client && request.proxy == here)
        #expect(request.adTag == (isTagged ? Array(1...16) : nil))
        #expect(request.message == message)
        #expect(request.violations.isEmpty)
        #expect(request.flags & LinkRequest.Flag.quickAck != 0)
    }

    @Test("The proxy lets messages of the kit pass, but for those of any content")
    func messages() {
        func judge(_ form: MessageEnvelope.Form, _ count: Int) -> ClientMessage.Verdict {
            MessageEnvelope.wrap([UInt8](repeating: 1, count: count), id: 4, form: form)
                .withUnsafeBytes { ClientMessage.judge($0) }
        }
        for count in [0, 1, 5, 31, 32, 33, 70_000] {
            #expect(judge(.encrypted, count) == .encrypted)
            #expect(judge(.keyExchange, count) == .handshake)
            #expect(judge(.unencrypted, count) == .refused)
        }
    }

    @Test("Both ways to acknowledge quickly are understood", arguments: PacketFraming.allCases)
    func acks(framing: PacketFraming) throws {
        var (raw, packets) = (0, 0)
        for seed in 0..<200 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            var stream = ByteBuffer(
                bytes: QuickAck.packets(confirm: 0x8765_4321, framing: framing, random: generator.next()))
            var decoder = PacketDecoder(framing: framing, side: .client)
            if stream.readableBytes == 4 { raw += 1 } else { packets += 1 }
            #expect(try decoder.next(&stream) == .quickAck(0x8765_4321))
            let isPackets = stream.readableBytes > 0
            #expect(try decoder.next(&stream) == nil)
            #expect(decoder.emptyPackets == (isPackets ? 1 : 0))
            #expect(stream.readableBytes == 0)
        }
        #expect(raw > 0)
        #expect((packets > 0) == (framing == .paddedIntermediate))
    }
}
