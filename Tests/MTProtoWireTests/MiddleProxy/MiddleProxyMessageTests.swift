import MTProtoWire
import Testing

@Suite("MiddleProxyMessage")
struct MiddleProxyMessageTests {
    private static func read(_ payload: [UInt8]) throws -> MiddleProxyMessage {
        try payload.withUnsafeBytes { try MiddleProxyMessage($0) }
    }

    @Test("Messages of the vectors")
    func vectors() throws {
        let vectors = VectorFiles.middleProxy
        let answer = try vectors.answer("RPC_PROXY_ANS")
        #expect(try Self.read(answer.payload.bytes) == .answer(connection: 0x40_0009, flags: 0, data: 16..<24))
        #expect(answer.payload.bytes[16..<24].elementsEqual(try #require(answer.data).bytes))
        let ack = try vectors.answer("RPC_SIMPLE_ACK").payload.bytes
        #expect(try Self.read(ack) == .simpleAck(connection: 0x40_0009, confirm: 0x8102_0304))
        let close = try vectors.answer("RPC_CLOSE_EXT").payload.bytes
        #expect(try Self.read(close) == .closeExternal(connection: 0x40_0009))
        let gone = try vectors.answer("RPC_CLOSE_CONN").payload.bytes
        #expect(try Self.read(gone) == .closeConnection(connection: 0x40_0009))
        #expect(MiddleProxyMessage.closeConnectionPayload(0x40_0009) == gone)
        let ping = try vectors.answer("RPC_PING")
        let id: UInt64 = 0x1122_3344_5566_7788
        #expect(try Self.read(ping.payload.bytes) == .ping(id: id))
        #expect(MiddleProxyMessage.pingPayload(id: id) == ping.payload.bytes)
        let pong = try #require(ping.reply).bytes
        #expect(MiddleProxyMessage.pongPayload(id: id) == pong)
        #expect(try Self.read(pong) == .pong(id: id))
    }

    @Test("An answer may be empty and has flags")
    func emptyAnswer() throws {
        let payload = try unhex("0dda0344 10000000 ffffffffffffffff")
        #expect(try Self.read(payload) == .answer(connection: .max, flags: 0x10, data: 16..<16))
    }

    @Test("Unknown messages of any length are named")
    func unknown() throws {
        #expect(try Self.read([1, 2, 3, 4]) == .unknown(type: 0x0403_0201))
        #expect(try Self.read([1, 2, 3, 4] + Array(repeating: 0, count: 100)) == .unknown(type: 0x0403_0201))
    }

    @Test(
        "A wrong length is an error",
        arguments: ["RPC_PROXY_ANS", "RPC_SIMPLE_ACK", "RPC_CLOSE_EXT", "RPC_CLOSE_CONN", "RPC_PING"])
    func wrongLength(name: String) throws {
        let payload = try VectorFiles.middleProxy.answer(name).payload.bytes
        for length in [0, 1, 3, 4, 8, 11] {
            #expect(throws: WireError.middleProxyBadMessage) { try Self.read(Array(payload.prefix(length))) }
        }
        guard name != "RPC_PROXY_ANS" else { return }
        #expect(throws: WireError.middleProxyBadMessage) { try Self.read(payload + [0, 0, 0, 0]) }
        #expect(throws: WireError.middleProxyBadMessage) { try Self.read(payload.dropLast(4)) }
    }

    @Test("Nothing traps the reader, and an answer's data is inside it")
    func garbage() throws {
        for name in ["RPC_PROXY_ANS", "RPC_SIMPLE_ACK", "RPC_PING"] {
            let payload = try VectorFiles.middleProxy.answer(name).payload.bytes
            for bytes in Drip.damaged(payload) + Drip.truncations(payload) + Drip.garbage() {
                guard case .answer(_, _, let data) = try? Self.read(bytes) else { continue }
                #expect(data.upperBound == bytes.count)
            }
        }
    }
}
