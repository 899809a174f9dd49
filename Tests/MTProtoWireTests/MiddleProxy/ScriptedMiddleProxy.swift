import MTProtoWire
import NIOCore
import Testing

/// The other end of a handshake, with everything that it could say otherwise.
struct ScriptedMiddleProxy {
    static let secretBytes = Array(UInt8(0)..<128)
    static let time: UInt32 = 1_700_000_000
    static let ours = ProcessID(ip: 0x0a01_0203, port: 8080, pid: 77, startTime: 1_600_000_000)

    /// How the proxy sees the link.
    static func setup() throws -> MiddleProxyHandshake.Setup {
        MiddleProxyHandshake.Setup(
            secret: try #require(MiddleProxySecret(bytes: secretBytes)),
            local: Endpoint(address: IPAddress(v4: 0xcb00_7107), port: 45_678),
            remote: Endpoint(address: IPAddress(v4: 0x959a_af32), port: 8888), process: ours,
            nonce: try #require(Block16(bytes: Array(repeating: 0xb0, count: 16))), unixTime: time)
    }

    // What the nonce frame says.
    var nonceSequence: Int32 = -2
    var nonceType = MiddleProxyType.nonce
    var selector: UInt32 = 0x0302_0100
    var schema: UInt32 = 1
    var time = Self.time
    var nonce = Array(repeating: UInt8(0xa0), count: 16)
    /// Behind the nonce.
    var nonceTail: [UInt8] = []

    // What the handshake frame says.
    var sequence: Int32 = -1
    var type = MiddleProxyType.handshake
    var flags = MiddleProxyHandshake.crc32CFlag
    var echo = Self.ours
    /// Behind the echo.
    var tail: [UInt8] = []
    /// The shared secret of schema 3.
    var sharedSecret: [UInt8]?

    var nonceFrame: [UInt8] {
        var payload = ByteBuffer()
        payload.writeMultipleIntegers(nonceType, selector, schema, time, endianness: .little)
        payload.writeBytes(nonce + nonceTail)
        return frame(payload, sequence: nonceSequence)
    }

    /// The handshake frame in clear, with a filler.
    var handshakePlain: [UInt8] {
        var payload = ByteBuffer()
        payload.writeMultipleIntegers(type, flags, endianness: .little)
        ProcessID(ip: 0x959a_af32, port: 8888, pid: 1, startTime: 5).write(to: &payload)
        echo.write(to: &payload)
        payload.writeBytes(tail)
        return frame(payload, sequence: sequence)
    }

    /// Encrypts what follows the nonces.
    func encryptor(_ setup: MiddleProxyHandshake.Setup) throws -> CBCEncryptor {
        CBCEncryptor(MiddleProxyKeys.derive(try material(setup)).read)
    }

    /// Decrypts what the proxy sends behind its nonce.
    func decryptor(_ setup: MiddleProxyHandshake.Setup) throws -> CBCDecryptor {
        CBCDecryptor(MiddleProxyKeys.derive(try material(setup)).write)
    }

    private func material(_ setup: MiddleProxyHandshake.Setup) throws -> MiddleProxyKeys.Material {
        MiddleProxyKeys.Material(
            serverNonce: try #require(Block16(bytes: nonce)), clientNonce: setup.nonce, clientTime: setup.unixTime,
            server: setup.remote, client: setup.local, secret: setup.secret, sharedSecret: sharedSecret)
    }

    func frame(_ payload: ByteBuffer, sequence: Int32) -> [UInt8] {
        var buffer = ByteBuffer()
        var writer = MiddleProxyFrameWriter(sequence: sequence)
        writer.write(Array(buffer: payload), into: &buffer)
        return Array(buffer: buffer)
    }

    /// Completes the last block with fillers.
    static func padded(_ bytes: [UInt8]) -> [UInt8] {
        var buffer = ByteBuffer(bytes: bytes)
        MiddleProxyFrameWriter.pad(&buffer, from: 0)
        return Array(buffer: buffer)
    }

    /// Plays both answers to a fresh machine.
    ///
    /// - Throws: what the machine throws.
    func play(_ setup: MiddleProxyHandshake.Setup? = nil, now: UInt32 = Self.time) throws -> EstablishedLink? {
        let setup = try setup ?? Self.setup()
        var machine = MiddleProxyHandshake(setup)
        _ = machine.start()
        guard case .send = try machine.feed(nonceFrame, now: now) else { return nil }
        let cipher = encrypt(Self.padded(handshakePlain), try encryptor(setup))
        guard case .established(let link) = try machine.feed(cipher, now: now) else { return nil }
        return link
    }
}

extension MiddleProxyHandshake {
    /// `receive` for arrays.
    mutating func feed(_ bytes: [UInt8], now: UInt32 = ScriptedMiddleProxy.time) throws -> Step {
        var buffer = ByteBuffer(bytes: bytes)
        let step = try receive(&buffer, unixTime: now)
        #expect(buffer.readableBytes == 0)
        return step
    }
}
