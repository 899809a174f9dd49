import Foundation
import MTProtoWire
import NIOCore
import ProxyTestKit
import Testing

/// What other implementations hashed, framed and sent (Vectors/middleproxy.json of MTProtoWireTests, made by running
/// them), as far as the kit has to do with it.
struct MiddleProxyRecords: Decodable, Sendable {
    struct Derivation: Decodable, Sendable, CustomTestStringConvertible {
        var name, srvNonce, cltNonce, srvIp, cltIp, secret, prekeyClient, prekeyServer: String
        var cltTs: UInt32
        var srvPort, cltPort: UInt16
        var clientWriteKey, clientWriteIv, clientReadKey, clientReadIv: String

        var testDescription: String { name }
    }

    struct Exchange: Decodable, Sendable {
        var baseVector, tempKeyGAb, clientWriteKey, clientWriteIv, clientReadKey, clientReadIv: String
    }

    struct Step: Decodable, Sendable {
        var dir, step: String
        var bytes, plain, cipher: String?
    }

    struct Place: Decodable, Sendable {
        var endpoint: Endpoint

        init(from decoder: any Decoder) throws {
            var list = try decoder.unkeyedContainer()
            let address = IPAddress(try list.decode(String.self))
            endpoint = Endpoint(address: try #require(address), port: try list.decode(UInt16.self))
        }
    }

    struct Sequence: Decodable, Sendable, CustomTestStringConvertible {
        var name, secret, srvNonce: String
        var srv, clt: Place
        var steps: [Step]

        var testDescription: String { name }
    }

    struct Framing: Decodable, Sendable {
        var seq: Int32
        var payload, frameCrc32, frameCrc32C, paddedForCbc: String
    }

    struct Answer: Decodable, Sendable {
        var name, payload: String
    }

    struct Sample: Decodable, Sendable {
        var payload, remote, our, adTag: String
        var connId: UInt64
        var dataLen: Int
    }

    var keyDerivation: [Derivation]
    var keyDerivationDhSchema3: Exchange
    var handshakeSequences: [Sequence]
    var framing: [Framing]
    var answers: [Answer]
    var proxyReqSamples: [Sample]

    static let all: MiddleProxyRecords = {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let file = tests.deletingLastPathComponent().appendingPathComponent("MTProtoWireTests/Vectors/middleproxy.json")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            return try decoder.decode(MiddleProxyRecords.self, from: Data(contentsOf: file))
        } catch {
            preconditionFailure("\(file.path): \(error)")
        }
    }()
}

/// The bytes of hexadecimal text.
func unhex(_ text: String) -> [UInt8] {
    let digits = Array(text.utf8).compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

@Suite("The kit's middle proxy against recordings of others", .timeLimit(.minutes(2)))
struct MiddleProxyVectorTests {
    @Test("Keys", arguments: MiddleProxyRecords.all.keyDerivation)
    func keys(vector: MiddleProxyRecords.Derivation) throws {
        let material = try material(vector)
        #expect(hex(material.prekey(.client)) == vector.prekeyClient)
        #expect(hex(material.prekey(.server)) == vector.prekeyServer)
        #expect(hex(material.keys(.client).key) == vector.clientWriteKey)
        #expect(hex(material.keys(.client).iv) == vector.clientWriteIv)
        #expect(hex(material.keys(.server).key) == vector.clientReadKey)
        #expect(hex(material.keys(.server).iv) == vector.clientReadIv)
    }

    private func material(_ vector: MiddleProxyRecords.Derivation) throws -> LinkKeyMaterial {
        LinkKeyMaterial(
            serverNonce: unhex(vector.srvNonce), clientNonce: unhex(vector.cltNonce), clientTime: vector.cltTs,
            server: Endpoint(address: try #require(IPAddress(vector.srvIp)), port: vector.srvPort),
            client: Endpoint(address: try #require(IPAddress(vector.cltIp)), port: vector.cltPort),
            secret: unhex(vector.secret)
        )
    }

    @Test("Keys with Diffie-Hellman")
    func exchange() throws {
        let vector = MiddleProxyRecords.all.keyDerivationDhSchema3
        let base = try #require(MiddleProxyRecords.all.keyDerivation.first { $0.name == vector.baseVector })
        var material = try material(base)
        material.shared = unhex(vector.tempKeyGAb)
        #expect(hex(material.keys(.client).key) == vector.clientWriteKey)
        #expect(hex(material.keys(.client).iv) == vector.clientWriteIv)
        #expect(hex(material.keys(.server).key) == vector.clientReadKey)
        #expect(hex(material.keys(.server).iv) == vector.clientReadIv)
    }

    @Test("Checksums and frames")
    func framing() throws {
        #expect(LinkChecksum.crc32.value(Array("123456789".utf8)) == 0xcbf4_3926)
        #expect(LinkChecksum.crc32c.value(Array("123456789".utf8)) == 0xe306_9283)
        for vector in MiddleProxyRecords.all.framing {
            let payload = unhex(vector.payload)
            let plain = LinkFrame.encode(payload, sequence: vector.seq, checksum: .crc32)
            #expect(hex(plain) == vector.frameCrc32)
            #expect(hex(LinkFrame.encode(payload, sequence: vector.seq, checksum: .crc32c)) == vector.frameCrc32C)
            var decoder = LinkFrameDecoder(sequence: vector.seq)
            decoder.append(unhex(vector.paddedForCbc))
            #expect(try decoder.next() == payload)
            #expect(try decoder.next() == nil)
            #expect(decoder.waiting == 0)
        }
    }

    @Test("Payloads")
    func payloads() throws {
        let all = MiddleProxyRecords.all.answers.map { unhex($0.payload) }
        let id: UInt64 = 0x400009
        #expect(all[0] == LinkWord.answer(id, [UInt8](repeating: 0x11, count: 8)))
        #expect(all[1] == LinkWord.simpleAck(id, confirm: 0x8102_0304))
        #expect(all[2] == LinkWord.closeExternal(id))
        #expect(all[3] == LinkWord.closeConnection(id))
        #expect(all[4] == LinkWord.ping(0x1122_3344_5566_7788))
        for sample in MiddleProxyRecords.all.proxyReqSamples {
            let request = try LinkRequest(parsing: unhex(sample.payload))
            #expect(request.client.description == sample.remote)
            #expect(request.proxy.description == sample.our)
            #expect(request.adTag.map { hex($0) } == sample.adTag)
            #expect(request.connection == sample.connId)
            #expect(request.message.count == sample.dataLen)
            #expect(request.violations.isEmpty)
        }
    }

    @Test("A recorded proxy gets exactly the recorded bytes", arguments: MiddleProxyRecords.all.handshakeSequences)
    func sequences(vector: MiddleProxyRecords.Sequence) async throws {
        let nonce = unhex(try #require(vector.steps[1].bytes))
        let handshake = unhex(try #require(vector.steps[3].plain))
        var opening = MiddleProxyOpening()
        opening.nonce = unhex(vector.srvNonce)
        opening.timestamp = nonce[20..<24].reversed().reduce(0) { $0 << 8 | UInt32($1) }
        opening.process = Array(handshake[16..<28])
        opening.toleratedSkewSeconds = nil
        (opening.seesProxyAt, opening.seesProxyAtPort) = (vector.clt.endpoint.address, vector.clt.endpoint.port)
        opening.standsAt = vector.srv.endpoint
        try await withKit { [opening] kit in
            var behaviour = MiddleProxyBehaviour(.silence, opening: opening)
            behaviour.sendsSimpleAcks = false
            let proxy = try await kit.keep(FakeMiddleProxy.start(behaviour, secret: unhex(vector.secret)))
            let stream = try await ByteStream.connect(port: proxy.port)
            var sent = 0
            for (index, step) in vector.steps.enumerated() {
                let wire = unhex(try #require(step.bytes ?? step.cipher))
                if step.dir == "c2s" {
                    try await stream.write(wire)
                    sent += 1
                    continue
                }
                if index > 3 {
                    let plain = unhex(try #require(step.plain))
                    let length = Int(plain[0]) | Int(plain[1]) << 8
                    // In the order of the recording: what came before was understood.
                    let link = try await proxy.link(0)
                    try await eventually { [sent] in link.facts.framesReceived == sent }
                    try await link.send([Array(plain[8..<length - 4])])
                }
                let answer = try await stream.read(exactly: wire.count, within: .seconds(60))
                #expect(hex(Array(buffer: answer)) == hex(wire), "\(step.step)")
            }
            let link = try await proxy.link(0)
            try await eventually { [sent] in link.facts.framesReceived == sent }
            #expect(link.facts.usesCRC32C == vector.name.contains("official"))
            // The recordings of the Python proxy were made by hand, with one id for several clients.
            kit.tolerateViolations()
            #expect(proxy.violations.count == (vector.name.contains("python") ? 2 : 0))
            #expect(proxy.sessionFacts.first?.sawClose == vector.name.contains("official"))
        }
    }
}
