import Foundation
import MTProtoWire
import NIOCore
import ProxyTestKit

/// The proxy's end of one link, small and by hand.
actor MiddleProxyMiniClient {
    /// Why a link did not open, in a few words.
    struct Refusal: Error, Equatable {
        var word: String

        init(_ word: String) { self.word = word }
    }

    /// What a proxy may do otherwise.
    struct Options: Sendable {
        var secret = FakeMiddleProxy.secret
        /// Where the proxy thinks that it is; nil: at its socket's address.
        var believes: IPAddress?
        var flags: UInt32 = 0x800
        var clockOffset = 0
        var prime: [UInt8]?
        var patience = Duration.seconds(30)
        var writePatience = Duration.seconds(30)
    }

    nonisolated let stream: ByteStream
    private let options: Options
    private var sender = LinkSender()
    private var decoder = LinkFrameDecoder()
    private var inbound: LinkCipher?
    private var partial: [UInt8] = []
    private(set) var usesCRC32C = false
    /// "IPIPPRPDTIME", as some proxies send it.
    static let process = Array("IPIPPRPDTIME".utf8)

    static func open(_ proxy: FakeMiddleProxy, _ options: Options = Options()) async throws -> MiddleProxyMiniClient {
        let stream = try await ByteStream.connect(host: proxy.host, port: proxy.port)
        let client = MiddleProxyMiniClient(stream, options)
        do {
            try await client.shakeHands()
        } catch {
            stream.closeSocket()
            throw error
        }
        return client
    }

    private init(_ stream: ByteStream, _ options: Options) {
        self.stream = stream
        self.options = options
        decoder.maximumLength = 64 << 20
    }

    // MARK: Frames

    func send(_ payloads: [[UInt8]]) async throws {
        for payload in payloads { sender.add(payload) }
        try await stream.write(try sender.take(), within: options.writePatience)
    }

    func send(raw bytes: [UInt8]) async throws {
        sender.add(raw: bytes)
        try await stream.write(try sender.take(), within: options.writePatience)
    }

    func request(_ connection: UInt64, _ message: [UInt8], flags: UInt32 = 0x4002_1008, port: UInt16 = 50_000)
        async throws
    {
        try await send([Self.request(connection, message, flags: flags, port: port)])
    }

    static func request(
        _ connection: UInt64, _ message: [UInt8], flags: UInt32 = 0x4002_1008, port: UInt16 = 50_000
    ) -> [UInt8] {
        var out = ByteBuffer()
        out.writeMultipleIntegers(LinkWord.request, flags, endianness: .little)
        out.writeInteger(connection, endianness: .little)
        let mapped = [UInt8](repeating: 0, count: 10) + [0xff, 0xff]
        out.writeBytes(mapped + [198, 51, 100, 23])
        out.writeInteger(UInt32(port), endianness: .little)
        out.writeBytes(mapped + [203, 0, 113, 7])
        out.writeInteger(UInt32(443), endianness: .little)
        if flags & 8 != 0 {
            out.writeInteger(UInt32(24), endianness: .little)
            out.writeInteger(LinkWord.tag, endianness: .little)
            out.writeBytes([16] + [UInt8](repeating: 0xad, count: 16) + [0, 0, 0])
        }
        out.writeBytes(message)
        return Array(buffer: out)
    }

    /// The payload of the next frame; nil when the link ended.
    func receive(within limit: Duration? = nil) async throws -> [UInt8]? {
        while true {
            if let payload = try decoder.next() { return payload }
            guard let bytes = try await stream.read(within: limit ?? options.patience) else { return nil }
            partial += Array(buffer: bytes)
            let whole = inbound == nil ? partial.count : partial.count / 16 * 16
            let taken = Array(partial.prefix(whole))
            partial.removeFirst(whole)
            decoder.append(try inbound?.decrypt(taken) ?? taken)
        }
    }

    /// The message of the next answer, which must be for `connection`.
    func answer(to connection: UInt64) async throws -> [UInt8] {
        guard let payload = try await receive() else { throw KitError.ended(stream.ending) }
        guard payload.starts(with: LinkWord.answer(connection, [])) else {
            throw KitError.violation("no answer for \(connection): \(hex(payload.prefix(16)))")
        }
        return Array(payload.dropFirst(16))
    }

    var fillersReceived: Int { decoder.fillers }

    // MARK: Opening

    private func shakeHands() async throws {
        var generator = SystemRandomNumberGenerator()
        let nonce = (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let exponent = (0..<8).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let time = UInt32(truncatingIfNeeded: Int(Date().timeIntervalSince1970) + options.clockOffset)
        let schema: UInt32 = options.prime == nil ? 1 : 3
        var hello = ByteBuffer()
        hello.writeInteger(LinkWord.nonce, endianness: .little)
        hello.writeBytes(options.secret.prefix(4))
        hello.writeMultipleIntegers(schema, time, endianness: .little)
        hello.writeBytes(nonce)
        if let prime = options.prime {
            hello.writeMultipleIntegers(UInt32(0), UInt32(0x0062_0b93), endianness: .little)
            hello.writeBytes(LinkExchange.publicValue(exponent: exponent, prime: prime))
        }
        sender.add(Array(buffer: hello))
        try await stream.write(try sender.take())
        let answer = try await step("nonce")
        let head = Array(buffer: hello)
        guard answer.count == head.count else { throw Refusal("nonce length") }
        guard answer[0..<4] == head[0..<4] else { throw Refusal("nonce type") }
        guard answer[4..<8] == head[4..<8] else { throw Refusal("selector") }
        guard answer[8..<12] == head[8..<12] else { throw Refusal("schema") }
        let theirs = answer[12..<16].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard abs(theirs - Int(time)) <= 30 else { throw Refusal("skew") }
        guard (try? decoder.next()) == .some(nil), decoder.waiting == 0 else { throw Refusal("bytes behind nonce") }
        var shared: [UInt8] = []
        if let prime = options.prime {
            shared = LinkExchange.shared(theirs: answer.suffix(256), exponent: exponent, prime: prime)
        }
        let material = LinkKeyMaterial(
            serverNonce: Array(answer[16..<32]), clientNonce: nonce, clientTime: time,
            server: try endpoint(stream.remoteAddress), client: try endpoint(stream.localAddress, options.believes),
            secret: options.secret, shared: shared
        )
        sender.cipher = LinkCipher(material.keys(.client))
        inbound = LinkCipher(material.keys(.server))
        try await handshake()
    }

    private func endpoint(_ socket: SocketAddress?, _ believed: IPAddress? = nil) throws -> Endpoint {
        guard let text = socket?.ipAddress, let address = IPAddress(text), let port = socket?.port else {
            throw Refusal("no address")
        }
        return Endpoint(address: believed ?? address, port: UInt16(port))
    }

    private func handshake() async throws {
        var hello = ByteBuffer()
        hello.writeMultipleIntegers(LinkWord.handshake, options.flags, endianness: .little)
        hello.writeBytes(Self.process + Self.process)
        sender.add(Array(buffer: hello))
        try await stream.write(try sender.take())
        let answer = try await step("handshake")
        if LinkWord.first(answer) == LinkWord.handshakeError, answer.count == 20 {
            throw Refusal("refused \(Int32(bitPattern: UInt32(answer[4]) | ~0xff))")
        }
        guard answer.count == 32 else { throw Refusal("handshake length") }
        guard LinkWord.first(answer) == LinkWord.handshake else { throw Refusal("handshake type") }
        guard Array(answer[20..<32]) == Self.process else { throw Refusal("process") }
        guard answer[4] == 0, answer[6] == 0, answer[7] == 0, answer[5] == 0 || answer[5] == 8 else {
            throw Refusal("flags")
        }
        usesCRC32C = answer[5] == 8
        if usesCRC32C { (sender.checksum, decoder.checksum) = (.crc32c, .crc32c) }
    }

    private func step(_ what: String) async throws -> [UInt8] {
        do {
            guard let payload = try await receive() else { throw Refusal("closed before \(what)") }
            return payload
        } catch KitError.violation {
            throw Refusal("\(what) frame")
        } catch KitError.timedOut {
            throw Refusal("silent before \(what)")
        } catch KitError.ended(.reset) {
            throw Refusal("reset before \(what)")
        } catch let error as IOError {
            throw Refusal(error.errnoCode == ECONNRESET ? "reset before \(what)" : "\(error)")
        }
    }
}
