import MTProtoWire
import NIOCore
import Testing

@Suite("MiddleProxyHandshake")
struct MiddleProxyHandshakeTests {
    private typealias Peer = ScriptedMiddleProxy

    private static let filler: [UInt8] = [4, 0, 0, 0]

    @Test("A link is established, and its streams go on")
    func established() throws {
        let setup = try Peer.setup()
        let peer = Peer()
        var machine = MiddleProxyHandshake(setup)
        #expect(Array(buffer: machine.start()).count == 44)
        guard case .send(let handshake) = try machine.feed(peer.nonceFrame) else {
            Issue.record("no handshake")
            return
        }
        let decryptor = try peer.decryptor(setup)
        let plain = decrypt(Array(buffer: handshake), decryptor)
        #expect(plain[8..<12] == [0xf5, 0xee, 0x82, 0x76])
        #expect(plain[12..<16] == [0, 8, 0, 0])
        #expect(plain[28..<40] == [0x32, 0xaf, 0x9a, 0x95, 0xb8, 0x22, 0, 0, 0, 0, 0, 0])

        // A whole message and five bytes of the next block come along.
        let encryptor = try peer.encryptor(setup)
        var message = ByteBuffer()
        var writer = MiddleProxyFrameWriter(crc: .crc32c)
        writer.write(MiddleProxyMessage.pingPayload(id: 3), into: &message)
        let bytes = encrypt(Peer.padded(peer.handshakePlain + Array(buffer: message)), encryptor)
        guard case .established(var link) = try machine.feed(bytes + [1, 2, 3, 4, 5]) else {
            Issue.record("not established")
            return
        }
        #expect(Array(buffer: link.leftover) == Array(Peer.padded(peer.handshakePlain + Array(buffer: message))[44...]))
        #expect(Array(buffer: link.undecrypted) == [1, 2, 3, 4, 5])
        let step = try link.leftover.withUnsafeReadableBytes { try link.reader.next($0) }
        #expect(step == .frame(payload: 8..<20, length: 24))

        message.clear()
        link.writer.write(MiddleProxyMessage.pongPayload(id: 3), into: &message)
        let sent = Peer.padded(Array(buffer: message))
        #expect(decrypt(encrypt(sent, link.encryptor), decryptor) == sent)
        // What comes behind the link is the link's.
        var late = ByteBuffer(bytes: [1])
        guard case .needMore = try machine.receive(&late, unixTime: Peer.time) else {
            Issue.record("read on")
            return
        }
        #expect(late.readableBytes == 1)
    }

    @Test("CRC32C is for links where both sides want it")
    func checksums() throws {
        var setup = try Peer.setup()
        var peer = Peer()
        let both = try peer.play(setup)
        #expect(both?.writer.crc == .crc32c && both?.reader.crc == .crc32c)
        peer.flags = 0
        let ours = try peer.play(setup)
        #expect(ours?.writer.crc == .crc32 && ours?.reader.crc == .crc32)
        setup.offersCRC32C = false
        #expect(try peer.play(setup)?.writer.crc == .crc32)
        peer.flags = 0x800
        #expect(throws: MiddleProxyError.wrongFlags(0x800)) { try peer.play(setup) }
    }

    @Test("Flags in the lowest byte are refused, others are not looked at")
    func flags() throws {
        #expect(throws: MiddleProxyError.wrongFlags(0x801)) { try Peer(flags: 0x801).play() }
        #expect(throws: MiddleProxyError.wrongFlags(0x80)) { try Peer(flags: 0x80).play() }
        #expect(try Peer(flags: 0x1_0800).play()?.writer.crc == .crc32c)
        #expect(try Peer(flags: 0x8000_0000).play()?.writer.crc == .crc32)
    }

    @Test(
        "Clocks may differ by 30 seconds",
        arguments: [(0, true), (29, true), (30, true), (31, false), (1_000_000, false)])
    func skew(seconds: UInt32, isTaken: Bool) throws {
        for (time, skew) in [(Peer.time + seconds, Int(seconds)), (Peer.time - seconds, -Int(seconds))] {
            var machine = MiddleProxyHandshake(try Peer.setup())
            #expect(machine.skewSeconds == nil)
            if isTaken {
                #expect(throws: Never.self) { try machine.feed(Peer(time: time).nonceFrame) }
                #expect(try Peer(time: time).play()?.skewSeconds == skew)
            } else {
                #expect(throws: MiddleProxyError.clockSkew(seconds: skew)) {
                    try machine.feed(Peer(time: time).nonceFrame)
                }
                #expect(!machine.sentHandshake)
            }
            #expect(machine.skewSeconds == skew)
        }
    }

    @Test("An answer that takes its time does not count as skew")
    func slowAnswer() throws {
        for (offset, skew) in [(UInt32(0), 0), (5, 0), (9, 0), (39, 30)] {
            #expect(try Peer(time: Peer.time + offset).play(now: Peer.time + 9)?.skewSeconds == skew)
        }
        // Our clock was set back meanwhile.
        #expect(try Peer().play(now: Peer.time - 100)?.skewSeconds == 0)
        #expect(try Peer(time: Peer.time - 30).play(now: 0)?.skewSeconds == -30)
        #expect(throws: MiddleProxyError.clockSkew(seconds: -Int(Peer.time))) { try Peer(time: 0).play(now: .max) }
    }

    @Test("An echo that says nothing or the truth is taken")
    func echo() throws {
        let nobody = ProcessID(ip: 0, port: 0, pid: 0, startTime: 0)
        for echo in [Peer.ours, nobody, ProcessID(ip: Peer.ours.ip, port: 0, pid: 77, startTime: 0)] {
            #expect(try Peer(echo: echo).play() != nil)
        }
        var others = Array(repeating: Peer.ours, count: 4)
        others[0].ip = 1
        others[1].port = 1
        others[2].pid = 1
        others[3].startTime = 1
        for echo in others {
            #expect(throws: MiddleProxyError.wrongProcess) { try Peer(echo: echo).play() }
        }
        var setup = try Peer.setup()
        setup.process.ip = 0
        #expect(throws: MiddleProxyError.wrongProcess) { try Peer().play(setup) }
    }

    @Test(
        "The peer is named by its address",
        arguments: [
            ("149.154.175.50", UInt32(0x959a_af32)), ("127.0.0.1", 0), ("127.0.0.2", 0x7f00_0002), ("2001:db8::1", 0),
        ])
    func peer(address: String, ip: UInt32) throws {
        let endpoint = Endpoint(address: try #require(IPAddress(address)), port: 8888)
        #expect(ProcessID(remote: endpoint) == ProcessID(ip: ip, port: 8888, pid: 0, startTime: 0))
    }

    @Test("Fillers stand anywhere between frames")
    func fillers() throws {
        let setup = try Peer.setup()
        let peer = Peer()
        var machine = MiddleProxyHandshake(setup)
        let nonce = Self.filler + Self.filler + peer.nonceFrame + Self.filler
        // The last two bytes of a filler come behind our handshake, and one more filler.
        guard case .send = try machine.feed(nonce + [4, 0]) else {
            Issue.record("no handshake")
            return
        }
        guard case .needMore = try machine.feed([0, 0] + Self.filler) else {
            Issue.record("fillers are nothing")
            return
        }
        let plain = Self.filler + Self.filler + peer.handshakePlain + Self.filler
        let cipher = encrypt(Peer.padded(plain), try peer.encryptor(setup))
        guard case .established = try machine.feed(cipher) else {
            Issue.record("not established")
            return
        }
    }

    @Test("IPv6 on both ends is a link of its own kind; mixed ends are none")
    func families() throws {
        var setup = try Peer.setup()
        setup.remote.address = try #require(IPAddress("2001:db8::2"))
        #expect(throws: MiddleProxyError.mixedFamilies) { try Peer().play(setup) }
        setup.local.address = try #require(IPAddress("2001:db8::1"))
        #expect(try Peer().play(setup) != nil)
    }

    @Test("Diffie-Hellman: both sides' values go into the keys")
    func diffieHellman() throws {
        typealias Sample = DiffieHellmanSample
        var setup = try Peer.setup()
        // A short exponent, because the numbers are slow without optimization.
        let exponent: [UInt8] = [1, 1]
        let sample = try Sample.group()
        let shared = try #require(sample.shared(value: Sample.publicOfSecond, exponent: exponent))
        setup.diffieHellman = (group: sample, exponent: exponent)
        var machine = MiddleProxyHandshake(setup)
        let start = Array(buffer: machine.start())
        #expect(start.count == 12 + 32 + 8 + 256)
        #expect(start[16..<20] == [3, 0, 0, 0])
        #expect(start[40..<48] == [0, 0, 0, 0, 0x93, 0x0b, 0x62, 0])
        #expect(start[48..<304].elementsEqual(sample.publicValue(exponent: exponent)))

        let group: [UInt8] = [0x93, 0x0b, 0x62, 0]
        var peer = Peer(
            schema: 3, nonceTail: [0, 0, 0, 0] + group + Sample.publicOfSecond, sharedSecret: shared)
        #expect(try peer.play(setup) != nil)
        let selectors = [8, 0, 0, 0] + Array(repeating: UInt8(9), count: 32)
        peer.nonceTail = selectors + group + Sample.publicOfSecond
        #expect(try peer.play(setup) != nil)
        // The plain schema is no answer to this one.
        #expect(throws: MiddleProxyError.wrongSchema(1)) { try Peer().play(setup) }
        #expect(throws: MiddleProxyError.wrongSchema(3)) { try peer.play() }
        for (tail, error) in [
            ([0, 0, 0, 0] + [1] + group.dropFirst() + Sample.publicOfSecond, MiddleProxyError.badDiffieHellman),
            ([0, 0, 0, 0] + group + Array(repeating: 0, count: 256), .badDiffieHellman),
            ([0, 0, 0, 0] + group + Sample.prime, .badDiffieHellman),
            ([], .wrongLength), ([9, 0, 0, 0] + Array(repeating: 9, count: 36), .wrongLength),
            ([0, 0, 0, 0] + group + Sample.publicOfSecond.dropLast(4), .wrongLength),
            ([0, 0, 0, 0] + group + Sample.publicOfSecond + group, .wrongLength),
            ([0xff, 0xff, 0xff, 0xff] + group + Sample.publicOfSecond, .wrongLength),
        ] as [([UInt8], MiddleProxyError)] {
            peer.nonceTail = tail
            #expect(throws: error) { try peer.play(setup) }
        }
    }
}
