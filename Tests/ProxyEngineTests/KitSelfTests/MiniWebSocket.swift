import MTProtoWire
import NIOCore
import ProxyTestKit

/// A WebSocket client of a few lines, correct unless told otherwise, to try the kit's server with.
final class MiniWebSocket {
    let stream: ByteStream
    let response: HTTPResponse
    private var input = ByteBuffer()
    private var generator = SeededGenerator(seed: 9)
    private let header: ObfuscationHeader
    private var outbound: AESCTR
    private var inbound: AESCTR

    struct Frame: Equatable {
        var first: UInt8
        var payload: [UInt8]
    }

    static let key = "dGhlIHNhbXBsZSBub25jZQ=="
    static let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    static func fields(adding more: [HTTPField] = []) -> [HTTPField] {
        [
            HTTPField("Upgrade", "websocket"), HTTPField("Connection", "Upgrade"),
            HTTPField("Sec-WebSocket-Key", key), HTTPField("Sec-WebSocket-Version", "13"),
        ] + more
    }

    init(
        port: Int,
        host: String = "kws2.web.telegram.org",
        target: String = "/apiws",
        framing: PacketFraming = .intermediate,
        dataCenter: Int16 = 2,
        usesTLS: Bool = true
    ) async throws {
        if usesTLS {
            let configuration = try await CertificateAuthority.shared().clientConfiguration()
            stream = try await ByteStream.connectTLS(port: port, serverName: host, configuration: configuration)
        } else {
            stream = try await ByteStream.connect(port: port)
        }
        var client = WebClient(stream)
        let fields = Self.fields(adding: [HTTPField("Sec-WebSocket-Protocol", "binary")])
        response = try await client.request("GET", target, host: host, fields: fields)
        header = try .make(framing: framing, dataCenterWire: dataCenter, secret: nil, using: &generator)
        outbound = AESCTR(header.fromSender)
        outbound.seek(to: 64)
        inbound = AESCTR(header.toSender)
        // A frame may come along with the response.
        input = client.unread
    }

    func sendHeader() async throws {
        try await send(opcode: 2, header.bytes)
    }

    /// Sends packets in one message.
    func send(packets payloads: [[UInt8]]) async throws {
        var plain = ByteBuffer()
        for payload in payloads {
            plain.writeImmutableBuffer(
                PacketEncoder.encode(MessageEnvelope.wrap(payload, id: 4), framing: header.framing)
            )
        }
        try await send(opcode: 2, outbound.apply(Array(buffer: plain)))
    }

    /// Receives one packet in one message.
    func receivePacket() async throws -> StreamItem? {
        var message: [UInt8] = []
        while let frame = try await receiveFrame() {
            if frame.first & 0x0f == 9 { try await send(opcode: 10, frame.payload) }
            guard frame.first & 0x0f < 8 else { continue }
            message += frame.payload
            guard frame.first & 0x80 != 0 else { continue }
            var plain = ByteBuffer(bytes: inbound.apply(message))
            var decoder = PacketDecoder(framing: header.framing, side: .client)
            let item = try decoder.next(&plain)
            return plain.readableBytes == 0 ? item : nil
        }
        return nil
    }

    func echo(_ payload: [UInt8]) async throws -> [UInt8] {
        try await send(packets: [payload])
        guard case .packet(let packet, _) = try await receivePacket() else { return [] }
        return try MessageEnvelope.unwrap(packet)
    }

    func send(opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true, mask: [UInt8]? = nil) async throws {
        var bytes: [UInt8] = [(isFinal ? 0x80 : 0) | opcode]
        switch payload.count {
        case 0..<126: bytes += [0x80 | UInt8(payload.count)]
        case 126..<65536: bytes += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xff)]
        default: bytes += [0x80 | 127] + (0..<8).reversed().map { UInt8(truncatingIfNeeded: payload.count >> ($0 * 8)) }
        }
        let mask = mask ?? generator.bytes(4)
        bytes += mask
        bytes += payload.indices.map { payload[$0] ^ mask[$0 & 3] }
        try await stream.write(bytes)
    }

    func receiveFrame() async throws -> Frame? {
        guard let head = try await take(2) else { return nil }
        var length = Int(head[1])
        if length == 126 {
            length = try await take(2)?.reduce(0) { $0 << 8 | Int($1) } ?? 0
        } else if length == 127 {
            length = try await take(8)?.reduce(0) { $0 << 8 | Int($1) } ?? 0
        }
        return Frame(first: head[0], payload: try await take(length) ?? [])
    }

    private func take(_ count: Int) async throws -> [UInt8]? {
        while input.readableBytes < count {
            guard var bytes = try await stream.read(within: .seconds(60)) else { return nil }
            input.writeBuffer(&bytes)
        }
        return input.readBytes(length: count)
    }
}
